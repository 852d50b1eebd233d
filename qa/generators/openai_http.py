"""Talks to a chat model behind an OpenAI-compatible HTTP API (vLLM and the like); knows nothing of prompts."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx

from index.errors import ModelError
from qa.generators.messages import inert_messages
from qa.generators.protocol import Message

_CONNECT_TIMEOUT_SECONDS = 10.0
# More is refused by most servers.
_NUM_TOP_LOGPROBS = 20
_MAX_QUOTED_CHARACTERS = 200


class OpenAICompatibleGenerator:
    """A :class:`qa.generators.protocol.Generator`. Thread-safe; the server decides how many requests run at once."""

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str | None = None,
        timeout_seconds: float = 120.0,
        context_tokens: int = 4096,
    ) -> None:
        """Nothing is sent yet.

        :param base_url: With its version, as in "http://127.0.0.1:8000/v1".
        :param model: The server's name for it.
        :param timeout_seconds: Longest silence that is waited for, not the length of a whole reply.
        :param context_tokens: As the server was started; it is not asked.
        """
        self._base_url = base_url.rstrip("/")
        self._model = model
        self._context_tokens = context_tokens
        self._timeout_seconds = timeout_seconds
        self._can_tokenize = True
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            timeout=httpx.Timeout(timeout_seconds, connect=min(timeout_seconds, _CONNECT_TIMEOUT_SECONDS)),
            # No proxy and no password file from the environment: articles go where the configuration says.
            trust_env=False,
        )

    @property
    def model_id(self) -> str:
        return self._model

    @property
    def context_tokens(self) -> int:
        return self._context_tokens

    def count_tokens(self, text: str) -> int:
        """Exact where the server offers /tokenize (vLLM, llama.cpp), else :func:`estimate_tokens`."""
        if self._can_tokenize:
            tokens = self._ask_for_tokens(text)
            if tokens is not None:
                return tokens
            self._can_tokenize = False
        return estimate_tokens(text)

    def stream(self, messages: Sequence[Message], max_tokens: int) -> Iterator[str]:
        """See :class:`qa.generators.protocol.Generator`; closing it closes the connection, which stops the server."""
        with self._chat(messages, max_tokens=max_tokens, stream=True) as response:
            is_complete = False
            for event in self._events(response):
                for choice in event.get("choices") or []:
                    is_complete = is_complete or choice.get("finish_reason") is not None
                    if piece := (choice.get("delta") or {}).get("content"):
                        yield piece
            if not is_complete:
                raise ModelError(f"the model server {self._base_url} broke off in the middle of its reply")

    def score(self, messages: Sequence[Message], choices: Sequence[str]) -> list[float]:
        """See :class:`qa.generators.protocol.Generator`.

        The server reports texts, not tokens of our choices: the longest reported token that a choice begins with,
        leading space or not, counts as its first.
        """
        with self._chat(messages, max_tokens=1, logprobs=True, top_logprobs=_NUM_TOP_LOGPROBS) as response:
            response.read()
            reply = self._parsed(response.text)
        try:
            reported = reply["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
            by_token = {str(entry["token"]): float(entry["logprob"]) for entry in reported}
        except (LookupError, TypeError, ValueError):
            by_token = {}
        if not by_token:
            raise ModelError(
                f"the model server {self._base_url} reports no log-probabilities (asked for logprobs and "
                f"top_logprobs={_NUM_TOP_LOGPROBS}); use a server that does, or another engine"
            )
        return [_first_token_logprob(choice, by_token) for choice in choices]

    def prewarm(self, messages: Sequence[Message]) -> None:
        """Does nothing: what the server keeps is the server's affair, and a remote one may bill for it."""

    def close(self) -> None:
        self._client.close()

    @contextmanager
    def _chat(self, messages: Sequence[Message], **options: Any) -> Iterator[httpx.Response]:
        body = {"model": self._model, "messages": inert_messages(messages), "temperature": 0, "seed": 0, **options}
        try:
            with self._client.stream("POST", f"{self._base_url}/chat/completions", json=body) as response:
                if response.status_code != httpx.codes.OK:
                    response.read()
                    raise ModelError(
                        f"the model server {self._base_url} answered {response.status_code}: {_short(response.text)}"
                    )
                yield response
        except httpx.ConnectError as error:
            raise ModelError(
                f"no model server answers at {self._base_url}: {error}; start it or correct the address"
            ) from error
        except httpx.TimeoutException as error:
            raise ModelError(
                f"the model server {self._base_url} was silent for {self._timeout_seconds:g} seconds"
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL, RuntimeError) as error:
            raise ModelError(f"talking to the model server {self._base_url} failed: {error}") from error

    def _events(self, response: httpx.Response) -> Iterator[dict[str, Any]]:
        """The JSON objects of a server-sent event stream; comments and other fields of it carry nothing here."""
        for line in response.iter_lines():
            if not line.startswith("data:"):
                continue
            data = line.removeprefix("data:").strip()
            if data == "[DONE]":
                return
            yield self._parsed(data)

    def _parsed(self, text: str) -> dict[str, Any]:
        try:
            parsed = json.loads(text)
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict):
            raise ModelError(f"the model server {self._base_url} sent something other than JSON: {_short(text)}")
        if error := parsed.get("error"):
            message = error.get("message", error) if isinstance(error, dict) else error
            raise ModelError(f"the model server {self._base_url} reported an error: {_short(str(message))}")
        return parsed

    def _ask_for_tokens(self, text: str) -> int | None:
        """None if the server cannot tell. "prompt" is vLLM's name for the text, "content" llama.cpp's."""
        text = text.encode("utf-8", errors="replace").decode("utf-8")
        body = {"model": self._model, "prompt": text, "content": text, "add_special_tokens": False}
        try:
            response = self._client.post(f"{self._base_url.removesuffix('/v1')}/tokenize", json=body)
            tokens = response.json()["tokens"]
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, LookupError, TypeError):
            return None
        return len(tokens) if isinstance(tokens, list) else None


def estimate_tokens(text: str) -> int:
    """Tokens of ``text``, on the high side: one per ASCII digit or mark and one per three bytes of UTF-8 otherwise.

    English words take about four bytes a token and Chinese, of three bytes a character, about one token or
    fewer a character; many tokenizers give every digit and most marks a token of their own.
    """
    num_marks = sum(character.isascii() and not character.isalpha() and not character.isspace() for character in text)
    num_other_bytes = len(text.encode("utf-8", errors="replace")) - num_marks
    return num_marks + math.ceil(num_other_bytes / 3)


def _first_token_logprob(choice: str, by_token: dict[str, float]) -> float:
    """:param by_token: Not empty; each value a natural log-probability."""
    stripped = choice.lstrip()
    beginnings = [token for token in by_token if token.strip() and stripped.startswith(token.lstrip())]
    if not beginnings:
        return min(by_token.values())
    # Of two that differ by a leading space only, the likelier is the form this model begins a reply with.
    longest = max(len(token.lstrip()) for token in beginnings)
    return max(by_token[token] for token in beginnings if len(token.lstrip()) == longest)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX_QUOTED_CHARACTERS else f"{line[:_MAX_QUOTED_CHARACTERS]}…"
