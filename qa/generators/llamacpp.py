"""Runs a GGUF chat model in this process with llama.cpp; knows nothing of prompts, articles or where models come from.

The server inside xllamacpp keeps the last prompt's state in a slot, so that a prompt starting with the same
tokens costs only the tokens that differ. Figures behind the settings: docs/experiments.md.
"""

from __future__ import annotations

import platform
import threading
from collections.abc import Generator as Replies
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from index.errors import ModelError
from qa.generators.background import BackgroundRun
from qa.generators.cpu_cores import limit_spinning, num_usable_cores
from qa.generators.llamacpp_listener import PrivateListener
from qa.generators.messages import inert_messages
from qa.generators.protocol import Message

Reply = dict[str, Any]
"""One JSON object from the server: a whole reply, one streamed piece of it, or {"error": ...}."""

# A cancelled prompt stops between batches: this many tokens are read before anyone asks again.
_BATCH_TOKENS = 256
# Enough that a plausible first word is always among them; the server sorts the whole vocabulary in any case.
_NUM_TOP_LOGPROBS = 100
_SILENT = 0
_VERBOSE = 3


class LlamaCppGenerator:
    """A :class:`qa.generators.protocol.Generator`.

    Thread-safe: requests beyond ``num_slots`` wait their turn. Decoding is greedy. The same messages give the
    same text as long as the engine's floating-point sums agree: reading a prompt from the cache and reading it
    anew differ in the last bits, which can matter only where two tokens are equally likely.
    """

    def __init__(
        self,
        model_path: Path,
        *,
        model_id: str,
        context_tokens: int = 4096,
        num_threads: int | None = None,
        num_slots: int = 1,
        seed: int = 0,
        prompt_cache_mib: int = 256,
        debug: bool = False,
    ) -> None:
        """Load the model; it takes seconds and gives the caller's thread back only then.

        :param model_path: A GGUF file that was verified just now (llama.cpp parses what it is given).
        :param num_threads: Compute threads; None for one per usable physical core.
        :param num_slots: Prompts held at once; each has ``context_tokens`` of its own.
        :param prompt_cache_mib: Memory for the states of earlier prompts, so that another prompt in between does
            not lose a warm prefix. It fills up and stays so; 0 for none.
        :param debug: Let llama.cpp log to stderr.
        :raises ModelError: If xllamacpp cannot be imported or the file cannot be loaded.
        """
        self._model_id = model_id
        self._context_tokens = context_tokens
        self._seed = seed
        self._first_tokens: dict[str, int] = {}
        self._runs: list[BackgroundRun[Reply]] = []
        self._runs_lock = threading.Lock()
        self._listener = PrivateListener()
        try:
            parameters = _parameters(
                model_path, context_tokens, num_threads or num_usable_cores(), num_slots, prompt_cache_mib, debug
            )
            self._listener.apply_to(parameters)
            self._server = _load(parameters, model_path)
        except BaseException:
            self._listener.close()
            raise
        self._client = self._listener.client(self._server.listening_address)

    @property
    def model_id(self) -> str:
        return self._model_id

    @property
    def context_tokens(self) -> int:
        return self._context_tokens

    def count_tokens(self, text: str) -> int:
        """Exact for ``text`` alone; the chat template adds some ten tokens a message."""
        return len(self._tokens(text))

    def stream(self, messages: Sequence[Message], max_tokens: int) -> Iterator[str]:
        """See :class:`qa.generators.protocol.Generator`; the prompt is first read when the first piece is asked for."""
        body = self._body(messages, max_tokens=max_tokens, stream=True, return_progress=True)
        with closing(self._replies(body)) as replies:
            for reply in replies:
                for choice in reply.get("choices", []):
                    if piece := choice["delta"].get("content"):
                        yield piece

    def score(self, messages: Sequence[Message], choices: Sequence[str]) -> list[float]:
        """See :class:`qa.generators.protocol.Generator`. Before sampling: the model's own distribution."""
        first_tokens = [self._first_token(choice) for choice in choices]
        body = self._body(messages, max_tokens=1, logprobs=True, top_logprobs=_NUM_TOP_LOGPROBS)
        replies = list(self._replies(body))
        try:
            reported = replies[0]["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
        except (LookupError, TypeError) as error:
            raise ModelError(f"the model {self._model_id} reported no log-probabilities: {replies}") from error
        by_token = {entry["id"]: float(entry["logprob"]) for entry in reported}
        smallest = min(by_token.values())
        return [by_token.get(token, smallest) for token in first_tokens]

    def prewarm(self, messages: Sequence[Message]) -> None:
        for _ in self._replies(self._body(messages, max_tokens=0)):
            pass

    def close(self) -> None:
        """Stop what is being written, unload the model and remove the listener. Closing twice does nothing."""
        with self._runs_lock:
            runs = list(self._runs)
        for run in runs:
            run.cancel()
        for run in runs:
            run.join()
        self._client.close()
        self._server = None  # The binding stops its threads when the last reference goes.
        self._listener.close()

    def _body(self, messages: Sequence[Message], **options: Any) -> dict[str, Any]:
        return {
            "messages": inert_messages(messages),
            "temperature": 0,
            "seed": self._seed,
            "cache_prompt": True,
            **options,
        }

    def _replies(self, body: dict[str, Any]) -> Replies[Reply, None, None]:
        """What the server answers, piece by piece; closing the iterator cancels the request.

        :raises ModelError: If the engine is closed or reports an error.
        """
        with self._runs_lock:
            if self._server is None:
                raise ModelError(f"the model {self._model_id} was closed; load it again to use it")
            run = BackgroundRun(partial(_request, self._server, body), "llama.cpp request")
            self._runs = [earlier for earlier in self._runs if earlier.is_alive] + [run]
        try:
            for reply in run.items():
                if "error" in reply:
                    raise _as_model_error(reply["error"])
                yield reply
        finally:
            run.cancel()

    def _tokens(self, text: str) -> list[int]:
        content = text.encode("utf-8", errors="replace").decode("utf-8")
        try:
            response = self._client.post("/tokenize", json={"content": content, "parse_special": False})
            response.raise_for_status()
        except (httpx.HTTPError, RuntimeError) as error:
            raise ModelError(f"the model {self._model_id} cannot count tokens: {error}") from error
        tokens: list[int] = response.json()["tokens"]
        return tokens

    def _first_token(self, choice: str) -> int:
        if choice not in self._first_tokens:
            tokens = self._tokens(choice)
            if not tokens:
                raise ModelError(f"the choice {choice!r} has no token; give one or more visible characters")
            self._first_tokens[choice] = tokens[0]
        return self._first_tokens[choice]


def _request(server: Any, body: dict[str, Any], run: BackgroundRun[Reply]) -> None:
    server.handle_chat_completions(body, run.emit)  # A callback that returns True frees the slot.


def _parameters(
    model_path: Path, context_tokens: int, num_threads: int, num_slots: int, prompt_cache_mib: int, debug: bool
) -> Any:
    xllamacpp = _import_xllamacpp()
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model_path)
    parameters.n_ctx = context_tokens * num_slots
    parameters.n_parallel = num_slots
    parameters.n_batch = _BATCH_TOKENS
    parameters.n_ubatch = _BATCH_TOKENS
    parameters.cpuparams.n_threads = num_threads
    parameters.cpuparams_batch.n_threads = num_threads
    parameters.cache_ram_mib = prompt_cache_mib
    # Repacked weights are a second copy in memory; without the copy x86 (AVX2) reads prompts faster, ARM slower.
    parameters.no_extra_bufts = platform.machine().lower() in ("x86_64", "amd64")
    parameters.fit_params = False  # It may shrink the context silently.
    parameters.offline = True
    parameters.verbosity = _VERBOSE if debug else _SILENT
    return parameters


def _load(parameters: Any, model_path: Path) -> Any:
    try:
        return _import_xllamacpp().Server(parameters)
    except (RuntimeError, ValueError) as error:
        raise ModelError(
            f"llama.cpp cannot load {model_path}: {error}; it must be a GGUF chat model (debug=True shows its log)"
        ) from error


def _import_xllamacpp() -> Any:
    limit_spinning()
    # Imported here: a 100 MB library that the evidence-only mode and the other engines do without.
    try:
        import xllamacpp
    except ImportError as error:
        raise ModelError(
            f"llama.cpp cannot be used: {error}; run: pip install xllamacpp (on bare Linux also: apt install libgomp1)"
        ) from error
    return xllamacpp


def _as_model_error(error: dict[str, Any]) -> ModelError:
    if error.get("type") == "exceed_context_size_error":
        return ModelError(
            f"the prompt has {error.get('n_prompt_tokens')} tokens and the model's context holds "
            f"{error.get('n_ctx')}; give fewer or shorter passages, or a larger context"
        )
    return ModelError(f"the language model refused: {error.get('message', error)}")
