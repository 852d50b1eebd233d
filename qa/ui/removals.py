"""Removed articles for as long as their removal can be undone: in memory only, and never longer; knows no page."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Sequence

from index.library import Revision

UNDO_SECONDS = 12
_GRACE_SECONDS = 3  # for a click in the last moment that waits in line
_MAX_HELD = 50


class Removals:
    """Thread-safe. What is not taken back in time is forgotten, whether anybody asks or not."""

    def __init__(self, *, seconds: float = UNDO_SECONDS + _GRACE_SECONDS) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._held: dict[str, list[Revision]] = {}

    def hold(self, revisions: Sequence[Revision]) -> str:
        """Remember all revisions of one article; the token under which they are held.

        Of very many the oldest are forgotten early.
        """
        token = secrets.token_urlsafe(16)
        with self._lock:
            self._held[token] = list(revisions)
            while len(self._held) > _MAX_HELD:
                del self._held[next(iter(self._held))]
        timer = threading.Timer(self._seconds, self.forget, [token])
        timer.daemon = True
        timer.start()
        return token

    def held(self, token: str) -> list[Revision] | None:
        """The revisions, oldest first; None when it is too late."""
        with self._lock:
            return self._held.get(token)

    def forget(self, token: str) -> None:
        with self._lock:
            self._held.pop(token, None)
