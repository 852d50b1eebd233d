"""Conversations and feedback on a PostgreSQL server, for all app processes; knows nothing of what rows hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TypeVar

from index.postgres.database import PostgresDatabase
from index.postgres.servers import Server
from index.sql import Connection
from qa.kept_file import Now, timestamp_of
from qa.shared.schema import make_tables

_Result = TypeVar("_Result")


class KeptTables:
    """A :class:`qa.kept_file.KeptStore`."""

    def __init__(self, server: Server, now: Now = lambda: datetime.now(UTC)) -> None:
        """Make the tables where there are none.

        :raises StorageError: If the server cannot be reached, or its tables are of a newer program.
        """
        make_tables(server)
        self.now = now
        self._database = PostgresDatabase(server, lock_table="kept_writers")

    @contextmanager
    def read(self) -> Iterator[Connection | None]:
        """A connection for reading."""
        with self._database.read() as connection:
            yield connection

    def transact(self, work: Callable[[Connection], _Result]) -> _Result:
        """See :meth:`index.postgres.database.PostgresDatabase.transact`."""
        return self._database.transact(work)

    def exists(self) -> bool:
        return True

    def timestamp(self) -> str:
        return timestamp_of(self.now())
