"""Chooses among several servers that run one model, and leaves alone those that fail; knows nothing of what is asked.

All of it runs on one event loop, so nothing is locked.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar

from index.errors import ModelError
from qa.generators.openai_endpoint import Endpoint, Health
from qa.generators.openai_replies import WriterUnavailableError

Item = TypeVar("Item")

_log = logging.getLogger(__name__)
_FIRST_REST_SECONDS = 1.0
_LONGEST_REST_SECONDS = 15.0
_NUM_REMEMBERED_PROMPTS = 1024


@dataclass(frozen=True, slots=True)
class BalancerSettings:
    """A server that failed is left alone for ``first_rest_seconds``, and each time it fails again without having
    answered meanwhile, twice as long, up to ``longest_rest_seconds``. All others are looked at every
    ``health_seconds``; 0 for never."""

    health_seconds: float = 10.0
    first_rest_seconds: float = _FIRST_REST_SECONDS
    longest_rest_seconds: float = _LONGEST_REST_SECONDS


class Balancer:
    """Least busy first.

    Of servers that are equally busy, the one that read the same beginning of a prompt last, since it may still have
    it in its cache; else the one that was chosen longest ago. Servers that are left alone come last, so that while
    all are, each request still tries them.
    """

    def __init__(self, endpoints: Sequence[Endpoint], settings: BalancerSettings) -> None:
        self.endpoints = tuple(endpoints)
        self._settings = settings
        self._last_chosen = dict.fromkeys(self.endpoints, 0)
        self._num_chosen = 0
        self._readers: OrderedDict[str, Endpoint] = OrderedDict()
        self._failures_in_a_row = dict.fromkeys(self.endpoints, 0)
        self._rests: dict[Endpoint, asyncio.Task[None]] = {}

    async def first_that_answers(
        self, prompt: str, ask: Callable[[Endpoint], AsyncGenerator[Item, None]]
    ) -> AsyncGenerator[Item, None]:
        """What one server answers; another one is asked only while nothing has come from the one before.

        :param prompt: Its beginning, by which servers are remembered.
        :raises ModelError: If a server refuses the request or fails in the middle, or all of them fail.
        """
        failures: list[WriterUnavailableError] = []
        for endpoint in self._order(prompt):
            has_begun = False
            try:
                async with aclosing(ask(endpoint)) as items:
                    async for item in items:
                        if not has_begun:
                            has_begun = True
                            self._has_answered(endpoint)
                        yield item
            except WriterUnavailableError as failure:
                self._leave_alone(endpoint, failure)
                if has_begun:
                    raise
                failures.append(failure)
            else:
                return
        raise _as_one(failures)

    async def watch(self) -> None:
        """Look at the servers from time to time, so that it is known how they do while nobody asks."""
        while True:
            await asyncio.sleep(self._settings.health_seconds)
            some = [endpoint for endpoint in self.endpoints if endpoint.problem is None]
            await asyncio.gather(*(self._look(endpoint) for endpoint in some))

    def _order(self, prompt: str) -> Iterator[Endpoint]:
        """Each once; which comes next is decided when it is wanted."""
        left = list(self.endpoints)
        while left:
            reader = self._readers.get(prompt)

            def rank(endpoint: Endpoint, reader: Endpoint | None = reader) -> tuple[bool, int, bool, int]:
                is_resting, is_other = endpoint.problem is not None, endpoint is not reader
                return is_resting, endpoint.num_running, is_other, self._last_chosen[endpoint]

            chosen = min(left, key=rank)
            left.remove(chosen)
            self._num_chosen += 1
            self._last_chosen[chosen] = self._num_chosen
            self._readers[prompt] = chosen
            self._readers.move_to_end(prompt)
            if len(self._readers) > _NUM_REMEMBERED_PROMPTS:
                self._readers.popitem(last=False)
            yield chosen

    async def _look(self, endpoint: Endpoint) -> None:
        """One that is silent is asked once more, and nothing is said against it while it writes: it may be busy."""
        num_written = endpoint.num_written
        health = await endpoint.health()
        if health is Health.SILENT:
            health = await endpoint.health()
        is_writing = endpoint.num_written != num_written
        if health is Health.GONE or (health is Health.SILENT and not is_writing):
            self._leave_alone(endpoint, WriterUnavailableError(f"the model server {endpoint.name} does not serve"))
            if any(other.problem is None for other in self.endpoints):
                endpoint.let_go()  # to one that is well; if there is none, waiting may help

    def _leave_alone(self, endpoint: Endpoint, failure: WriterUnavailableError) -> None:
        if endpoint.problem is None:
            _log.warning("left alone until it is well again: %s", failure)
            self._failures_in_a_row[endpoint] += 1
            rest = self._rest(endpoint, failure.retry_after_seconds)
            self._rests[endpoint] = asyncio.get_running_loop().create_task(rest)
        endpoint.problem = str(failure)

    async def _rest(self, endpoint: Endpoint, seconds: float | None) -> None:
        first, longest = self._settings.first_rest_seconds, self._settings.longest_rest_seconds
        rest = min(first * 2.0 ** min(self._failures_in_a_row[endpoint] - 1, 30), longest)
        await asyncio.sleep(rest if seconds is None else seconds)
        # One that speaks without telling is given another chance: only a request shows whether it is well.
        while await endpoint.health() not in (Health.WELL, Health.UNCLEAR):
            rest = min(2 * rest, longest)
            await asyncio.sleep(rest)
        endpoint.problem = None
        _log.warning("the model server %s is tried again", endpoint.name)

    def _has_answered(self, endpoint: Endpoint) -> None:
        self._failures_in_a_row[endpoint] = 0
        if endpoint.problem is not None:
            endpoint.problem = None
            self._rests[endpoint].cancel()


def _as_one(failures: Sequence[WriterUnavailableError]) -> ModelError:
    if len(failures) == 1:
        return failures[0]
    told = "; ".join(str(failure) for failure in failures)
    return ModelError(f"none of {len(failures)} model servers answers: {told}")
