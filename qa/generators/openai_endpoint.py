"""One OpenAI-compatible server: asks it, within limits of time, and keeps how it does; knows of no other server.

All of it runs on one event loop; what tells how it does may be read from anywhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any

import httpx

from index.errors import ModelError
from qa.generators.openai_replies import (
    Reply,
    WriterUnavailableError,
    data_of_events,
    error_of_status,
    is_finished,
    parsed,
    written_in,
)
from qa.shown_addresses import without_secrets

_MAX_REPLY_BYTES = 4 << 20
_PROBE_SECONDS = 5.0
# Busy, starting or failing: says nothing of what a server offers.
_PASSING = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Longest waits: for a connection; from a request to the first thing written; between two things written."""

    connect_seconds: float = 5.0
    first_token_seconds: float = 120.0
    silence_seconds: float = 120.0


class Health(Enum):
    """What a look at a server says; ``UNCLEAR``: it speaks, but not so that it told."""

    WELL = "well"
    UNCLEAR = "unclear"
    SILENT = "silent"
    GONE = "gone"


class Endpoint:
    """A server and how it does.

    ``num_running`` requests are being answered; of ``num_requests`` so far ``num_failures`` failed by the server's
    fault; ``num_written`` pieces came. ``problem`` is one line while it is left alone, else None. ``offers_logprobs``:
    None until it was asked. ``counts_tokens``: False once it answered that it does not.
    """

    def __init__(self, base_url: str, client: httpx.AsyncClient, timeouts: Timeouts) -> None:
        """:param base_url: With its version, as in "http://127.0.0.1:8000/v1"."""
        self.url = base_url.rstrip("/")
        self.name = without_secrets(self.url)
        self._client = client
        self._timeouts = timeouts
        self.num_running = 0
        self.num_requests = 0
        self.num_failures = 0
        self.num_written = 0
        self.problem: str | None = None
        self.offers_logprobs: bool | None = None
        self.counts_tokens = True
        self._waits: set[asyncio.Timeout] = set()  # for a first token

    async def written(self, body: dict[str, Any]) -> AsyncGenerator[str, None]:
        """What the model writes, as it comes; "" for what it only thinks.

        :raises ModelError: If the server does not answer, refuses, breaks off, or is slower than the limits.
        """
        with _Counted(self):
            seconds, begun = self._timeouts.first_token_seconds, False
            async with aclosing(self._events({**body, "stream": True})) as events:
                while True:
                    try:
                        async with self._limit(seconds, begun=begun):
                            piece = await anext(events, None)
                    except TimeoutError as error:
                        raise self._too_slow(seconds, begun=begun) from error
                    if piece is None:
                        return
                    seconds, begun = self._timeouts.silence_seconds, True
                    self.num_written += 1
                    yield piece

    async def reply(self, body: dict[str, Any]) -> Reply:
        """A whole reply, of few tokens.

        :raises ModelError: Likewise.
        """
        seconds = self._timeouts.first_token_seconds
        with _Counted(self):
            try:
                async with self._limit(seconds, begun=False), self._response(body) as response:
                    return parsed(self.name, await _read(self.name, response))
            except TimeoutError as error:
                raise self._too_slow(seconds, begun=False) from error

    def let_go(self) -> None:
        """End the requests that have nothing so far, as if their time were up; others go on."""
        for wait in self._waits:
            if not wait.expired():
                wait.reschedule(asyncio.get_running_loop().time())

    async def num_tokens(self, model: str, text: str) -> int | None:
        """None if it cannot tell, now or at all. "prompt" is vLLM's name for the text, "content" llama.cpp's."""
        body = {"model": model, "prompt": text, "content": text, "add_special_tokens": False}
        try:
            response = await self._client.post(
                f"{self.url.removesuffix('/v1')}/tokenize", json=body, timeout=_PROBE_SECONDS
            )
        except (httpx.HTTPError, httpx.InvalidURL):
            return None
        if response.status_code in _PASSING:
            return None
        try:
            tokens = response.json()["tokens"]
        except (ValueError, LookupError, TypeError):
            tokens = None
        self.counts_tokens = isinstance(tokens, list)
        return len(tokens) if isinstance(tokens, list) else None

    async def health(self) -> Health:
        """Look whether it serves: every compatible server lists its models, at no cost."""
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                response = await self._client.get(f"{self.url}/models")
        except (httpx.ConnectError, httpx.InvalidURL, httpx.UnsupportedProtocol):
            return Health.GONE
        except (TimeoutError, httpx.HTTPError):
            return Health.SILENT
        if response.status_code == httpx.codes.OK:
            return Health.WELL
        is_down = response.status_code >= 500 and response.status_code != httpx.codes.NOT_IMPLEMENTED
        return Health.SILENT if is_down else Health.UNCLEAR

    @asynccontextmanager
    async def _limit(self, seconds: float, *, begun: bool) -> AsyncIterator[None]:
        """:raises TimeoutError: When the seconds are over, or by :meth:`let_go`."""
        async with asyncio.timeout(seconds) as wait:
            if not begun:
                self._waits.add(wait)
            try:
                yield
            finally:
                self._waits.discard(wait)

    async def _events(self, body: dict[str, Any]) -> AsyncGenerator[str, None]:
        is_complete = False
        async with self._response(body) as response:
            async for data in data_of_events(self.name, response.aiter_bytes()):
                event = parsed(self.name, data)
                is_complete = is_complete or is_finished(event)
                for piece in written_in(event):
                    yield piece
        if not is_complete:
            raise self._broke_off("without saying that it is complete")

    @asynccontextmanager
    async def _response(self, body: dict[str, Any]) -> AsyncIterator[httpx.Response]:
        """One response that is well so far; what goes wrong while it is read is told from here, too."""
        begun = False
        try:
            async with self._client.stream("POST", f"{self.url}/chat/completions", json=body) as response:
                if response.status_code != httpx.codes.OK:
                    told = await _read(self.name, response)
                    raise error_of_status(self.name, response.status_code, response.headers, told)
                begun = True
                yield response
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            reason = str(error) or f"no connection in {self._timeouts.connect_seconds:g} seconds"
            raise WriterUnavailableError(
                f"no model server answers at {self.name}: {reason}; start it or correct the address"
            ) from error
        except httpx.InvalidURL as error:  # whose message quotes it, with what is secret in it
            raise WriterUnavailableError(
                f"the address of the model server {self.name} cannot be read: correct it"
            ) from error
        except httpx.HTTPError as error:
            if begun:
                raise self._broke_off(str(error)) from error
            raise WriterUnavailableError(f"talking to the model server {self.name} failed: {error}") from error

    def _broke_off(self, reason: str) -> ModelError:
        return WriterUnavailableError(
            f"the model server {self.name} broke off in the middle of its reply ({reason}); ask again"
        )

    def _too_slow(self, seconds: float, *, begun: bool) -> ModelError:
        if not begun and self.problem is not None:
            return WriterUnavailableError(self.problem)
        did = "was silent for" if begun else "wrote nothing for"
        return WriterUnavailableError(f"the model server {self.name} {did} {seconds:g} seconds")


class _Counted:
    """Counts a request while it runs, and its failure if it is one."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def __enter__(self) -> None:
        self._endpoint.num_running += 1
        self._endpoint.num_requests += 1

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._endpoint.num_running -= 1
        if kind is not None and issubclass(kind, WriterUnavailableError):
            self._endpoint.num_failures += 1


async def _read(server: str, response: httpx.Response) -> str:
    content = b""
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > _MAX_REPLY_BYTES:
            raise WriterUnavailableError(f"the model server {server} sent more than {_MAX_REPLY_BYTES:,} bytes")
    return content.decode("utf-8", errors="replace")
