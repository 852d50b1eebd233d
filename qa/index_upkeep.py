"""Brings the index up to date with what sources brought, until it succeeds; knows neither sources nor their status.

While an update fails, it is tried again later and later, so that nothing accepted stays out of the answers for good.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol

from index.errors import ArticleQAError, BuilderBusyError

_log = logging.getLogger(__name__)

FIRST_RETRY_SECONDS = 10.0
MAX_RETRY_SECONDS = 15 * 60.0
_BUSY_WAITS_SECONDS = (1.0, 3.0, 10.0, 30.0)


class Updated(Protocol):
    """What is kept up to date (:class:`index.collection.Collection`)."""

    def update(self) -> str | None: ...


class IndexUpkeep:
    """Thread-safe. Behind from the start: articles of an earlier run may have been accepted and never indexed.

    :param stop: Once it is set, no update begins.
    :param clock: Seconds since the epoch.
    """

    def __init__(self, collection: Updated, stop: threading.Event, clock: Callable[[], float]) -> None:
        self._collection = collection
        self._stop = stop
        self._clock = clock
        self._lock = threading.Lock()
        self._is_behind = True
        self._due_at = clock()
        self._num_failures = 0
        self._error: str | None = None
        self._generation: str | None = None

    @property
    def is_behind(self) -> bool:
        """Whether something may have been accepted that is not indexed."""
        return self._is_behind

    @property
    def error(self) -> str | None:
        """Why the last update failed; None once one succeeded."""
        return self._error

    @property
    def generation(self) -> str | None:
        """The generation of the last update that succeeded."""
        return self._generation

    def mark_behind(self) -> None:
        """Say that something was, or may have been, accepted."""
        self._is_behind = True

    def catch_up(self, *, is_patient: bool = True) -> bool:
        """Update the index if it is behind and an update is due; whether it is up to date now.

        :param is_patient: Wait for the update of another thread, and for another program that builds.
        """
        if not self._lock.acquire(blocking=is_patient):
            return False
        try:
            if not self._is_behind:
                return True
            if self._clock() < self._due_at:
                return False
            return self._update((0.0, *_BUSY_WAITS_SECONDS) if is_patient else (0.0,))
        finally:
            self._lock.release()

    def _update(self, waits_seconds: tuple[float, ...]) -> bool:
        for wait_seconds in waits_seconds:
            if self._stop.wait(wait_seconds):
                return False
            # Before the update: what is accepted while it runs may not be in it.
            self._is_behind = False
            try:
                self._generation = self._collection.update()
            except BuilderBusyError as error:
                self._is_behind = True
                _log.info("the index is brought up to date later: %s", error)
            except ArticleQAError as error:
                self._fail(str(error))
                return False
            except Exception as error:  # noqa: BLE001 - shown in the status; the thread of a source must not end
                _log.exception("the index could not be brought up to date")
                self._fail(f"unforeseen {type(error).__name__}: {error}")
                return False
            else:
                self._error, self._num_failures = None, 0
                return True
        self._due_at = self._clock() + FIRST_RETRY_SECONDS
        return False

    def _fail(self, error: str) -> None:
        self._is_behind = True
        self._error = error
        # The exponent is capped, too: an overflow would end the retries.
        self._due_at = self._clock() + min(FIRST_RETRY_SECONDS * 2.0 ** min(self._num_failures, 32), MAX_RETRY_SECONDS)
        self._num_failures += 1
        _log.warning("the index could not be brought up to date and is tried again: %s", error)
