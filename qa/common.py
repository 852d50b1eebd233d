"""What several app processes on one index have in common, as the app needs it; knows nothing of where that is kept."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from qa.users import BaseUsers


class RequestCounts(Protocol):
    """Requests of each client in the running minute, counted over all processes.

    ``kind``: of what there is a limit. Every method raises :class:`index.errors.StorageError` when it cannot tell.
    """

    def take(self, kind: str, client: str, limit: int) -> bool:
        """Count one more, unless that would be more than ``limit`` a minute; whether it was counted."""
        ...

    def may_take(self, kind: str, client: str, limit: int) -> bool:
        """Whether one more would be counted."""
        ...


class KeyedReply(Protocol):
    """One key of an owner, held by this process alone: others that come with it wait."""

    def stored(self) -> tuple[bytes, str] | None:
        """The fingerprint of the request that was answered and its reply, None when there is none."""
        ...

    def num_stored(self) -> tuple[int, int]:
        """Replies that are remembered of all keys, and their characters in all."""
        ...

    def store(self, fingerprint: bytes, reply: str) -> None:
        """Remember the reply for whoever comes with the key again."""
        ...


class KeyedReplies(Protocol):
    """Replies to keyed requests, remembered for all processes."""

    def holding(self, owner: str, key: str) -> AbstractContextManager[KeyedReply]:
        """Wait for whoever holds the key, then hold it; it is let go when its process ends.

        :raises StorageError: If that cannot be done.
        """
        ...


@dataclass(frozen=True, slots=True)
class Common:
    """All of it."""

    users: BaseUsers
    counts: RequestCounts
    replies: KeyedReplies
