"""Runs blocking calls for async handlers, in threads: some at once, some in line; knows nothing of what they do."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from functools import partial
from typing import Any, TypeVar

import anyio
import anyio.to_thread

from qa.ui.access.identity import BusyError

Result = TypeVar("Result")
_RETRY_SECONDS = 3


class Calls:
    """Bounded, so that no client can fill the memory with calls that wait.

    :param num_parallel: How many calls run at once.
    :param max_waiting: How many more may wait; beyond that they are refused.
    """

    def __init__(self, num_parallel: int, max_waiting: int) -> None:
        self._limiter = anyio.CapacityLimiter(num_parallel)
        self._max_waiting = max_waiting

    async def run(self, call: Callable[[], Result]) -> Result:
        """:raises BusyError: When too many calls wait."""
        if self._limiter.statistics().tasks_waiting >= self._max_waiting:
            raise BusyError(_RETRY_SECONDS)
        return await anyio.to_thread.run_sync(call, limiter=self._limiter)

    async def steps(self, iterator: Iterator[Result]) -> AsyncGenerator[Result]:
        """What an iterator yields, each step in a thread. Leaving early closes it."""
        try:
            while True:
                step = await anyio.to_thread.run_sync(partial(_next, iterator), limiter=self._limiter)
                if step is _END:
                    return
                yield step
        finally:
            with anyio.CancelScope(shield=True):
                close = iterator.close  # type: ignore[attr-defined]  # they are generators
                await anyio.to_thread.run_sync(close, limiter=self._limiter)


_END: Any = object()


def _next(iterator: Iterator[Any]) -> Any:
    return next(iterator, _END)
