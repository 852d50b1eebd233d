"""Runs coroutines on an event loop of its own thread for callers that have none; knows nothing of models or servers."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Coroutine
from collections.abc import Generator as Items
from concurrent.futures import CancelledError, Future
from contextlib import aclosing, suppress
from queue import SimpleQueue
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_log = logging.getLogger(__name__)


class ClosedError(Exception):
    """What was asked for was cut off, or not begun, because the loop was closed."""


class LoopThread:
    """Thread-safe. The thread starts with the first thing to do and ends with :meth:`close`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._is_closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def result(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Wait for it; an error or an interruption of the waiting caller ends it.

        :raises ClosedError: If the loop is or gets closed.
        """
        future = self._begin(work)
        try:
            return future.result()
        except CancelledError as error:
            raise ClosedError from error
        finally:
            future.cancel()

    def items(self, source: AsyncGenerator[Item, None]) -> Items[Item, None, None]:
        """What it yields, as it comes, at its own pace; closing this cancels it, wherever it is.

        :raises ClosedError: If the loop is or gets closed.
        """
        queue: SimpleQueue[Item | _End] = SimpleQueue()

        async def pump() -> None:
            async with aclosing(source):
                async for item in source:
                    queue.put(item)

        future = self._begin(pump())
        # Also when it is cancelled before it began.
        future.add_done_callback(lambda _: queue.put(_END))
        try:
            while not isinstance(item := queue.get(), _End):
                yield item
            future.result()
        except CancelledError as error:
            raise ClosedError from error
        finally:
            future.cancel()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Let it run beside everything else until it ends or the loop is closed.

        :raises ClosedError: If the loop is closed.
        """
        self._begin(work).add_done_callback(_told)

    def close(self, last: Coroutine[Any, Any, None] | None = None) -> None:
        """Cancel everything, then run ``last``. Closing twice does nothing."""
        with self._lock:
            was_closed, self._is_closed = self._is_closed, True
            loop, thread = self._loop, self._thread
        if was_closed or loop is None or thread is None:
            if last is not None:
                last.close()
            return
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(_wound_up(last))
        loop.close()

    def _begin(self, work: Coroutine[Any, Any, Result]) -> Future[Result]:
        with self._lock:
            if self._is_closed:
                work.close()
                raise ClosedError
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                # A daemon: it holds nothing that must be put away when the program ends.
                self._thread = threading.Thread(target=self._loop.run_forever, name=self._name, daemon=True)
                self._thread.start()
            return asyncio.run_coroutine_threadsafe(work, self._loop)


def _told(future: Future[None]) -> None:
    if not future.cancelled() and (error := future.exception()) is not None:
        _log.error("what ran in the background has ended", exc_info=error)


class _End:
    pass


_END = _End()


async def _wound_up(last: Coroutine[Any, Any, None] | None) -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    if last is not None:
        with suppress(Exception):  # nobody is left to tell
            await last
    await asyncio.get_running_loop().shutdown_asyncgens()
