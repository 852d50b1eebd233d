"""Remembers that a server did not answer, so that not every question waits for it; knows nothing of connections."""

from __future__ import annotations

import threading
import time

_PAUSE_SECONDS = 10.0


class Silence:
    """Of one server. Thread-safe.

    After a time-out nobody asks for a while; then one does, while the others go on without the server until it
    answered.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked_again_at: float | None = None

    def seconds_left(self) -> float:
        """How long nobody should ask; 0: the caller asks now, and calls :meth:`began` or :meth:`ended` afterwards."""
        with self._lock:
            if self._asked_again_at is None:
                return 0.0
            now = time.monotonic()
            if now < self._asked_again_at:
                return self._asked_again_at - now
            self._asked_again_at = now + _PAUSE_SECONDS
            return 0.0

    def began(self) -> None:
        """The server did not answer in time."""
        with self._lock:
            self._asked_again_at = time.monotonic() + _PAUSE_SECONDS

    def ended(self) -> None:
        """The server answered, or refused at once."""
        with self._lock:
            self._asked_again_at = None
