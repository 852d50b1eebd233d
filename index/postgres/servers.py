"""One PostgreSQL service: consistent reads, and writes that happen once whatever breaks; knows no table but its own.

A write is repeated when the server asks for it (a serialization failure, a deadlock) and when the connection is lost
(:mod:`index.postgres.writes`).
"""

from __future__ import annotations

import logging
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, TypeVar

import psycopg
from psycopg import IsolationLevel, sql

from index.errors import BuilderBusyError, StorageError
from index.postgres.pool import Connection, Pool
from index.postgres.writes import Attempt, can_pass, set_timeout

__all__ = ["LONG_SECONDS", "Connection", "Server", "UnavailableError"]

T = TypeVar("T")

LONG_SECONDS: Final = 3600.0
"""For a statement that loads, or goes through whole tables."""

_log = logging.getLogger(__name__)
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0
_NUM_TOKENS_KEPT = 64


class UnavailableError(StorageError):
    """A server does not answer, now or in time; others may."""


class Server:
    """One database, on one host or on a primary and its standbys. Thread-safe.

    :param url: ``postgresql://...``; with several hosts add ``target_session_attrs=read-write``.
    :param statement_timeout_seconds: After which the server gives a statement up, where the caller sets no other.
    :param patience_seconds: For how long writes are repeated, which includes a failover.
    """

    def __init__(
        self,
        url: str,
        *,
        max_connections: int = 8,
        connect_timeout_seconds: float = 5.0,
        statement_timeout_seconds: float = 30.0,
        patience_seconds: float = 30.0,
    ) -> None:
        """Nothing is connected yet.

        :raises ConfigError: If the address cannot be read.
        """
        self._pool = Pool(
            url,
            max_connections=max_connections,
            connect_timeout_seconds=connect_timeout_seconds,
            statement_timeout_seconds=statement_timeout_seconds,
        )
        self._patience_seconds = patience_seconds
        self._done_tokens: list[uuid.UUID] = []
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """Where it is, for messages; without a password."""
        return self._pool.name

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    @contextmanager
    def read(self, timeout_seconds: float | None = None) -> Iterator[Connection]:
        """A connection inside one read-only transaction that sees one state of the database throughout.

        :param timeout_seconds: For each statement; None for the server's usual one.
        :raises StorageError: If the server cannot be reached or fails, also from inside the ``with``.
        """
        try:
            with self._pool.connection() as connection:
                connection.isolation_level, connection.read_only = IsolationLevel.REPEATABLE_READ, True
                try:
                    if timeout_seconds is not None:
                        set_timeout(connection, timeout_seconds, is_local=True)
                    yield connection
                finally:
                    if not connection.closed:
                        connection.rollback()
        except psycopg.Error as error:
            raise self._failed(error) from error

    def ask(self, question: Callable[[Connection], T], timeout_seconds: float | None = None) -> T:
        """What ``question`` makes of a connection inside a transaction as of :meth:`read`, asked anew if that was lost.

        :param timeout_seconds: For each statement; None for the server's usual one.
        :raises StorageError: If the server cannot be reached or fails.
        """
        try:
            return self._ask(question, timeout_seconds)
        except psycopg.Error as error:
            if not can_pass(error):
                raise self._failed(error) from error
        try:
            return self._ask(question, timeout_seconds)
        except psycopg.Error as error:
            raise self._failed(error) from error

    def write(
        self,
        work: Callable[[Connection], T],
        *,
        idempotent: bool = False,
        isolation: IsolationLevel = IsolationLevel.SERIALIZABLE,
        timeout_seconds: float | None = None,
    ) -> T:
        """Do ``work`` in one transaction, committed when this returns.

        ``work`` may be called several times, each time in a transaction of its own of which only one is committed.

        :param idempotent: Doing it twice is like doing it once: spares the token.
        :param isolation: READ COMMITTED is for work that first takes a lock and then reads what is true under it.
        :param timeout_seconds: For statements of this write; None for the server's usual one.
        :raises StorageError: If it cannot be done; nothing of it is there then, except where the message says that
            this is unknown.
        """
        token = None if idempotent else uuid.uuid4()
        attempt = Attempt[T](self._pool, work, token, isolation, timeout_seconds)
        deadline = time.monotonic() + self._patience_seconds
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                result = attempt.run()
                break
            except psycopg.Error as error:
                if not can_pass(error) or time.monotonic() + pause > deadline:
                    unknown = "; whether it was written is unknown" if attempt.is_uncertain else ""
                    raise StorageError(f"{self.name}: {self._pool.told(error)}{unknown}") from error
                _log.info("%s: a write is repeated: %s", self.name, self._pool.told(error))
            time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - so that two writers do not meet again
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        if token is not None:
            self._forget(token)
        return result

    @contextmanager
    def session(self) -> Iterator[Connection]:
        """A connection of its own in autocommit, for locks and LISTEN; closed afterwards.

        :raises StorageError: If the server cannot be reached or fails, also from inside the ``with``.
        """
        try:
            connection = self._pool.connect()
            try:
                connection.autocommit = True
                yield connection
            finally:
                connection.close()
        except psycopg.Error as error:
            raise self._failed(error) from error

    @contextmanager
    def locked(self, what: str, timeout_seconds: float) -> Iterator[Connection]:
        """Hold an advisory lock, which goes with the process or its connection; yields the connection that holds it.

        A lost connection loses the lock unnoticed: what it protects must also be fenced by a row.

        :raises BuilderBusyError: If another holds it for longer.
        """
        with self.session() as connection:
            deadline = time.monotonic() + timeout_seconds
            while not _one(connection, "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", what):
                if time.monotonic() >= deadline:
                    raise BuilderBusyError(
                        "another program is rebuilding this index; articles already accepted are safe and will be "
                        "indexed by the next rebuild"
                    )
                time.sleep(min(0.1, timeout_seconds))
            try:
                yield connection
            finally:
                # With its connection it would go a moment after the caller went on.
                with suppress(psycopg.Error):
                    connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (what,))

    def execute_alone(self, statement: sql.SQL | sql.Composed, *, timeout_seconds: float) -> None:
        """What PostgreSQL does outside transactions only, such as VACUUM.

        :raises StorageError: If it fails.
        """
        with self.session() as connection:
            set_timeout(connection, timeout_seconds, is_local=False)
            connection.execute(statement)

    def _ask(self, question: Callable[[Connection], T], timeout_seconds: float | None) -> T:
        with self._pool.connection() as connection:
            connection.isolation_level, connection.read_only = IsolationLevel.REPEATABLE_READ, True
            try:
                if timeout_seconds is not None:
                    set_timeout(connection, timeout_seconds, is_local=True)
                return question(connection)
            finally:
                if not connection.closed:
                    connection.rollback()

    def _failed(self, error: psycopg.Error) -> StorageError:
        kind = UnavailableError if isinstance(error, psycopg.OperationalError) else StorageError
        return kind(f"{self.name}: {self._pool.told(error)}")

    def _forget(self, token: uuid.UUID) -> None:
        """Delete tokens of writes that are known to have happened, some at a time.

        Outside of serializable transactions, which the shared pages of the small table would set against each other.
        """
        with self._lock:
            self._done_tokens.append(token)
            if len(self._done_tokens) < _NUM_TOKENS_KEPT:
                return
            tokens, self._done_tokens = self._done_tokens, []
        try:
            with self._pool.connection() as connection:
                connection.isolation_level, connection.read_only = IsolationLevel.READ_COMMITTED, False
                connection.execute("DELETE FROM write_tokens WHERE token = ANY(%s)", (tokens,))
                connection.commit()
        except psycopg.Error as error:
            _log.info("%s: %d tokens are deleted by a later start: %s", self.name, len(tokens), self._pool.told(error))


def _one(connection: Connection, statement: str, *values: object) -> object:
    row = connection.execute(statement, values).fetchone()
    return row[0] if row is not None else None
