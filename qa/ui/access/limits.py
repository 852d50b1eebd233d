"""Says when a client asks too often, or too many ask at once, and for how long it should wait; knows no requests.

Counted by the `limits` library's sliding window, two numbers for each client: its moving window keeps every single
request in memory, and the name of every client for ever.
"""

from __future__ import annotations

import logging
import math
import time
from typing import Protocol

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from index.errors import StorageError
from qa.common import RequestCounts

_log = logging.getLogger(__name__)
_LONGEST_WAIT_SECONDS = 60


class RateLimit(Protocol):
    """So many a minute and client."""

    def take(self, key: str) -> int | None:
        """Count one; or, when that is too many, how many seconds to wait, and count nothing."""
        ...

    def look(self, key: str) -> int | None:
        """How many seconds to wait before the next one; None when it may come now."""
        ...


class PerMinute:
    """So many a minute and client, however they are spread.

    :param number: How many; 0 for any number.
    """

    def __init__(self, number: int) -> None:
        self._is_off = number == 0
        self._item = RateLimitItemPerMinute(max(1, number))
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def take(self, key: str) -> int | None:
        """Count one; or, when that is too many, how many seconds to wait, and count nothing."""
        return None if self._is_off or self._limiter.hit(self._item, key) else self._seconds(key)

    def look(self, key: str) -> int | None:
        """How many seconds to wait before the next one; None when it may come now."""
        return None if self._is_off or self._limiter.test(self._item, key) else self._seconds(key)

    def _seconds(self, key: str) -> int:
        reset = self._limiter.get_window_stats(self._item, key).reset_time
        return max(1, min(_LONGEST_WAIT_SECONDS, math.ceil(reset - time.time())))


class SharedPerMinute:
    """So many a minute and client, whichever of several processes they reach.

    While the common counts cannot be reached, this process counts by itself, and says so in the log.

    :param number: How many; 0 for any number.
    :param kind: Of what; limits of one kind count together.
    """

    def __init__(self, number: int, counts: RequestCounts, kind: str) -> None:
        self._number = number
        self._counts = counts
        self._kind = kind
        self._alone = PerMinute(number)

    def take(self, key: str) -> int | None:
        """See :meth:`PerMinute.take`."""
        if self._number == 0:
            return None
        try:
            return None if self._counts.take(self._kind, key, self._number) else _seconds_of_minute()
        except StorageError as error:
            _log.warning("requests are counted by this process alone: %s", error)
            return self._alone.take(key)

    def look(self, key: str) -> int | None:
        """See :meth:`PerMinute.look`."""
        if self._number == 0:
            return None
        try:
            return None if self._counts.may_take(self._kind, key, self._number) else _seconds_of_minute()
        except StorageError as error:
            _log.warning("requests are counted by this process alone: %s", error)
            return self._alone.look(key)


def _seconds_of_minute() -> int:
    """Until the next minute of the clock begins, when the counts of this one weigh less and less."""
    return max(1, math.ceil(60 - time.time() % 60))
