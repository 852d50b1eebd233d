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
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Final, TypeVar

import psycopg
from psycopg import IsolationLevel, sql

from index.errors import BuilderBusyError, StorageError
from index.postgres.pool import SLACK_SECONDS, Connection, Pool, UnavailableError
from index.postgres.silence import Silence
from index.postgres.timed_connection import OverdueError
from index.postgres.writes import Attempt, can_pass, set_timeout

__all__ = ["LONG_SECONDS", "Connection", "Server", "UnavailableError"]

T = TypeVar("T")

LONG_SECONDS: Final = 3600.0
"""For a statement that loads, or goes through whole tables."""

_log = logging.getLogger(__name__)
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0
_NUM_TOKENS_KEPT = 64


class Server:
    """One database, on one host or on a primary and its standbys. Thread-safe.

    :param url: ``postgresql://...``; with several hosts add ``target_session_attrs=read-write``.
    :param max_connections: For reading.
    :param max_writers: Connections for writing, which may all wait for a standby that is away while reads go on.
    :param statement_timeout_seconds: After which the server gives a statement up, where the caller sets no other.
    :param answer_seconds: How long a reader waits for an answer, all in all.
    :param patience_seconds: For how long writes are repeated, which includes a failover.
    """

    def __init__(
        self,
        url: str,
        *,
        max_connections: int = 8,
        max_writers: int = 3,
        connect_timeout_seconds: float = 5.0,
        statement_timeout_seconds: float = 30.0,
        answer_seconds: float = 20.0,
        patience_seconds: float = 30.0,
    ) -> None:
        """Nothing is connected yet.

        :raises ConfigError: If the address cannot be read.
        """
        self._pool, self._writing = (
            Pool(
                url,
                max_connections=some,
                connect_timeout_seconds=connect_timeout_seconds,
                statement_timeout_seconds=statement_timeout_seconds,
            )
            for some in (max_connections, max_writers)
        )
        self.answer_seconds = answer_seconds
        self._threads = ThreadPoolExecutor(max_connections, "article-qa server")
        self._silence = Silence()
        self._patience_seconds = patience_seconds
        self._done_tokens: list[uuid.UUID] = []
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """Where it is, for messages; without a password."""
        return self._pool.name

    def close(self) -> None:
        """Close all connections."""
        self._threads.shutdown()
        self._pool.close()
        self._writing.close()

    def submit(self, work: Callable[..., T], *arguments: object) -> Future[T]:
        """Do ``work`` in a thread that is there for this server alone: others do not wait behind one that hangs."""
        return self._threads.submit(work, *arguments)

    @contextmanager
    def read(self, timeout_seconds: float | None = None) -> Iterator[Connection]:
        """A connection inside one read-only transaction that sees one state of the database throughout.

        :param timeout_seconds: For each statement; None for the server's usual one.
        :raises StorageError: If the server cannot be reached or fails, also from inside the ``with``.
        """
        try:
            with self._reading(timeout_seconds=timeout_seconds) as connection:
                yield connection
        except psycopg.Error as error:
            raise self._failed(error) from error

    def ask(self, question: Callable[[Connection], T], timeout_seconds: float | None = None) -> T:
        """What ``question`` makes of a connection inside a transaction as of :meth:`read`, asked anew if that was lost.

        :param timeout_seconds: For each statement; None for the server's usual one.
        :raises StorageError: If the server cannot be reached or fails.
        """
        return self._asked(question, timeout_seconds=timeout_seconds)

    def ask_soon(self, question: Callable[[Connection], T]) -> T:
        """As :meth:`ask`, for somebody who waits for an answer: within ``answer_seconds``.

        :raises UnavailableError: If the server cannot be reached, hangs or is too slow.
        """
        return self._asked(question, self.answer_seconds)

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
        attempt = Attempt[T](self._writing, work, token, isolation, timeout_seconds)
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

    def _asked(
        self, question: Callable[[Connection], T], seconds: float | None = None, timeout_seconds: float | None = None
    ) -> T:
        deadline = None if seconds is None else time.monotonic() + seconds
        try:
            try:
                return self._ask(question, deadline, timeout_seconds)
            except psycopg.Error as error:
                if not can_pass(error) or _is_silent(error):
                    raise
            return self._ask(question, deadline, timeout_seconds)
        except psycopg.Error as error:
            raise self._failed(error) from error

    def _ask(self, question: Callable[[Connection], T], deadline: float | None, timeout_seconds: float | None) -> T:
        with self._reading(deadline, timeout_seconds) as connection:
            return question(connection)

    @contextmanager
    def _reading(self, deadline: float | None = None, timeout_seconds: float | None = None) -> Iterator[Connection]:
        """:param deadline: Of ``time.monotonic``: when the server gives up; a moment later it is taken for silent."""
        seconds = self._silence.seconds_left()
        if seconds:
            raise UnavailableError(f"{self.name}: did not answer a moment ago; asked again in {seconds:.0f} s")
        try:
            with self._pool.connection(None if deadline is None else deadline + SLACK_SECONDS) as connection:
                connection.isolation_level, connection.read_only = IsolationLevel.REPEATABLE_READ, True
                try:
                    left = timeout_seconds if deadline is None else max(0.001, deadline - time.monotonic())
                    if left is not None and (deadline is None or left < self._pool.statement_timeout_seconds):
                        set_timeout(connection, left, is_local=True)
                    yield connection
                finally:
                    if not connection.closed:
                        connection.rollback()
        except UnavailableError:  # all connections are in use: nobody knows how the server is
            raise
        except psycopg.Error as error:
            self._note(error)
            raise
        except BaseException:
            self._silence.ended()
            raise
        self._silence.ended()

    def _note(self, error: psycopg.Error) -> None:
        if not _is_silent(error):
            self._silence.ended()
            return
        self._silence.began()
        # They may lead to a host that hangs, while another one of the address took over.
        self._pool.close_idle()
        self._writing.close_idle()

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
            with self._writing.connection() as connection:
                connection.isolation_level, connection.read_only = IsolationLevel.READ_COMMITTED, False
                connection.execute("DELETE FROM write_tokens WHERE token = ANY(%s)", (tokens,))
                connection.commit()
        except psycopg.Error as error:
            _log.info("%s: %d tokens are deleted by a later start: %s", self.name, len(tokens), self._pool.told(error))


def _is_silent(error: psycopg.Error) -> bool:
    return isinstance(error, (OverdueError, psycopg.errors.ConnectionTimeout))


def _one(connection: Connection, statement: str, *values: object) -> object:
    row = connection.execute(statement, values).fetchone()
    return row[0] if row is not None else None
