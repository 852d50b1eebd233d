"""The library on a PostgreSQL server: what the embedded one does, and which removed texts an index may still hold.

Knows nothing of passages. Tables and statements are the embedded library's (:mod:`index.library`).
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice

from psycopg import sql

from index.errors import StorageError
from index.library import Library, Revision
from index.library_rows import read_revisions
from index.postgres.database import PostgresDatabase
from index.postgres.library_schema import LIBRARY
from index.postgres.migrations import migrate
from index.postgres.servers import Server
from index.sql import Connection, marks

_log = logging.getLogger(__name__)
_TABLES_OF_TEXTS = (
    "revisions",
    "articles",
    "embeddings",
    "signatures",
    "signature_bands",
    "near_duplicates",
    "fetches",
)
_SWEEP_SECONDS = 3600.0
_REVISIONS_AT_ONCE = 50
_IDS_AT_ONCE = 10_000


class PostgresLibrary(Library):
    """Safe to use from several threads, processes and machines."""

    def __init__(self, server: Server) -> None:
        """Make its tables where there are none.

        :raises StorageError: If the server cannot be reached, or its tables are of a newer program.
        """
        migrate(server, "library", LIBRARY)
        super().__init__(PostgresDatabase(server))
        self._server = server

    def revisions(self, revision_ids: Iterable[int]) -> Iterator[Revision]:
        """Read revisions in the order asked for, some at a time: the server may be far away.

        :raises StorageError: If a stored text no longer has its hash: the table is damaged.
        """
        ids = iter(revision_ids)
        while some := list(islice(ids, _REVISIONS_AT_ONCE)):
            with self.database.read() as connection:
                # Without those that were removed since the ids were listed.
                revisions = read_revisions(connection, some)
            yield from revisions

    def state(self) -> int:
        """Grows whenever a revision comes or goes."""
        with self.database.read() as connection:
            return int(connection.execute(self.database.dialect.state).fetchone()[0])

    def removed_revisions(self) -> set[int]:
        """Revisions that were removed and of which an index may still hold something."""
        with self.database.read() as connection:
            return {int(row[0]) for row in connection.execute("SELECT revision_id FROM removed_revisions")}

    def forget_removed(self, revision_ids: Collection[int]) -> None:
        """No index holds anything of these any more."""
        ids = iter(sorted(revision_ids))
        while some := list(islice(ids, _IDS_AT_ONCE)):
            statement = f"DELETE FROM removed_revisions WHERE revision_id IN ({marks(some)})"  # noqa: S608 (only marks)
            self.database.transact(partial(_execute, statement, some))

    def sweep(self) -> None:
        """Give the space of deleted rows free now, to be written over; autovacuum would do it some time."""
        for table in _TABLES_OF_TEXTS:
            try:
                statement = sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(table))
                self._server.execute_alone(statement, timeout_seconds=_SWEEP_SECONDS)
            except StorageError as error:
                _log.warning("removed text is deleted, and its bytes stay until autovacuum comes by: %s", error)


def _execute(statement: str, values: Sequence[int], connection: Connection) -> None:
    connection.execute(statement, values)
