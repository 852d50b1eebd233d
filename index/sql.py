"""What the stores of rows ask of a SQL database, be it SQLite's file or a PostgreSQL server; knows no table.

Statements are written once, in what both understand, with ``?`` or ``:name`` for values; the few words that differ are
in a :class:`Dialect`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

Values = Sequence[Any] | Mapping[str, Any]
_Result = TypeVar("_Result")


class Row(Protocol):
    """One row: its values by place and by name."""

    def __getitem__(self, key: Any, /) -> Any: ...

    def __iter__(self) -> Iterator[Any]: ...

    def keys(self) -> Iterable[str]: ...


class Cursor(Protocol):
    """What a statement gave; ``rowcount``: how many rows it changed."""

    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """An open connection, inside a transaction or reading."""

    def execute(self, sql: str, values: Values = ..., /) -> Cursor: ...

    def executemany(self, sql: str, values: Iterable[Sequence[Any]], /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """Words in which the databases differ; ``{}`` stands for an expression.

    ``without_case``: sorts by it whatever the case of ASCII letters. ``like``: the operator that ignores that case.
    ``joined``: all values of a group as text, with commas. ``state``: a statement whose row changes whenever a revision
    comes or goes. ``highest_revision``: one that gives the highest id a revision ever had, no row or NULL for none.
    ``problems``: statements that give a line for each thing that is wrong with the file or tables.
    """

    without_case: str
    like: str
    joined: str
    state: str
    highest_revision: str
    problems: tuple[str, ...] = ()


class SqlDatabase(Protocol):
    """A database. Safe to use from several threads and processes."""

    @property
    def name(self) -> str:
        """What messages call it."""
        ...

    @property
    def dialect(self) -> Dialect: ...

    def read(self, *, is_long: bool = False) -> AbstractContextManager[Connection]:
        """A connection for reading; sees only what was committed.

        :param is_long: Whether whole tables are gone through, which may take longer than a question could wait.
        """
        ...

    def transact(self, work: Callable[[Connection], _Result]) -> _Result:
        """What ``work`` gives, done in one transaction, and only once it is committed.

        :param work: May be called again after its transaction was undone; one is committed.
        """
        ...


def marks(values: Sequence[Any]) -> str:
    """As many question marks as there are values, for a list in parentheses."""
    return ", ".join("?" * len(values))
