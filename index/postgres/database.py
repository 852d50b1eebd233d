"""A PostgreSQL server as the database that the stores of rows ask; knows no table.

Writers wait for each other, as they do at SQLite's file: what they read inside a transaction is what is true when it is
committed, and ids ascend in the order in which they can be seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

import psycopg
from psycopg import IsolationLevel
from psycopg.rows import no_result

from index.errors import BadInputError
from index.postgres.servers import LONG_SECONDS, Server
from index.sql import Connection, Cursor, Dialect, Values

POSTGRES = Dialect(
    without_case='LOWER({} COLLATE "C") COLLATE "C"',
    like="ILIKE",
    joined="STRING_AGG(CAST({} AS TEXT), ',')",
    state="SELECT version, 0 FROM library_state",
    highest_revision="SELECT CASE WHEN is_called THEN last_value END FROM revisions_revision_id_seq",
)

_Result = TypeVar("_Result")
_VALUE = re.compile(r"\?|(?<!:):([a-z_]+)\b")


class PostgresDatabase:
    """Safe to use from several threads; other processes use the same server.

    :param lock_table: Has few rows; whoever writes locks it first, and readers need not wait.
    """

    dialect = POSTGRES

    def __init__(self, server: Server, *, lock_table: str = "library_state") -> None:
        self._server = server
        self._lock = f"LOCK TABLE {lock_table} IN EXCLUSIVE MODE".encode()

    @property
    def name(self) -> str:
        """The server's address, without what is secret in it."""
        return self._server.name

    @contextmanager
    def read(self, *, is_long: bool = False) -> Iterator[Connection]:
        """A connection for reading: all its statements see one state.

        :param is_long: Whether whole tables are gone through: no statement is given up as one of a question would be.
        :raises StorageError: If the server cannot be reached or refuses.
        """
        with self._server.read(LONG_SECONDS if is_long else None) as connection:
            yield _Session(connection)

    def transact(self, work: Callable[[Connection], _Result]) -> _Result:
        """What ``work`` gives, done in one transaction, and only once it is committed.

        :param work: Called again when its transaction was undone through no fault of its own; one is committed.
        :raises StorageError: If the server cannot be reached or refuses.
        """

        def alone(connection: psycopg.Connection[Any]) -> _Result:
            connection.execute(self._lock)
            return work(_Session(connection))

        # Each statement sees what was committed before it, and nobody else commits while this one has the lock.
        return self._server.write(alone, isolation=IsolationLevel.READ_COMMITTED)


class _Session:
    """A connection that takes our statements and gives rows by place and by name."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def execute(self, sql: str, values: Values = (), /) -> Cursor:
        cursor = self._connection.cursor(row_factory=_rows)
        with _text_errors():
            cursor.execute(_translated(sql), values)
        return cursor

    def executemany(self, sql: str, values: Iterable[Sequence[Any]], /) -> None:
        with _text_errors():
            self._connection.cursor().executemany(_translated(sql), values)


@contextmanager
def _text_errors() -> Iterator[None]:
    try:
        yield
    except (psycopg.DataError, UnicodeEncodeError) as error:
        first_line = str(error).partition("\n")[0]
        raise BadInputError(f"PostgreSQL cannot store this text: {first_line}; take the character out of it") from error


@lru_cache(maxsize=1024)
def _translated(sql: str) -> bytes:
    """The statement with the marks of psycopg in place of ``?`` and ``:name``."""
    marked = _VALUE.sub(lambda found: f"%({found[1]})s" if found[1] else "%s", sql.replace("%", "%%"))
    return marked.encode()


class _Row:
    """Values by place and by name."""

    __slots__ = ("_places", "_values")

    def __init__(self, values: Sequence[Any], places: Mapping[str, int]) -> None:
        self._values = tuple(values)
        self._places = places

    def __getitem__(self, key: Any) -> Any:
        return self._values[self._places[key] if isinstance(key, str) else key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def keys(self) -> Iterable[str]:
        return self._places.keys()


def _rows(cursor: psycopg.Cursor[Any]) -> Callable[[Sequence[Any]], _Row]:
    if cursor.description is None:
        return no_result
    places = {column.name: place for place, column in enumerate(cursor.description)}
    return lambda values: _Row(values, places)
