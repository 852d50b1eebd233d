"""Runs a chat model with OpenVINO GenAI in a process beside this one; knows nothing of prompts or articles.

It reads prompts some two and a half times as fast as llama.cpp where the processor has VNNI, and computes several
requests as one batch, for some 250 MB more memory and twelve seconds of a processor at
its start. Figures: docs/experiments.md.
"""

from __future__ import annotations

import threading
from collections.abc import Generator as Replies
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from index.errors import ModelError
from qa.generators.local_engine import OPENVINO_MAX_CONTEXT_TOKENS
from qa.generators.messages import inert_messages
from qa.generators.protocol import Message
from qa.generators.worker_process import Reply, WorkerProcess

_WORKER = "qa.generators.openvino_worker"
_CACHED_PROMPTS = 4


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
        if context_tokens > OPENVINO_MAX_CONTEXT_TOKENS:
            raise ModelError(
                f"the engine openvino reads {OPENVINO_MAX_CONTEXT_TOKENS:,} tokens at most; set "
                "generator.context_tokens"
            )
        self._model_id = model_id
        self._context_tokens = context_tokens
        cached_tokens = _CACHED_PROMPTS * context_tokens
        sizes = ["--context-tokens", str(context_tokens), "--cached-tokens", str(cached_tokens)]
        self._arguments = [str(folder), *sizes]
        self._lock = threading.Lock()
        self._is_closed = False
        self._worker = self._started()

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
        with self._lock:
            self._is_closed = True
        self._worker.close()

    def _replies(self, request: dict[str, Any]) -> Replies[Reply, None, None]:
        """What the process answers; one that has ended (the system may take it for its memory) is started anew.

        :raises ModelError: If this is closed, or the process ends or reports an error.
        """
        with self._lock:
            if self._is_closed:
                raise ModelError(f"the model {self._model_id} was closed; load it again to use it")
            if self._worker.is_over:
                self._worker.close()
                self._worker = self._started()
            worker = self._worker
        yield from worker.replies(request)

    def _started(self) -> WorkerProcess:
        return WorkerProcess(f"the process of the model {self._model_id}", _WORKER, self._arguments)


def _body(messages: Sequence[Message], max_tokens: int, choices: Sequence[str] | None = None) -> dict[str, Any]:
    return {
        "do": "write",
        "messages": inert_messages(messages),
        "max_tokens": max_tokens,
        "choices": list(choices) if choices is not None else None,
    }
