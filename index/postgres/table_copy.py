"""Copies tables of an embedded file into empty ones of the same names and columns; knows nothing of what they hold."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence

import psycopg
from psycopg import IsolationLevel, sql

from index.database import Database
from index.errors import BadInputError
from index.postgres.servers import Connection, Server

Progress = Callable[[str, int, int], None]

_TIMEOUT_SECONDS = 24 * 3600.0
_ROWS_PER_REPORT = 1000


def copy_tables(
    sources: Mapping[Database, Sequence[str]],
    server: Server,
    progress: Progress,
    first: Callable[[Connection], None] = lambda connection: None,
) -> dict[str, int]:
    """Copy all rows of tables of some files, in one transaction: all of them are there afterwards, or none.

    Nobody can write to a file while it is read.

    :param sources: The tables of each file; those that others refer to come first.
    :param first: Done before, in the same transaction.
    :return: How many rows each table has.
    :raises BadInputError: If one of the tables on the server is not empty, or holds what PostgreSQL cannot.
    :raises StorageError: If a file or the server cannot be read or written; nothing was copied then.
    """

    def work(connection: Connection) -> dict[str, int]:
        first(connection)
        counts: dict[str, int] = {}
        for source, tables in sources.items():
            with source.read() as file:
                file.execute("BEGIN")
                counts |= {table: _copy(file, connection, table, progress) for table in tables}
        return counts

    return server.write(work, isolation=IsolationLevel.READ_COMMITTED, timeout_seconds=_TIMEOUT_SECONDS)


def _copy(file: sqlite3.Connection, connection: Connection, table: str, progress: Progress) -> int:
    name = sql.Identifier(table)
    connection.execute(sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(name))
    if connection.execute(sql.SQL("SELECT FROM {} LIMIT 1").format(name)).fetchone() is not None:
        raise BadInputError(f"the table {table} on the server is not empty; copy into a database of its own")
    columns = [str(row[1]) for row in file.execute(f"PRAGMA table_info({table})")]
    total = int(file.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])  # noqa: S608 (one of ours)
    into = sql.SQL("COPY {} ({}) FROM STDIN").format(name, sql.SQL(", ").join(map(sql.Identifier, columns)))
    done = 0
    try:
        with connection.cursor() as cursor, cursor.copy(into) as copy:
            for row in file.execute(f"SELECT {', '.join(columns)} FROM {table}"):  # noqa: S608 (one of ours)
                copy.write_row(tuple(row))
                done += 1
                if done % _ROWS_PER_REPORT == 0:
                    progress(f"copying {table}", done, total)
    except psycopg.DataError as error:  # a character of code 0, say
        where = f" in the row with {columns[0]} {row[0]!r}" if done < total else ""
        raise BadInputError(
            f"the table {table} holds{where} what PostgreSQL cannot ({str(error).splitlines()[0]}): mend or remove "
            "that first; nothing was copied"
        ) from error
    progress(f"copying {table}", done, total)
    return done
