"""Remembers replies to keyed requests for all app processes; knows nothing of what was asked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from index.errors import StorageError
from index.postgres.servers import Connection, Server

_LOOK_SECONDS = 0.2
_PATIENCE_SECONDS = 900.0  # adding many articles takes minutes


class TableOfReplies:
    """A :class:`qa.common.KeyedReplies`.

    :param kept_seconds: How long a reply is remembered.
    """

    def __init__(self, server: Server, *, kept_seconds: float = 3600.0) -> None:
        self._server = server
        self._kept_seconds = kept_seconds

    @contextmanager
    def holding(self, owner: str, key: str) -> Iterator[_HeldKey]:
        """See :meth:`qa.common.KeyedReplies.holding`."""
        name = f"article-qa reply {len(owner)} {owner} {key}"
        # A connection of its own: the lock goes with it, or with the process.
        with self._server.session() as connection:
            self._lock(connection, name)
            yield _HeldKey(self._server, owner, key, self._kept_seconds)

    def _lock(self, connection: Connection, name: str) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        statement = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
        while (row := connection.execute(statement, (name,)).fetchone()) is None or not row[0]:
            if time.monotonic() > deadline:
                raise StorageError("the first request with this Idempotency-Key takes very long; try again later")
            time.sleep(_LOOK_SECONDS)


class _HeldKey:
    """A :class:`qa.common.KeyedReply`."""

    def __init__(self, server: Server, owner: str, key: str, kept_seconds: float) -> None:
        self._server = server
        self._owner = owner
        self._key = key
        self._kept_seconds = kept_seconds

    def stored(self) -> tuple[bytes, str] | None:
        with self._server.read() as connection:
            row = connection.execute(
                "SELECT fingerprint, reply FROM keyed_replies WHERE owner = %s AND key = %s "
                "AND at > now() - make_interval(secs => %s)",
                (self._owner, self._key, self._kept_seconds),
            ).fetchone()
        return None if row is None else (bytes(row[0]), str(row[1]))

    def num_stored(self) -> tuple[int, int]:
        with self._server.read() as connection:
            row = connection.execute(
                "SELECT count(*), COALESCE(sum(length(reply)), 0) FROM keyed_replies "
                "WHERE at > now() - make_interval(secs => %s)",
                (self._kept_seconds,),
            ).fetchone()
        return (0, 0) if row is None else (int(row[0]), int(row[1]))

    def store(self, fingerprint: bytes, reply: str) -> None:
        def work(connection: Connection) -> None:
            connection.execute(
                "DELETE FROM keyed_replies WHERE at <= now() - make_interval(secs => %s)", (self._kept_seconds,)
            )
            connection.execute(
                "INSERT INTO keyed_replies (owner, key, fingerprint, reply) VALUES (%s, %s, %s, %s) "
                "ON CONFLICT (owner, key) DO UPDATE SET fingerprint = excluded.fingerprint, reply = excluded.reply, "
                "at = now()",
                (self._owner, self._key, fingerprint, reply),
            )

        self._server.write(work, idempotent=True)
