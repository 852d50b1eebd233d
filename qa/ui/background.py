"""Runs long work in a thread and hands its progress over as values; knows nothing of what the work is."""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from qa.ui.ports import Progress

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Step:
    """What is being done, how much of it is done, and how much there is (0 when unknown)."""

    stage: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Finished(Generic[Result]):
    """The last value: what the work returned."""

    result: Result


def steps(work: Callable[[Progress], Result], *, every_seconds: float = 0.2) -> Iterator[Step | Finished[Result]]:
    """Yield the newest progress now and then, and at the end the result.

    The work is never cut short: leaving this iterator early lets it finish in its thread.

    :raises Exception: Whatever ``work`` raises.
    """
    latest: queue.SimpleQueue[Step | None] = queue.SimpleQueue()
    outcome: list[Finished[Result]] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(Finished(work(lambda stage, done, total: latest.put(Step(stage, done, total)))))
        except BaseException as error:  # noqa: BLE001 (carried over to the thread that waits, and raised there)
            failure.append(error)
        latest.put(None)

    # In the context of the request, which says on whose behalf the work is done.
    target = contextvars.copy_context().run
    threading.Thread(target=target, args=[run], name="article-qa-work", daemon=False).start()
    yield from _newest(latest, every_seconds)
    if failure:
        raise failure[0]
    yield outcome[0]


def _newest(latest: queue.SimpleQueue[Step | None], every_seconds: float) -> Iterator[Step]:
    """Progress as it comes, at most one step each ``every_seconds``, until None comes."""
    pause = threading.Event()
    while True:
        step = latest.get()
        while step is not None and not latest.empty():
            newer = latest.get()
            if newer is None:
                yield step
                return
            step = newer
        if step is None:
            return
        yield step
        pause.wait(every_seconds)
