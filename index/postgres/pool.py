"""Keeps a few connections to one PostgreSQL service open; knows nothing of transactions or tables.

A pool of its own, and not psycopg_pool: that one answers a refused connection with its own patience in a thread of its
own, and a shard that is down must be known at once, with the server's reason.
"""

from __future__ import annotations

import math
import re
import select
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from index.errors import ConfigError, StorageError
from index.postgres.timed_connection import TimedConnection

Connection = TimedConnection

_NO_ADDRESS = "index.url is no PostgreSQL address such as postgresql://user@host:5432/name"
_BUSY_SECONDS = 30.0
# So long after the server should have given up by itself it is silent.
SLACK_SECONDS = 1.0
_MAX_IDLE_SECONDS = 300.0
# A machine that is gone without a word is noticed after some 15 s, not after the system's two hours.
_KEEPALIVES = {
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 15_000,
}


class UnavailableError(StorageError):
    """A server does not answer, now or in time; others may."""


class Pool:
    """Connections, made when they are needed and kept for the next. Thread-safe.

    :param url: ``postgresql://...`` or libpq's ``host=... dbname=...``; several hosts are allowed.
    :param max_connections: How many there are at most; who needs one more waits for half a minute.
    """

    def __init__(
        self, url: str, *, max_connections: int, connect_timeout_seconds: float, statement_timeout_seconds: float
    ) -> None:
        """:raises ConfigError: If the address cannot be read."""
        try:
            given = conninfo_to_dict(url)
        except psycopg.ProgrammingError as error:
            raise ConfigError(_NO_ADDRESS) from error
        if not re.fullmatch(r"(\d*,)*\d*", str(given.get("port") or "")):
            raise ConfigError(f"{_NO_ADDRESS}: the port is no number")
        self._password = str(given.get("password") or "")
        self.name = _name_of(given)
        defaults = {"application_name": "article-qa", "connect_timeout": max(2, round(connect_timeout_seconds))}
        self._parameters: dict[str, Any] = {**defaults, **_KEEPALIVES, **given}
        self.statement_timeout_seconds = statement_timeout_seconds
        self._max_connections = max_connections
        self._free = threading.BoundedSemaphore(max_connections)
        self._idle: list[tuple[float, Connection]] = []
        self._lock = threading.Lock()
        self._is_closed = False

    @contextmanager
    def connection(self, deadline: float | None = None) -> Iterator[Connection]:
        """One outside a transaction, for this thread alone; closed afterwards if it is broken or inside one.

        :param deadline: Of ``time.monotonic``: when the server must have answered everything.
        :raises psycopg.OperationalError: If none can be made.
        :raises UnavailableError: If all are in use for too long.
        """
        left = _BUSY_SECONDS if deadline is None else max(0.0, deadline - time.monotonic())
        if not self._free.acquire(timeout=min(left, _BUSY_SECONDS)):
            raise UnavailableError(f"{self.name}: all {self._max_connections} connections are in use")
        try:
            connection = self._from_idle() or self.connect(deadline)
            connection.answer_seconds = self.statement_timeout_seconds + SLACK_SECONDS
            connection.deadline = deadline
            try:
                yield connection
            finally:
                self._give_back(connection)
        finally:
            self._free.release()

    def connect(self, deadline: float | None = None) -> Connection:
        """A new connection that the pool does not count, and that waits for answers without a limit.

        :raises psycopg.OperationalError: If it cannot be made.
        """
        parameters = dict(self._parameters)
        if deadline is not None:
            left = math.ceil(deadline - time.monotonic())
            parameters["connect_timeout"] = max(2, min(int(parameters["connect_timeout"]), left))
        # Never prepared on the server: a plan made for this question's words and filters is worth more than its cost.
        connection = TimedConnection.connect(**parameters, prepare_threshold=None, autocommit=True)
        try:
            # Room for the set of hidden revisions, which would else be gone through for every row; and no compiling,
            # which takes longer than a search.
            settings = sql.SQL("SET statement_timeout = {}; SET timezone = 'UTC'; SET work_mem = '64MB'; SET jit = off")
            connection.answer_seconds = float(parameters["connect_timeout"])
            connection.execute(settings.format(sql.Literal(round(1000 * self.statement_timeout_seconds))))
            connection.autocommit = False
            connection.answer_seconds = None
        except BaseException:
            connection.close()
            raise
        return connection

    def told(self, error: Exception) -> str:
        """An error of the server in one line, without the password."""
        primary = error.diag.message_primary if isinstance(error, psycopg.Error) else None
        line = " ".join((primary or str(error) or type(error).__name__).split())
        if self._password:
            line = line.replace(self._password, "***")
        return line[:300]

    def close(self) -> None:
        """Close what is idle now, and what is in use when it comes back."""
        with self._lock:
            self._is_closed = True
        self.close_idle()

    def close_idle(self) -> None:
        """Close what nobody uses now."""
        with self._lock:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()

    def _from_idle(self) -> Connection | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                since, connection = self._idle.pop()
            if time.monotonic() - since < _MAX_IDLE_SECONDS and not _has_ended(connection):
                return connection
            connection.close()

    def _give_back(self, connection: Connection) -> None:
        is_usable = not connection.closed and connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        with self._lock:
            if is_usable and not self._is_closed:
                self._idle.append((time.monotonic(), connection))
                return
        connection.close()


def _has_ended(connection: Connection) -> bool:
    """Whether the server ended it: of an idle connection there is nothing to read but its end or a notice of it."""
    readable, _, _ = select.select([connection.fileno()], [], [], 0)
    return bool(readable)


def _name_of(given: Mapping[str, object]) -> str:
    """Where it is, for messages: hosts, ports and database, no user and no password."""
    hosts = str(given.get("host") or given.get("hostaddr") or "localhost").split(",")
    ports = str(given.get("port") or "5432").split(",")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    places = ",".join(f"{host}:{port}" for host, port in zip(hosts, ports, strict=False))
    return f"PostgreSQL at {places}/{given.get('dbname') or ''}"
