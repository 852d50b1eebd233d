"""Remembers what keyed requests were answered, so that one sent twice is done once; knows nothing of HTTP.

In memory, where one process serves: after a restart a repeated request is done again, which changes nothing, since
adding the same article twice leaves it as it is.
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from qa.common import KeyedReplies
from qa.ui.access.identity import BusyError
from qa.ui.problems import ConflictError

Json = dict[str, Any]
KEPT_SECONDS = 3600.0
MAX_KEYS = 10_000
MAX_BYTES = 32 << 20  # a report names each article that was rejected, of up to 10,000
_LONGEST_RETRY_SECONDS = 3600


@dataclass(slots=True)
class _Entry:
    """``reply`` is None until the work is done. ``lock`` is held while it is being done."""

    fingerprint: bytes
    at: float
    lock: threading.Lock = field(default_factory=threading.Lock)
    reply: Json | None = None
    num_bytes: int = 0


class KeyedCalls(Protocol):
    """What does keyed work once."""

    def run(self, owner: str, key: str, fingerprint: bytes, work: Callable[[], Json]) -> Json:
        """What ``work`` returns, or what it returned when it was asked for with this key before.

        A second request that comes while the first is at work waits for it. Work that failed may be tried again.

        :param owner: Whose key it is: one user's keys are never another's.
        :param fingerprint: Of the request; see :func:`fingerprint_of`.
        :raises ConflictError: If the key was used for another request.
        :raises BusyError: If too many keys are remembered.
        """
        ...


class IdempotentCalls:
    """Thread-safe.

    :param kept_seconds: How long a reply is kept at least.
    :param max_keys: How many are kept at most; while none is old enough to go, new keys are refused.
    :param max_bytes: The replies may have as JSON before new keys are refused, likewise.
    """

    def __init__(
        self,
        *,
        kept_seconds: float = KEPT_SECONDS,
        max_keys: int = MAX_KEYS,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kept_seconds = kept_seconds
        self._max_keys = max_keys
        self._max_bytes = max_bytes
        self._num_bytes = 0
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: dict[tuple[str, str], _Entry] = {}  # the oldest first

    def run(self, owner: str, key: str, fingerprint: bytes, work: Callable[[], Json]) -> Json:
        """See :meth:`KeyedCalls.run`."""
        entry = self._entry(owner, key, fingerprint)
        with entry.lock:
            if entry.reply is None:
                entry.reply = self._done(owner, key, work)
                entry.num_bytes = len(json.dumps(entry.reply))
                with self._lock:
                    self._num_bytes += entry.num_bytes
            return entry.reply

    def _done(self, owner: str, key: str, work: Callable[[], Json]) -> Json:
        try:
            return work()
        except BaseException:
            with self._lock:
                self._entries.pop((owner, key), None)
            raise

    def _entry(self, owner: str, key: str, fingerprint: bytes) -> _Entry:
        now = self._clock()
        with self._lock:
            self._forget_old(now)
            entry = self._entries.get((owner, key))
            if entry is None:
                if len(self._entries) >= self._max_keys or (self._num_bytes >= self._max_bytes and self._entries):
                    oldest = next(iter(self._entries.values()))
                    raise BusyError(min(math.ceil(oldest.at + self._kept_seconds - now) + 1, _LONGEST_RETRY_SECONDS))
                entry = self._entries[owner, key] = _Entry(fingerprint, now)
            elif entry.fingerprint != fingerprint:
                raise _conflict()
            return entry

    def _forget_old(self, now: float) -> None:
        while self._entries:
            oldest = next(iter(self._entries))
            entry = self._entries[oldest]
            if now - entry.at <= self._kept_seconds or entry.lock.locked():
                return
            del self._entries[oldest]
            self._num_bytes -= entry.num_bytes


class SharedIdempotentCalls:
    """The same over several processes, of which any may be asked next."""

    def __init__(self, replies: KeyedReplies, *, max_keys: int = MAX_KEYS, max_chars: int = MAX_BYTES) -> None:
        self._replies = replies
        self._max_keys = max_keys
        self._max_chars = max_chars

    def run(self, owner: str, key: str, fingerprint: bytes, work: Callable[[], Json]) -> Json:
        """See :meth:`KeyedCalls.run`."""
        with self._replies.holding(owner, key) as held:
            stored = held.stored()
            if stored is not None:
                if stored[0] != fingerprint:
                    raise _conflict()
                reply: Json = json.loads(stored[1])
                return reply
            num_keys, num_chars = held.num_stored()
            if num_keys >= self._max_keys or num_chars >= self._max_chars:
                raise BusyError(_LONGEST_RETRY_SECONDS)
            reply = work()
            held.store(fingerprint, json.dumps(reply))
            return reply


def _conflict() -> ConflictError:
    return ConflictError("this Idempotency-Key was used for another request; use a new key for new work")


def fingerprint_of(parts: Iterable[bytes]) -> bytes:
    """A hash of the parts of a request, each with its length so that none runs into the next."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()
