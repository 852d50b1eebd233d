"""Reads what OpenAI-compatible servers send: events, replies, log-probabilities; knows nothing of connections."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

from index.errors import ModelError

Reply = dict[str, Any]
"""One JSON object: a whole reply, or one streamed piece of it."""

_MAX_QUOTED_CHARACTERS = 200
_MAX_LINE_BYTES = 1 << 20
# The request's fault, not the server's: another server would answer the same.
_REFUSALS = frozenset({400, 413, 414, 422, 431})
_MAX_RETRY_AFTER_SECONDS = 60.0


class RefusedError(ModelError):
    """The server is well and refuses this request; another one would, too."""


class WriterUnavailableError(ModelError):
    """The server cannot answer now; another one may.

    :param retry_after_seconds: When it wants to be asked again; None where it did not say.
    """

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


def error_of_status(server: str, status: int, headers: Mapping[str, str], body: str) -> ModelError:
    """What a status other than 200 means."""
    message = f"the model server {server} answered {status}: {short(body)}"
    if status in _REFUSALS:
        return RefusedError(message)
    return WriterUnavailableError(message, _retry_after(headers.get("retry-after", "")))


def parsed(server: str, text: str) -> Reply:
    """:raises ModelError: If it is no JSON object, or one that tells an error."""
    try:
        reply = json.loads(text)
    except ValueError:
        reply = None
    if not isinstance(reply, dict):
        raise WriterUnavailableError(f"the model server {server} sent something other than JSON: {short(text)}")
    if error := reply.get("error"):
        told = error if isinstance(error, dict) else {"message": error}
        message = f"the model server {server} reported an error: {short(str(told.get('message', error)))}"
        raise RefusedError(message) if told.get("code") in _REFUSALS else WriterUnavailableError(message)
    return reply


async def data_of_events(server: str, chunks: AsyncIterable[bytes]) -> AsyncIterator[str]:
    """The data of server-sent events, each of one line, up to "[DONE]"; comments and other fields carry nothing here.

    Lines end at line feeds only: JSON may hold the other characters that ``str.splitlines`` takes for ends.

    :raises WriterUnavailableError: If a line does not end.
    """
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if not line.startswith(b"data:"):
                continue
            data = line.removeprefix(b"data:").decode("utf-8", errors="replace").strip()
            if data == "[DONE]":
                return
            yield data
        if len(rest) > _MAX_LINE_BYTES:
            raise WriterUnavailableError(
                f"the model server {server} sent a line of more than {_MAX_LINE_BYTES:,} bytes"
            )


def written_in(event: Reply) -> Iterator[str]:
    """What the model wrote in one streamed piece; "" for what it thought without saying it."""
    for choice in event.get("choices") or []:
        delta = choice.get("delta") or {}
        if piece := delta.get("content"):
            yield piece
        elif delta.get("reasoning_content") or delta.get("reasoning"):
            yield ""


def is_finished(event: Reply) -> bool:
    """Whether a streamed piece tells why the reply ends."""
    return any(choice.get("finish_reason") is not None for choice in event.get("choices") or [])


def logprobs_of(reply: Reply) -> dict[str, float]:
    """Tokens that could have come first, as texts, with their natural log-probabilities; empty if none are told."""
    try:
        reported = reply["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
        return {str(entry["token"]): float(entry["logprob"]) for entry in reported}
    except (LookupError, TypeError, ValueError):
        return {}


def text_of(reply: Reply) -> str:
    """What was written in a reply that was not streamed; "" if nothing was."""
    try:
        return str(reply["choices"][0]["message"]["content"] or "")
    except (LookupError, TypeError):
        return ""


def first_token_logprob(choice: str, by_token: Mapping[str, float]) -> float:
    """The longest token that the choice begins with, leading space or not, counts as its first.

    :param by_token: Not empty; each value a natural log-probability. A choice that is not among them gets the least.
    """
    stripped = choice.lstrip()
    beginnings = [token for token in by_token if token.strip() and stripped.startswith(token.lstrip())]
    if not beginnings:
        return min(by_token.values())
    # Of two that differ by a leading space only, the likelier is the form this model begins a reply with.
    longest = max(len(token.lstrip()) for token in beginnings)
    return max(by_token[token] for token in beginnings if len(token.lstrip()) == longest)


def logprobs_of_word(word: str, choices: Sequence[str]) -> list[float]:
    """Estimates for choices of which a model said ``word``, its likeliest: Jeffreys' estimate from one vote.

    The one said has 1 + 1/2 votes, each other 1/2, so that two choices differ by log 3. How sure the model was does not
    show; docs/experiments.md says what that costs.
    """
    said = word.strip().casefold()
    kinds = [choice.strip().casefold() for choice in choices]
    total = 1.0 + 0.5 * len(set(kinds))
    return [math.log((1.5 if said and (said.startswith(k) or k.startswith(said)) else 0.5) / total) for k in kinds]


def estimate_tokens(text: str) -> int:
    """Tokens of ``text``, on the high side: one per ASCII digit or mark and one per three bytes of UTF-8 otherwise.

    English words take about four bytes a token and Chinese, of three bytes a character, about one token or
    fewer a character; many tokenizers give every digit and most marks a token of their own.
    """
    num_marks = sum(character.isascii() and not character.isalpha() and not character.isspace() for character in text)
    num_other_bytes = len(text.encode("utf-8", errors="replace")) - num_marks
    return num_marks + math.ceil(num_other_bytes / 3)


def short(text: str) -> str:
    """One line, cut off where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= _MAX_QUOTED_CHARACTERS else f"{line[:_MAX_QUOTED_CHARACTERS]}…"


def _retry_after(value: str) -> float | None:
    """Seconds; None for a date, which needs a clock that agrees with ours, and for anything else."""
    return min(float(value), _MAX_RETRY_AFTER_SECONDS) if value.isascii() and value.isdigit() else None
