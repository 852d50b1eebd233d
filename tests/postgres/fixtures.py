"""A real PostgreSQL server for the whole run, and fresh databases with pgvector in it for each test.

A test that asks for `postgres_server` or `new_database` starts it (2 s); the others do not know of it.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scripts.cluster.postgres_server import PostgresServer

if TYPE_CHECKING:
    from index.postgres.servers import Server

TEMPLATE = "with_vector"
_numbers = itertools.count(1)
_MEMORY = Path("/dev/shm")
_ROOM = 2_000_000_000


def folder_for_servers() -> Path | None:
    """In memory where there is room: a server is thousands of small files, slow to make and remove on a busy disk."""
    return _MEMORY if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM else None


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for this test process; what it holds is not synced, since it goes with the run."""
    settings = {"fsync": "off", "full_page_writes": "off"}
    with PostgresServer.create(settings=settings, parent=folder_for_servers()) as server:
        server.sql(f"CREATE DATABASE {TEMPLATE}")
        server.sql("CREATE EXTENSION vector", TEMPLATE)
        yield server


@contextmanager
def made_database(postgres_server: PostgresServer) -> Iterator[str]:
    """The address of an empty database with the extension vector (50 ms), which is removed afterwards."""
    name = f"test_{next(_numbers)}"
    postgres_server.sql(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    try:
        yield postgres_server.url(name)
    finally:
        postgres_server.sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def new_database(postgres_server: PostgresServer) -> Iterator[Callable[[], str]]:
    """Makes an empty database with the extension vector and returns its address; several make shards."""
    with ExitStack() as made:
        yield lambda: made.enter_context(made_database(postgres_server))


@pytest.fixture(scope="session")
def _server_of_rows(postgres_server: PostgresServer) -> Iterator[Server]:
    # Imported here: the fast tests need no client either.
    from index.postgres.servers import Server

    with made_database(postgres_server) as url:
        server = Server(url, patience_seconds=5.0)
        yield server
        server.close()


@pytest.fixture
def emptied_server(_server_of_rows: Server) -> Server:
    """The same database for all tests that need only rows in given tables: without any, which takes 10 ms."""
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND NOT tablename = ANY(%s)"
    with _server_of_rows.read() as connection:
        names = [
            row[0] for row in connection.execute(tables, (["schema_versions", "library_state", "app_users_state"],))
        ]
    if names:
        statement = f"TRUNCATE {', '.join(names)} RESTART IDENTITY"
        _server_of_rows.write(lambda connection: connection.execute(statement.encode()), idempotent=True)
    return _server_of_rows


@pytest.fixture
def database_url(new_database: Callable[[], str]) -> str:
    """The address of a fresh database with the extension vector."""
    return new_database()
