"""Speaks with a process of ours that answers numbered requests, line by line; knows nothing of what is asked.

Lines in and out are JSON objects. The process says ``{"ready"}`` first, and ends each request's lines with one that has
``"end"``; ``{"id", "do": "cancel"}`` tells it that nobody waits any more.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
import threading
from collections.abc import Generator as Replies
from collections.abc import Sequence
from queue import SimpleQueue
from typing import Any

from index.child_process import module_command
from index.errors import ModelError

_SECONDS_TO_END = 5.0

Reply = dict[str, Any]
"""One line of the process."""


class WorkerProcess:
    """Thread-safe. It ends when it is closed, when it fails, or with the process that started it.

    :param name: What errors call it.
    """

    def __init__(self, name: str, module: str, arguments: Sequence[str]) -> None:
        """Start ``python -m module`` and wait until it is ready.

        :raises ModelError: If it ends before.
        """
        self._name = name
        self._numbers = itertools.count(1)
        self._waiting: dict[int, SimpleQueue[Reply | None]] = {}
        self._lock = threading.Lock()
        command, environment = module_command(module, arguments)
        self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=environment,
        )
        self._complaints: list[str] = []
        self._is_over = False
        # Daemons: they only read pipes, and an interpreter that ends without close() must not wait for them.
        self._complaining = threading.Thread(target=self._read_complaints, name="worker messages", daemon=True)
        self._reading = threading.Thread(target=self._read_replies, name="worker replies", daemon=True)
        try:
            self._complaining.start()
            if "ready" not in self._read_line():
                raise ModelError(f"{name} does not start: {self._ended()}")
            self._reading.start()
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise

    @property
    def is_over(self) -> bool:
        return self._is_over

    def close(self) -> None:
        """End the process and what it writes. Closing twice does nothing."""
        assert self._process.stdin is not None
        is_free = self._lock.acquire(timeout=_SECONDS_TO_END)  # who holds it longer waits for a process that is stuck
        if is_free:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
            self._lock.release()
        try:
            self._process.wait(_SECONDS_TO_END if is_free else 0)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._ended()
        self._reading.join()

    def replies(self, request: dict[str, Any]) -> Replies[Reply, None, None]:
        """What it answers, line by line; closing the iterator cancels the request.

        :raises ModelError: If the process has ended or reports an error.
        """
        number, waiting = next(self._numbers), SimpleQueue[Reply | None]()
        self._waiting[number] = waiting
        is_over = False
        try:
            if self._is_over:
                raise ModelError(f"{self._name} ended: {self._ended()}")
            self._send({"id": number, **request})
            while (reply := waiting.get()) is not None and "end" not in reply:
                if "error" in reply:
                    raise ModelError(f"{self._name} failed: {reply['error']}")
                yield reply
            if reply is None:
                raise ModelError(f"{self._name} ended: {self._ended()}")
            is_over = True
        finally:
            del self._waiting[number]
            if not is_over and self._process.poll() is None:
                with contextlib.suppress(ModelError):  # it ends just now
                    self._send({"id": number, "do": "cancel"})

    def _send(self, request: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        line = json.dumps(request) + "\n"
        try:
            with self._lock:
                self._process.stdin.write(line)
                self._process.stdin.flush()
        except (BrokenPipeError, ValueError) as error:  # ValueError: closed
            raise ModelError(f"{self._name} was closed or has ended") from error

    def _read_line(self) -> Reply:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        try:
            reply: Reply = json.loads(line) if line else {}
        except ValueError as error:
            raise ModelError(f"{self._name} wrote no reply: {line[:200]!r}") from error
        return reply

    def _read_replies(self) -> None:
        try:
            while reply := self._read_line():
                waiting = self._waiting.get(int(reply["id"]))
                if waiting is not None:
                    waiting.put(reply)
        except ModelError as error:
            self._complaints = [str(error)]
            self._process.kill()
        finally:
            self._is_over = True  # before those who wait are told: who comes later looks at it
            for waiting in list(self._waiting.values()):
                waiting.put(None)

    def _read_complaints(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._complaints = [*self._complaints[-20:], line.strip()]

    def _ended(self) -> str:
        """What the process said at last, once it is over."""
        status = self._process.wait()
        self._complaining.join()
        return f"{self._complaints[-1] if self._complaints else 'nothing said'} (status {status})"
