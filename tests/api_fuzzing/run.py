"""Sends many malformed requests to the whole site over a fake service and counts what came; knows no command line."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from qa.ui.server import create_site
from tests.api_fuzzing.client import Reply, running, tried
from tests.api_fuzzing.requests import Sent, malformed, valid_requests
from tests.qa.ui.fakes import LANDING, LICENCE, FakeCollection, FakeService

_FRESH_ARTICLES_EVERY = 500  # requests: those that are added must not pile up
_MAX_FINDINGS = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """A request that must not have been answered as it was."""

    number: int
    request: Sent
    reply: Reply


@dataclass(slots=True)
class Tally:
    """``statuses``: how often each way in replied with each status."""

    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    @property
    def num_sent(self) -> int:
        return sum(self.statuses.values())


def fuzz(
    num_requests: int,
    *,
    seed: int,
    first: int = 0,
    num_parallel: int = 16,
    progress: Callable[[Tally, Finding | None], None] = lambda tally, finding: None,
) -> Tally:
    """Send them, some at once, until there are too many findings.

    :param seed: Of the requests: the same number gives the same ones, in the same order.
    :param first: The number of the first one.
    :param progress: Called after each, with what was wrong with its reply, if anything.
    """
    return asyncio.run(_fuzz(range(first, first + num_requests), seed, num_parallel, progress))


async def _fuzz(
    chosen: range, seed: int, num_parallel: int, progress: Callable[[Tally, Finding | None], None]
) -> Tally:
    service, tally = FakeService(), Tally()
    app = create_site(service, max_queue=2 * num_parallel).app
    numbers = iter(chosen)

    async def send_some() -> None:
        for number in numbers:
            if number % _FRESH_ARTICLES_EVERY == 0:
                service.store = FakeCollection([LICENCE, LANDING])
                service.asked.clear()
            request = request_of(seed, number)
            reply = await tried(app, request)
            tally.statuses[request.way, reply.status] += 1
            finding = Finding(number, request, reply) if reply.problem is not None else None
            if finding is not None:
                tally.findings.append(finding)
            progress(tally, finding)
            if len(tally.findings) >= _MAX_FINDINGS:
                return

    async with running(app), asyncio.TaskGroup() as senders:
        for _ in range(num_parallel):
            senders.create_task(send_some())
    return tally


def request_of(seed: int, number: int) -> Sent:
    """The ``number``-th request of a seed."""
    chance = random.Random(f"{seed}/{number}")
    return malformed(chance.choice(VALID), chance)


VALID = valid_requests()
