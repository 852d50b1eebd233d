"""Empty databases and collections, in files and on a real server, for the tests that hold for both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from index.base_collection import BaseCollection
from index.database import Database
from index.library import Library
from index.sql import SqlDatabase
from tests.fakes import open_parts

BOTH = ("sqlite", pytest.param("postgres", marks=pytest.mark.slow))
ONLY_SQLITE = pytest.mark.parametrize("sql_database", ["sqlite"], indirect=True)
"""For what is true of SQLite's file alone."""


@pytest.fixture(params=BOTH)
def sql_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlDatabase]:
    """A database with the library's tables: the file ``library.sqlite`` in the test's folder, or on a real server."""
    if request.param == "sqlite":
        yield Database(tmp_path / "library.sqlite")
        return
    # Imported here, as below: the fast tests need no server.
    from index.postgres.library import PostgresLibrary

    yield PostgresLibrary(request.getfixturevalue("emptied_server")).database


@dataclass(frozen=True, slots=True)
class Opened:
    """A collection of either kind. ``reopened``: another one on the same place, as a new process would open it, which
    waits for so many seconds for another builder. ``building``: be another builder meanwhile."""

    library: Library
    reopened: Callable[[float], BaseCollection]
    collection: BaseCollection
    building: Callable[[], AbstractContextManager[None]]
    names: Callable[[], Sequence[str]]
    current: Callable[[], str | None]


@pytest.fixture(params=BOTH)
def opened_collection(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """An empty collection with the fake embedder."""
    if request.param == "sqlite":
        parts = open_parts(tmp_path)
        yield Opened(
            parts.library,
            lambda seconds: open_parts(tmp_path, lock_timeout_seconds=seconds).collection,
            parts.collection,
            lambda: parts.generations.building(0),
            parts.generations.names,
            parts.generations.current,
        )
        return
    from tests.postgres.collections import open_on

    urls = [request.getfixturevalue("database_url")]
    here, other = open_on(urls), open_on(urls)
    made = [here, other]

    def reopened(seconds: float) -> BaseCollection:
        made.append(open_on(urls, lock_timeout_seconds=seconds))
        return made[-1].collection

    yield Opened(here.library, reopened, here.collection, other.store.building, here.store.names, here.store.current)
    for some in made:
        some.store.close()
