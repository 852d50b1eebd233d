"""Runs a chat model with OpenVINO GenAI in a process beside this one; knows nothing of prompts or articles.

It reads prompts some two and a half times as fast as llama.cpp where the processor has VNNI, and computes several
requests as one batch, for about 1.2 GB more memory. Figures: docs/experiments.md.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
import threading
from collections.abc import Generator as Replies
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from index.child_process import module_command
from index.errors import ModelError
from qa.generators.messages import inert_messages
from qa.generators.protocol import Message

_WORKER = "qa.generators.openvino_worker"
_SECONDS_TO_END = 5.0
_MAX_PROMPT_TOKENS = 8192
"""The library's tokenizer cuts longer texts at their beginning."""
_CACHED_PROMPTS = 4

Reply = dict[str, Any]
"""One line of the worker, see there."""


class OpenVinoGenerator:
    """A :class:`qa.generators.protocol.Generator` for a folder that :mod:`qa.generators.openvino_model` prepared.

    Thread-safe: requests that come together are computed together. Decoding is greedy, and in bfloat16 where the
    processor has it, so that the same messages give the same text unless two tokens are equally likely.
    """

    def __init__(self, folder: Path, *, model_id: str, context_tokens: int = 4096) -> None:
        """Start the process and wait until it has read the model.

        :param context_tokens: At most 8,192.
        :raises ModelError: If OpenVINO GenAI is not installed or cannot read the model.
        """
        if context_tokens > _MAX_PROMPT_TOKENS:
            raise ModelError(
                f"the engine openvino reads {_MAX_PROMPT_TOKENS:,} tokens at most; set generator.context_tokens"
            )
        self._model_id = model_id
        self._context_tokens = context_tokens
        self._numbers = itertools.count(1)
        self._waiting: dict[int, SimpleQueue[Reply | None]] = {}
        self._lock = threading.Lock()
        cached_tokens = _CACHED_PROMPTS * context_tokens
        sizes = ["--context-tokens", str(context_tokens), "--cached-tokens", str(cached_tokens)]
        command, environment = module_command(_WORKER, [str(folder), *sizes])
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
        self._complaining = threading.Thread(target=self._read_complaints, name="openvino messages", daemon=True)
        self._reading = threading.Thread(target=self._read_replies, name="openvino replies", daemon=True)
        try:
            self._complaining.start()
            if "ready" not in self._read_line():
                raise ModelError(f"OpenVINO GenAI cannot run the model in {folder}: {self._ended()}")
            self._reading.start()
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise

    @property
    def model_id(self) -> str:
        return self._model_id

    @property
    def context_tokens(self) -> int:
        return self._context_tokens

    def count_tokens(self, text: str) -> int:
        """Exact for ``text`` alone up to 8,192 tokens, and that number above; the chat template adds some ten."""
        content = text.encode("utf-8", errors="replace").decode("utf-8")
        (reply,) = self._replies({"do": "count", "text": content})
        return int(reply["count"])

    def stream(self, messages: Sequence[Message], max_tokens: int) -> Iterator[str]:
        """See :class:`qa.generators.protocol.Generator`; the prompt is first read when the first piece is asked for."""
        with closing(self._replies(_body(messages, max_tokens))) as replies:
            for reply in replies:
                yield reply["text"]

    def score(self, messages: Sequence[Message], choices: Sequence[str]) -> list[float]:
        """See :class:`qa.generators.protocol.Generator`, but given that the reply begins with one of the choices.

        :raises ModelError: Also for more than two different choices: only the likeliest token is reported.
        """
        if not choices:
            return []
        if len(set(choices)) > 2:
            raise ModelError("the engine openvino tells the likelihoods of two choices, not of more")
        (reply,) = self._replies(_body(messages, 1, choices))
        return [float(score) for score in reply["scores"]]

    def prewarm(self, messages: Sequence[Message]) -> None:
        for _ in self.stream(messages, 1):
            pass

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

    def _replies(self, request: dict[str, Any]) -> Replies[Reply, None, None]:
        """What the worker answers, line by line; closing the iterator cancels the request.

        :raises ModelError: If the process has ended or reports an error.
        """
        number, waiting = next(self._numbers), SimpleQueue[Reply | None]()
        self._waiting[number] = waiting
        is_over = False
        try:
            if self._is_over:
                raise ModelError(f"the process of the model {self._model_id} ended: {self._ended()}")
            self._send({"id": number, **request})
            while (reply := waiting.get()) is not None and "end" not in reply:
                if "error" in reply:
                    raise ModelError(f"the model {self._model_id} failed: {reply['error']}")
                yield reply
            if reply is None:
                raise ModelError(f"the process of the model {self._model_id} ended: {self._ended()}")
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
            raise ModelError(f"the model {self._model_id} was closed or its process ended") from error

    def _read_line(self) -> Reply:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        try:
            reply: Reply = json.loads(line) if line else {}
        except ValueError as error:
            raise ModelError(f"the process of the model {self._model_id} wrote no reply: {line[:200]!r}") from error
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
        return f"{self._complaints[-1] if self._complaints else 'nothing said'} (status {status}); restart Article QA"


def _body(messages: Sequence[Message], max_tokens: int, choices: Sequence[str] | None = None) -> dict[str, Any]:
    return {
        "do": "write",
        "messages": inert_messages(messages),
        "max_tokens": max_tokens,
        "choices": list(choices) if choices is not None else None,
    }
