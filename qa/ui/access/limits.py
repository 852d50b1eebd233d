"""Says when a client asks too often, or too many ask at once, and for how long it should wait; knows no requests.

Counted by the `limits` library's sliding window, two numbers for each client: its moving window keeps every single
request in memory, and the name of every client for ever.
"""

from __future__ import annotations

import math
import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

_LONGEST_WAIT_SECONDS = 60


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
