"""The scripts that an operator runs by hand after a primary died, on real servers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.cluster.postgres_binaries import PostgresError, find_programs
from scripts.cluster.postgres_server import PostgresServer
from tests.postgres.fixtures import folder_for_servers

pytestmark = pytest.mark.slow

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.fixture
def servers() -> Iterator[tuple[PostgresServer, PostgresServer]]:
    """A primary with a row, and its standby."""
    with PostgresServer.create(parent=folder_for_servers()) as primary:
        primary.sql("CREATE TABLE kept AS SELECT 1 AS n")
        with PostgresServer.standby_of(primary, "second", parent=folder_for_servers()) as standby:
            yield primary, standby


def run(server: PostgresServer, script: str, *arguments: str, **variables: str) -> str:
    """Run a script as the server's account, which may be unable to read this folder."""
    copy = server.folder / script
    shutil.copy(DEPLOY / script, copy)
    copy.chmod(0o755)
    settings = {"PGDATA": str(server.data), "PG_BIN": str(find_programs().folder), **variables}
    return server.run("/usr/bin/env", *(f"{key}={value}" for key, value in settings.items()), str(copy), *arguments)


def where(server: PostgresServer) -> str:
    return f"host=127.0.0.1 port={server.port}"


def test_a_dead_primary_is_replaced_and_follows_afterwards(servers: tuple[PostgresServer, PostgresServer]) -> None:
    primary, standby = servers
    primary.kill()
    run(standby, "failover.sh", PRIMARY=where(primary), FENCE="true")
    standby.sql("INSERT INTO kept VALUES (2)")
    assert "rewound" in run(primary, "rejoin.sh", PRIMARY=where(standby), NAME="first")
    primary.start()
    standby.wait_for_standbys("first")
    standby.sql("INSERT INTO kept VALUES (3)")
    assert primary.sql("SELECT pg_is_in_recovery()") == "t"


def test_what_cannot_be_rewound_is_copied_anew_and_kept_aside(
    servers: tuple[PostgresServer, PostgresServer],
) -> None:
    primary, standby = servers
    primary.kill()
    run(standby, "failover.sh", PRIMARY=where(primary), FENCE="true")
    (primary.data / "global/pg_control").unlink()
    assert "copied anew" in run(primary, "rejoin.sh", PRIMARY=where(standby), NAME="first")
    assert (primary.folder / "data.before/base").is_dir()
    primary.start()
    assert primary.sql("SELECT n FROM kept") == "1"
    primary.stop()
    (primary.data / "global/pg_control").unlink()
    with pytest.raises(PostgresError, match="in the way"):
        run(primary, "rejoin.sh", PRIMARY=where(standby), NAME="first")


@pytest.mark.parametrize(
    ("arguments", "fence", "told"),
    [
        ((), "true", "the primary answers: nothing was done"),
        (("--even-if-it-answers",), "false", "could not be fenced: nothing was promoted"),
        (("--even-if-it-answers",), "true", "answers after it was fenced: nothing was promoted"),
        ((), "", "say how it is fenced"),
    ],
)
def test_nothing_is_promoted_beside_a_living_primary(
    servers: tuple[PostgresServer, PostgresServer], arguments: tuple[str, ...], fence: str, told: str
) -> None:
    primary, standby = servers
    with pytest.raises(PostgresError, match=told):
        run(standby, "failover.sh", *arguments, PRIMARY=where(primary), FENCE=fence)
    assert standby.sql("SELECT pg_is_in_recovery()") == "t"


def test_a_running_server_is_not_made_a_standby(servers: tuple[PostgresServer, PostgresServer]) -> None:
    primary, standby = servers
    with pytest.raises(PostgresError, match="stop the server"):
        run(primary, "rejoin.sh", PRIMARY=where(standby), NAME="first")
