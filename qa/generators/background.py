"""Turns work that calls back into an iterator that can be closed; knows nothing of models."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Generic, TypeVar

from index.errors import ModelError

Item = TypeVar("Item")


class BackgroundRun(Generic[Item]):
    """One piece of work on a thread of its own, what it emits as an iterator."""

    def __init__(self, work: Callable[[BackgroundRun[Item]], None], name: str) -> None:
        """Start ``work``; it calls :meth:`emit` and ends when it is done or emit returns True."""
        self._work = work
        self._cancelled = threading.Event()
        self._emitted: SimpleQueue[Item | _End] = SimpleQueue()
        # Not a daemon: a thread killed inside native code at interpreter exit would crash the process.
        self._thread = threading.Thread(target=self._run, name=name)
        self._thread.start()

    def emit(self, item: Item) -> bool:
        """Hand one item to the reader; True means that the reader has gone and the work should stop."""
        self._emitted.put(item)
        return self._cancelled.is_set()

    def items(self) -> Iterator[Item]:
        """Everything emitted, as it comes.

        :raises ModelError: If the work failed; the cause is the error it raised.
        """
        while not isinstance(item := self._emitted.get(), _End):
            yield item
        if isinstance(item.error, ModelError):
            raise item.error
        if item.error is not None:
            raise ModelError(f"the language model failed: {item.error}") from item.error

    def cancel(self) -> None:
        """Ask the work to stop; it does so when it next emits."""
        self._cancelled.set()

    @property
    def is_cancelled(self) -> bool:
        return self._cancelled.is_set()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        end = _End(None)
        try:
            self._work(self)
        except BaseException as error:  # noqa: BLE001  It is raised again where the items are read.
            end = _End(error)
        finally:
            del self._work  # It may hold the model, which must be free to go.
            self._emitted.put(end)


class _End:
    def __init__(self, error: BaseException | None) -> None:
        self.error = error
