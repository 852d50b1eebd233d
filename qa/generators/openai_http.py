"""Talks to a chat model on OpenAI-compatible servers (vLLM, llama.cpp and the like); knows nothing of prompts."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import Any, Literal

import httpx

from index.errors import ModelError
from qa.generators.loop_thread import ClosedError, LoopThread
from qa.generators.messages import inert_messages
from qa.generators.openai_balancer import Balancer, BalancerSettings
from qa.generators.openai_endpoint import Endpoint, Timeouts
from qa.generators.openai_replies import (
    RefusedError,
    Reply,
    estimate_tokens,
    first_token_logprob,
    logprobs_of,
    logprobs_of_word,
    text_of,
)
from qa.generators.protocol import Message, WriterState

_log = logging.getLogger(__name__)
# As many as a server reports: some refuse more than 5.
_NUMS_OF_TOP_LOGPROBS = (20, 5)
# A word may have more tokens than one, and some models begin with a line break.
_WORD_TOKENS = 4
# Whether two prompts are on the same passages shows in so many characters.
_PROMPT_CHARACTERS = 500

Scores = Literal["auto", "logprobs", "word"]


class OpenAICompatibleGenerator:
    """A :class:`qa.generators.protocol.Generator` and a :class:`qa.generators.protocol.RemoteWriter`.

    Thread-safe; the servers decide how many requests run at once. A request that a server does not take up goes to
    another one; one that breaks off after its first token is an error, since what was written may have been shown.
    """

    def __init__(
        self,
        base_urls: str | Sequence[str],
        model: str,
        *,
        api_key: str | None = None,
        timeouts: Timeouts | None = None,
        context_tokens: int = 4096,
        scores: Scores = "auto",
        balancing: BalancerSettings | None = None,
    ) -> None:
        """Nothing is sent yet.

        :param base_urls: Of one or several servers, with the version, as in "http://127.0.0.1:8000/v1".
        :param model: The servers' name for it.
        :param context_tokens: As the servers were started; they are not asked.
        :param scores: "logprobs" takes log-probabilities and nothing else; "word" estimates them from what the model
            says; "auto" takes what each server offers.
        """
        timeouts, balancing = timeouts or Timeouts(), balancing or BalancerSettings()
        urls = [base_urls] if isinstance(base_urls, str) else base_urls
        self._model = model
        self._context_tokens = context_tokens
        self._scores = scores
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            # Endpoints limit what is waited for; the pool must not, or who waits there would be counted as answered.
            timeout=httpx.Timeout(None, connect=timeouts.connect_seconds),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
            # No proxy and no password file from the environment: articles go where the configuration says.
            trust_env=False,
        )
        self._balancer = Balancer([Endpoint(url, self._client, timeouts) for url in urls], balancing)
        self._loop = LoopThread("model servers")
        if balancing.health_seconds > 0:
            self._loop.start(self._balancer.watch())

    @property
    def model_id(self) -> str:
        return self._model

    @property
    def context_tokens(self) -> int:
        return self._context_tokens

    def count_tokens(self, text: str) -> int:
        """Exact where one of the servers offers /tokenize (vLLM, llama.cpp) now, else :func:`estimate_tokens`."""
        text = text.encode("utf-8", errors="replace").decode("utf-8")
        try:
            tokens = self._loop.result(self._num_tokens(text))
        except ClosedError:
            tokens = None
        return estimate_tokens(text) if tokens is None else tokens

    def stream(self, messages: Sequence[Message], max_tokens: int) -> Iterator[str]:
        """See :class:`qa.generators.protocol.Generator`; closing it closes the connection, which stops the server."""
        body = self._body(messages, max_tokens=max_tokens)
        pieces = self._balancer.first_that_answers(_beginning(messages), lambda endpoint: endpoint.written(body))
        try:
            with closing(self._loop.items(pieces)) as items:
                yield from filter(None, items)
        except ClosedError as error:
            raise self._closed() from error

    def score(self, messages: Sequence[Message], choices: Sequence[str]) -> list[float]:
        """See :class:`qa.generators.protocol.Generator`.

        The servers report texts, not tokens of our choices; see
        :func:`qa.generators.openai_replies.first_token_logprob`. One that reports none is asked for a word
        (:func:`qa.generators.openai_replies.logprobs_of_word`).
        """
        ask = partial(self._scored, messages=messages, choices=choices)
        try:
            with closing(self._loop.items(self._balancer.first_that_answers(_beginning(messages), ask))) as items:
                (scores,) = items
                return scores
        except ClosedError as error:
            raise self._closed() from error

    def prewarm(self, messages: Sequence[Message]) -> None:
        """Does nothing: what the server keeps is the server's affair, and a remote one may bill for it."""

    def writers(self) -> tuple[WriterState, ...]:
        """How each server does, in the order of their addresses."""
        return tuple(
            WriterState(
                endpoint=endpoint.name,
                problem=endpoint.problem,
                num_running=endpoint.num_running,
                num_requests=endpoint.num_requests,
                num_failures=endpoint.num_failures,
                offers_logprobs=endpoint.offers_logprobs,
            )
            for endpoint in self._balancer.endpoints
        )

    def close(self) -> None:
        """Hang up on all servers. Closing twice does nothing."""
        self._loop.close(self._client.aclose())

    def _body(self, messages: Sequence[Message], **options: Any) -> dict[str, Any]:
        return {"model": self._model, "messages": inert_messages(messages), "temperature": 0, "seed": 0, **options}

    def _closed(self) -> ModelError:
        return ModelError(f"the model {self._model} was closed; open it again to use it")

    async def _num_tokens(self, text: str) -> int | None:
        """Of the first server that is well and tells; they run one model."""
        for endpoint in self._balancer.endpoints:
            if endpoint.problem is None and endpoint.counts_tokens:
                tokens = await endpoint.num_tokens(self._model, text)
                if tokens is not None:
                    return tokens
        return None

    async def _scored(
        self, endpoint: Endpoint, messages: Sequence[Message], choices: Sequence[str]
    ) -> AsyncGenerator[list[float], None]:
        if self._scores != "word" and endpoint.offers_logprobs is not False:
            by_token = logprobs_of(await self._reply_with_logprobs(endpoint, messages))
            if by_token:
                endpoint.offers_logprobs = True
                yield [first_token_logprob(choice, by_token) for choice in choices]
                return
            if self._scores == "logprobs":
                raise RefusedError(
                    f"the model server {endpoint.name} reports no log-probabilities (asked for logprobs and "
                    f'top_logprobs); use a server that does, another engine, or generator.scores = "auto"'
                )
            if endpoint.offers_logprobs is None:
                _log.warning(
                    "the model server %s reports no log-probabilities: Yes or No counts instead", endpoint.name
                )
            endpoint.offers_logprobs = False
        reply = await endpoint.reply(self._body(messages, max_tokens=_WORD_TOKENS))
        yield logprobs_of_word(text_of(reply), choices)

    async def _reply_with_logprobs(self, endpoint: Endpoint, messages: Sequence[Message]) -> Reply:
        """Empty where the server refuses to tell them."""
        for num_top in _NUMS_OF_TOP_LOGPROBS:
            try:
                return await endpoint.reply(self._body(messages, max_tokens=1, logprobs=True, top_logprobs=num_top))
            except RefusedError as error:
                if "logprob" not in str(error).lower():
                    raise
        return {}


def _beginning(messages: Sequence[Message]) -> str:
    return "\0".join(message["content"] for message in messages)[:_PROMPT_CHARACTERS]
