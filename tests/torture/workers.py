"""Starts workers, talks to them and kills them; knows nothing of their tasks."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.torture.channel import Channel, ChannelClosedError

ROOT = Path(__file__).parents[2]
_START_SECONDS = 120.0


class Worker:
    """A process that runs one task."""

    def __init__(self, workers: Workers, pid: int, channel: Channel) -> None:
        self._workers = workers
        self._status: int | None = None
        self.pid = pid
        self.channel = channel

    def ask(self, **message: Any) -> dict[str, Any] | None:
        """Send a message and wait for the reply; None when the worker died instead."""
        try:
            self.channel.send(**message)
            return self.channel.receive()
        except ChannelClosedError:
            return None

    def receive(self) -> dict[str, Any] | None:
        """The next message; None when the worker ended without one."""
        try:
            return self.channel.receive()
        except ChannelClosedError:
            return None

    def kill(self) -> None:
        """A worker that has ended is still there until its status is asked for, so this hits nobody else."""
        if self._status is None:
            os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        """Exit status: 0, 1 after an exception nobody foresaw, or the negative number of a signal."""
        if self._status is None:
            self._status = self._workers.wait(self.pid)
            self.channel.close()
        return self._status


class Workers:
    """A server of workers; a context manager, so that none outlives the harness.

    :param log: What the workers print to standard error is appended here.
    """

    def __init__(self, log: Path) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="torture-"))
        address = self._folder / "socket"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(address))
        self._listener.listen(32)
        self._listener.settimeout(_START_SECONDS)
        single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        self._log = log.open("ab")
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.torture.worker", str(address)],
            cwd=ROOT,
            env=os.environ | single | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.stdout.close()
        self._server.wait(30)
        self._listener.close()
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self, task: str, **arguments: Any) -> Worker:
        """Start a task; it is running, and connected, when this returns."""
        pid = self._ask({"task": task, "arguments": arguments})
        connection, _ = self._listener.accept()
        return Worker(self, pid, Channel(connection))

    def wait(self, pid: int) -> int:
        return self._ask({"wait": pid})

    def _ask(self, request: dict[str, Any]) -> int:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())
