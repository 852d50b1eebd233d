"""Brings the tables of a database to the version this program knows; knows nothing of what they hold.

Each component (such as "library" or "passages") numbers its own steps from 1; a step that was released never changes.
"""

from __future__ import annotations

from collections.abc import Sequence

from index.errors import StorageError
from index.postgres.servers import Connection, Server
from index.postgres.writes import TOKENS_TABLE, set_timeout

_VERSIONS_TABLE = """
CREATE TABLE IF NOT EXISTS schema_versions (
    component text PRIMARY KEY,
    version   integer NOT NULL
)
"""
_TIMEOUT_SECONDS = 600.0


def migrate(server: Server, component: str, steps: Sequence[str]) -> None:
    """Do the steps that are missing, all in one transaction; several programs may start at once.

    :param steps: SQL of each version, from 1 on; a step may hold several statements.
    :raises StorageError: If the tables are of a newer program, or the server refuses a step.
    """

    def work(connection: Connection) -> None:
        connection.execute(_VERSIONS_TABLE)
        connection.execute(TOKENS_TABLE)
        connection.execute("DELETE FROM write_tokens WHERE written_at < now() - interval '7 days'")
        version = _version(connection, component)
        if version > len(steps):
            raise StorageError(
                f"{server.name}: the {component} tables have version {version}, and this program knows "
                f"{len(steps)}: upgrade Article QA"
            )
        for step in steps[version:]:
            connection.execute(step)
        if version < len(steps):
            connection.execute(
                "INSERT INTO schema_versions VALUES (%s, %s) "
                "ON CONFLICT (component) DO UPDATE SET version = excluded.version",
                (component, len(steps)),
            )

    # Locked by another connection: a transaction that waited would go on with the state from before its wait.
    with server.session() as lock:
        set_timeout(lock, _TIMEOUT_SECONDS, is_local=False)  # as long as the one before may take
        lock.execute("SELECT pg_advisory_lock(hashtextextended('article-qa migrations', 0))")
        server.write(work, idempotent=True, timeout_seconds=_TIMEOUT_SECONDS)


def _version(connection: Connection, component: str) -> int:
    row = connection.execute("SELECT version FROM schema_versions WHERE component = %s", (component,)).fetchone()
    return 0 if row is None else int(row[0])
