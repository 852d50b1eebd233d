"""Spreads requests to one host over time; knows nothing of what is requested."""

from __future__ import annotations

import threading
from collections.abc import Callable

_MAX_HOSTS = 1000
# No interval is longer, so a host not asked for this long need not be remembered.
MAX_INTERVAL_SECONDS = 60.0


class Pacer:
    """Lets each host be asked at most once per interval, also by several threads at once."""

    def __init__(self, interval_seconds: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        """:raises ValueError: The interval is not between 0 and 60 seconds."""
        if not 0 <= interval_seconds <= MAX_INTERVAL_SECONDS:
            raise ValueError(f"the interval is {interval_seconds} s; it must be between 0 and {MAX_INTERVAL_SECONDS:g}")
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._sleep = sleep
        self._last_asked: dict[str, float] = {}
        self._lock = threading.Lock()

    def wait(self, host: str, interval_seconds: float = 0.0) -> None:
        """Returns when the host may be asked; a longer interval than the usual one can be named."""
        interval = min(max(interval_seconds, self._interval_seconds), MAX_INTERVAL_SECONDS)
        with self._lock:
            now = self._clock()
            self._forget_old(now)
            turn = max(now, self._last_asked[host] + interval) if host in self._last_asked else now
            self._last_asked[host] = turn
        if turn > now:
            self._sleep(turn - now)

    def _forget_old(self, now: float) -> None:
        if len(self._last_asked) >= _MAX_HOSTS:
            recent = {h: asked for h, asked in self._last_asked.items() if asked + MAX_INTERVAL_SECONDS > now}
            self._last_asked = recent
