"""The servers that tests and drills use are real: they keep what they acknowledged, follow each other, take over."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from scripts.cluster import postgres_binaries
from scripts.cluster.postgres_binaries import PostgresError, find_programs
from scripts.cluster.postgres_server import PostgresServer
from tests.postgres.fixtures import folder_for_servers


def test_a_database_is_fresh_and_has_pgvector(new_database: Callable[[], str]) -> None:
    for url in (new_database(), new_database()):
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE only_here (v halfvec(3))")
            connection.execute("INSERT INTO only_here VALUES ('[1,2,3]')")
            row = connection.execute("SELECT v <=> '[1,2,3]' FROM only_here").fetchone()
        assert row == (0.0,)


def test_full_text_knows_english_and_letters_beyond_ascii(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT to_tsvector('english', 'The Élysée was closing')::text").fetchone()
    assert row == ("'close':4 'élysé':2",)


def test_a_server_wants_its_password(postgres_server: PostgresServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(postgres_server.url().replace(postgres_server.password, "guessed"))


def test_a_server_runs_as_nobody_special_in_a_folder_of_its_own(postgres_server: PostgresServer) -> None:
    owner = postgres_server.data.stat()
    assert owner.st_uid != 0
    assert owner.st_uid == (find_programs().account or (os.geteuid(), 0))[0]
    assert stat.S_IMODE(postgres_server.folder.stat().st_mode) == 0o700


def test_a_standby_takes_over_with_everything_acknowledged_and_the_old_primary_follows() -> None:
    with PostgresServer.create(parent=folder_for_servers()) as first:
        first.sql("CREATE TABLE kept (n int)")
        with PostgresServer.standby_of(first, "second", parent=folder_for_servers()) as second:
            first.wait_for_standbys("second")
            for n in range(20):
                first.sql(f"INSERT INTO kept VALUES ({n})")
            first.kill()
            assert not first.running
            second.promote()
            assert second.sql("SELECT count(*) FROM kept") == "20"
            second.sql("INSERT INTO kept VALUES (20)")

            first.rewind_from(second, "first")
            first.start()
            second.wait_for_standbys("first")
            second.sql("INSERT INTO kept VALUES (21)")
            assert first.sql("SELECT count(*) FROM kept") == "22"
            assert first.sql("SELECT pg_is_in_recovery()") == "t"
            with pytest.raises(PostgresError, match="read-only"):
                first.sql("INSERT INTO kept VALUES (22)")


def test_a_killed_server_starts_again_at_the_same_address_with_what_it_acknowledged() -> None:
    with PostgresServer.create(version="16", parent=folder_for_servers()) as server:
        assert server.sql("SHOW server_version").startswith("16.")
        url = server.url()
        server.sql("CREATE TABLE kept AS SELECT 1 AS n")
        server.kill()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url)
        server.start()
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT n FROM kept").fetchall() == [(1,)]
        folder = server.folder
    assert not server.running and not folder.exists()


@pytest.mark.skipif(shutil.which("ipcs") is None, reason="there is no ipcs to look with")
def test_a_killed_server_leaves_no_shared_memory() -> None:
    def pieces() -> set[str]:
        listed = subprocess.run(["ipcs", "-m"], check=True, capture_output=True, text=True).stdout
        return set(re.findall(r"^0x\w+ +(\d+)", listed, re.MULTILINE))

    with PostgresServer.create(parent=folder_for_servers()) as server:
        piece = (server.data / "postmaster.pid").read_text().splitlines()[6].split()[1]
        server.kill()
        assert piece in pieces()
    assert piece not in pieces()


def test_a_server_that_cannot_start_says_why_and_leaves_nothing() -> None:
    parent = find_programs().make_folder("article-qa-test-")
    try:
        with pytest.raises(PostgresError, match="no_such_setting"):
            PostgresServer.create(settings={"no_such_setting": "1"}, parent=parent)
        assert list(parent.iterdir()) == []
    finally:
        parent.rmdir()


def test_programs_out_of_reach_are_copied_to_where_the_account_can_run_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(postgres_binaries, "_runs", lambda programs: False)
    programs = find_programs.__wrapped__("18")  # not from the cache
    assert programs.folder.parents[2] != find_programs("18").folder.parents[2]
    assert programs.run("postgres", "--version", cwd=Path("/")).startswith("postgres (PostgreSQL) 18.")


def test_an_unknown_version_is_an_error() -> None:
    with pytest.raises(PostgresError, match="16 and 18, not '9'"):
        find_programs("9")
