"""Runs a chat model with OpenVINO GenAI as a process of its own, which reads requests from standard input.

A process, since the library holds Python's lock while it computes: in the server's own, no page would be answered
meanwhile. Knows nothing of prompts or articles. Lines in are JSON objects, each with the number of a request:
``{"id", "do": "write", "messages", "max_tokens", "choices"}`` (``choices`` null, or one or two words of which the
likelihood is asked), ``{"id", "do": "count", "text"}`` and ``{"id", "do": "cancel"}``. Lines out: ``{"ready"}`` once;
``{"id", "text"}`` for each piece, or ``{"id", "scores"}``, ``{"id", "count"}``, ``{"id", "error"}``; ``{"id", "end"}``.

Requests under way at the same time are computed as one batch.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import queue
import re
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import index.openvino_graph  # noqa: F401 - keeps OpenVINO from reporting its use when it is imported
from qa.generators.mapped_files import release_mapped

_BLOCK_TOKENS = 32
# A cancelled prompt stops between steps: this many tokens are read before anyone asks again.
_STEP_TOKENS = 256
# Answers copy from articles: what follows the last words where they stand in the prompt is guessed, and checked at once
# (prompt lookup; Saxena 2023, https://github.com/apoorvumang/prompt-lookup-decoding). The text is the one that would be
# written without, but for tokens that rounding makes equally likely. Figures: docs/experiments.md.
_NGRAM_TOKENS = 3
_GUESSED_TOKENS = 5
WEIGHTS_FILE = "openvino_model.bin"
_LEAST_PROBABILITY = 1e-7  # the likelihoods come rounded


@dataclass
class _Reply:
    """One request under way; ``ids`` are the tokens written, of which ``text`` was sent."""

    number: int
    handle: Any
    choices: Sequence[str]
    ids: list[int] = field(default_factory=list)
    log_probs: list[float] = field(default_factory=list)
    text: str = ""


class Worker:
    """:param num_cached_tokens: Of all prompts that are kept and under way; a prompt may not be longer."""

    def __init__(self, folder: Path, context_tokens: int, num_cached_tokens: int, output: TextIO) -> None:
        import openvino_genai as genai

        self._genai = genai
        scheduler = genai.SchedulerConfig()
        scheduler.enable_prefix_caching = True
        scheduler.cache_size = 0
        scheduler.num_kv_blocks = max(num_cached_tokens, context_tokens) // _BLOCK_TOKENS
        scheduler.max_num_batched_tokens = _STEP_TOKENS
        self._pipeline = genai.ContinuousBatchingPipeline(str(folder), scheduler, "CPU", {"prompt_lookup": True})
        self._tokenizer = self._pipeline.get_tokenizer()
        self._context_tokens = context_tokens
        self._output = output
        self._replies: dict[int, _Reply] = {}
        self._unpack(folder)

    def _unpack(self, folder: Path) -> None:
        """Have the weights unpacked, which the first token does, and give back the memory of what they come from."""
        config = self._greedy(max_tokens=1)
        self._pipeline.generate(["Hello."], [config])
        if not release_mapped(folder / WEIGHTS_FILE):
            print(f"{WEIGHTS_FILE} is not mapped: its memory cannot be given back", file=sys.stderr)

    def run(self, requests: queue.SimpleQueue[str | None]) -> None:
        """Serve until None comes."""
        self._send(ready=True)
        while True:
            is_busy = self._pipeline.has_non_finished_requests()
            while not is_busy or not requests.empty():
                line = requests.get()
                if line is None:
                    return
                self._start(json.loads(line))
                is_busy = self._pipeline.has_non_finished_requests()
            try:
                self._pipeline.step()
            except RuntimeError as error:
                for number in list(self._replies):
                    self._fail(number, str(error))
                raise
            for reply in list(self._replies.values()):
                self._report(reply)

    def _start(self, request: dict[str, Any]) -> None:
        number, what = int(request["id"]), request["do"]
        try:
            if what == "cancel":
                self._cancel(number)
            elif what == "count":
                self._send(id=number, count=len(self._encoded(request["text"])[1]))
                self._send(id=number, end=True)
            else:
                self._write(number, request)
        except (RuntimeError, ValueError) as error:
            self._fail(number, str(error))

    def _cancel(self, number: int) -> None:
        reply = self._replies.pop(number, None)
        if reply is not None:
            reply.handle.cancel()

    def _write(self, number: int, request: dict[str, Any]) -> None:
        prompt = self._tokenizer.apply_chat_template(request["messages"], add_generation_prompt=True)
        encoded, ids = self._encoded(prompt)
        if len(ids) >= self._context_tokens:
            held = self._context_tokens
            self._fail(number, f"the prompt has {len(ids)} or more tokens and the model's context holds {held}")
            return
        choices: list[str] = request["choices"] or []  # null for a text
        config = self._greedy(max(1, min(int(request["max_tokens"]), self._context_tokens - len(ids))))
        if choices:
            config.max_new_tokens, config.logprobs = 1, 1
            allowed = "|".join(re.escape(choice) for choice in choices)
            config.structured_output_config = self._genai.StructuredOutputConfig(regex=allowed)
        handle = self._pipeline.add_request(number, encoded, config)
        self._replies[number] = _Reply(number, handle, choices)

    def _greedy(self, max_tokens: int) -> Any:
        config = self._genai.GenerationConfig()
        config.do_sample = False
        config.apply_chat_template = False
        config.eos_token_id = self._tokenizer.get_eos_token_id()
        config.max_new_tokens = max_tokens
        config.max_ngram_size, config.num_assistant_tokens = _NGRAM_TOKENS, _GUESSED_TOKENS
        return config

    def _encoded(self, text: str) -> tuple[Any, list[int]]:
        encoded = self._tokenizer.encode(text, add_special_tokens=False).input_ids
        return encoded, encoded.data[0].tolist()

    def _report(self, reply: _Reply) -> None:
        while reply.handle.can_read():
            for written in reply.handle.read().values():
                reply.ids += written.generated_ids
                reply.log_probs += written.generated_log_probs
        status = reply.handle.get_status()
        is_over = status != self._genai.GenerationStatus.RUNNING
        if status == self._genai.GenerationStatus.IGNORED:
            self._fail(reply.number, "the prompt does not fit into the memory for prompts beside the others under way")
            return
        if not reply.choices:
            self._report_text(reply, is_over=is_over)
        if is_over:
            if reply.choices:
                self._send(id=reply.number, scores=self._scores(reply))
            self._send(id=reply.number, end=True)
            del self._replies[reply.number]

    def _report_text(self, reply: _Reply, *, is_over: bool) -> None:
        text = self._tokenizer.decode(reply.ids)
        # A character of several tokens shows as "�" until its last one is there.
        if text != reply.text and (is_over or not text.endswith("�")):
            self._send(id=reply.number, text=text[len(reply.text) :])
            reply.text = text

    def _scores(self, reply: _Reply) -> list[float]:
        """Of each choice, given that the reply begins with one of them: only the likeliest token is reported."""
        likeliest = min(max(math.exp(reply.log_probs[0]), _LEAST_PROBABILITY), 1 - _LEAST_PROBABILITY)
        if len(set(reply.choices)) == 1:
            return [0.0] * len(reply.choices)
        chosen = self._tokenizer.decode(reply.ids[:1])
        return [math.log(likeliest if choice.startswith(chosen) else 1 - likeliest) for choice in reply.choices]

    def _fail(self, number: int, problem: str) -> None:
        self._replies.pop(number, None)
        self._send(id=number, error=problem)
        self._send(id=number, end=True)

    def _send(self, **reply: Any) -> None:
        self._output.write(json.dumps(reply) + "\n")
        self._output.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--context-tokens", type=int, required=True)
    parser.add_argument("--cached-tokens", type=int, required=True)
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the process that asks; it ends this one by end of file
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print, in C++ too, is no reply
    sys.stdout = sys.stderr
    requests: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            requests.put(line)
        requests.put(None)

    threading.Thread(target=read, daemon=True).start()
    Worker(arguments.folder, arguments.context_tokens, arguments.cached_tokens, output).run(requests)


if __name__ == "__main__":
    main()
