"""One write to PostgreSQL, tried once or several times and committed once; knows nothing of what is written.

If the connection is lost while a commit is under way, nobody knows whether it happened: so each write leaves a token in
its own transaction. The repetition leaves the same token first; the unique index makes it wait for a first try that
still runs on the server, and a token that is there already says that the first try was committed. This also holds after
a failover to a synchronous standby, which the numbers of transactions do not survive.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Generic, TypeVar

import psycopg
from psycopg import IsolationLevel

from index.postgres.pool import SLACK_SECONDS, Connection, Pool

T = TypeVar("T")

TOKENS_TABLE = """
CREATE TABLE IF NOT EXISTS write_tokens (
    token      uuid PRIMARY KEY,
    written_at timestamptz NOT NULL DEFAULT now()
)
"""

# The server refuses or was told to stop; another try, perhaps on another host, can succeed.
_PASSING = (
    psycopg.errors.SerializationFailure,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.CannotConnectNow,
    psycopg.errors.TooManyConnections,
    psycopg.errors.ReadOnlySqlTransaction,
)
_ENDED = (psycopg.errors.AdminShutdown, psycopg.errors.CrashShutdown, psycopg.errors.IdleInTransactionSessionTimeout)


class Attempt(Generic[T]):
    """One write, tried once or several times."""

    def __init__(
        self,
        pool: Pool,
        work: Callable[[Connection], T],
        token: uuid.UUID | None,
        isolation: IsolationLevel,
        timeout_seconds: float | None,
    ) -> None:
        self._pool = pool
        self._work = work
        self._token = token
        self._isolation = isolation
        self._timeout_seconds = timeout_seconds
        self._results: list[T] = []  # of the try whose commit was sent and not confirmed
        self.is_uncertain = False

    def run(self) -> T:
        """:raises psycopg.Error: If this try failed, or may have."""
        with self._pool.connection() as connection:
            connection.isolation_level, connection.read_only = self._isolation, False
            try:
                if self._token is not None and not _leave(connection, self._token):
                    return self._confirmed(connection)
                self.is_uncertain = False
                if self._timeout_seconds is not None:
                    set_timeout(connection, self._timeout_seconds, is_local=True)
                result = self._work(connection)
            except BaseException:
                if not connection.closed:
                    connection.rollback()
                raise
            self._results = [result]
            try:
                connection.commit()
            except psycopg.Error as error:
                self.is_uncertain = is_lost(error)
                raise
            return result

    def _confirmed(self, connection: Connection) -> T:
        """The result of the earlier try, which was committed."""
        # This commit waits for the standby like any other, and so for the earlier one too.
        _leave(connection, uuid.uuid4())
        connection.commit()
        return self._results[0]


def _leave(connection: Connection, token: uuid.UUID) -> bool:
    """Whether the token is new; waits for a transaction under way that left it."""
    cursor = connection.execute("INSERT INTO write_tokens (token) VALUES (%s) ON CONFLICT DO NOTHING", (token,))
    return cursor.rowcount == 1


def set_timeout(connection: Connection, seconds: float, *, is_local: bool) -> None:
    """Let the server give statements up after so long, and notice when it does not."""
    connection.execute("SELECT set_config('statement_timeout', %s, %s)", (str(round(1000 * seconds)), is_local))
    connection.answer_seconds = seconds + SLACK_SECONDS


def is_lost(error: psycopg.Error) -> bool:
    """Whether the connection ended, so that nobody was told what became of what was under way."""
    if isinstance(error, _ENDED):
        return True
    sqlstate = error.sqlstate
    return isinstance(error, psycopg.OperationalError) and (sqlstate is None or sqlstate.startswith("08"))


def can_pass(error: psycopg.Error) -> bool:
    return isinstance(error, _PASSING) or is_lost(error)
