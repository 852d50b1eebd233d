"""Counts requests of all app processes in a table that a crash may empty; knows nothing of what is limited."""

from __future__ import annotations

import threading
import time

from psycopg import IsolationLevel

from index.postgres.servers import Connection, Server

_FORGET_SECONDS = 60.0
# A sliding window of a minute from two counters: of the minute before, the share that still lies in the window counts.
_NOW = """
    WITH clock AS (SELECT extract(epoch FROM clock_timestamp()) / 60 AS minutes),
    place AS (SELECT floor(minutes)::bigint AS minute, 1 - (minutes - floor(minutes)) AS share FROM clock),
    used AS (
        SELECT minute, COALESCE(sum(CASE WHEN c.minute_of = minute THEN c.num ELSE c.num * share END), 0) AS num
        FROM place LEFT JOIN (
            SELECT minute AS minute_of, num FROM request_counts WHERE kind = %(kind)s AND client = %(client)s
        ) c ON c.minute_of IN (minute, minute - 1)
        GROUP BY minute
    )
"""
_TAKE = f"""{_NOW}
    INSERT INTO request_counts (kind, client, minute, num)
    SELECT %(kind)s, %(client)s, minute, 1 FROM used WHERE num + 1 <= %(limit)s
    ON CONFLICT (kind, client, minute) DO UPDATE SET num = request_counts.num + 1
        WHERE request_counts.num + 1 <= %(limit)s
    RETURNING num
"""  # noqa: S608 (constant)
_LOOK = f"{_NOW} SELECT num + 1 <= %(limit)s FROM used"  # noqa: S608 (constant)
_FORGET = "DELETE FROM request_counts WHERE minute < floor(extract(epoch FROM clock_timestamp()) / 60) - 1"


class TableOfCounts:
    """A :class:`qa.common.RequestCounts`.

    :param server: With little patience: nobody should wait long for a count.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._lock = threading.Lock()
        self._forgot_at = time.monotonic()

    def take(self, kind: str, client: str, limit: int) -> bool:
        values = {"kind": kind, "client": client, "limit": limit}
        forgets = self._is_time_to_forget()

        def work(connection: Connection) -> bool:
            if forgets:
                connection.execute(_FORGET)
            return connection.execute(_TAKE, values).fetchone() is not None

        # Twice after a lost connection does no harm, and sparing the token spares a write that a standby waits for.
        return self._server.write(work, idempotent=True, isolation=IsolationLevel.READ_COMMITTED)

    def may_take(self, kind: str, client: str, limit: int) -> bool:
        with self._server.read() as connection:
            row = connection.execute(_LOOK, {"kind": kind, "client": client, "limit": limit}).fetchone()
        return row is None or bool(row[0])

    def _is_time_to_forget(self) -> bool:
        with self._lock:
            is_time = time.monotonic() - self._forgot_at > _FORGET_SECONDS
            if is_time:
                self._forgot_at = time.monotonic()
            return is_time
