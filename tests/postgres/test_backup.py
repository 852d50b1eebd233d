"""What docs/operations.md says of backups is done here with real servers: nothing is missing after a restore, and a
question gets the same answer."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from index.errors import StorageError
from index.postgres.collection import PostgresCollection
from index.retriever import Retriever
from qa.pipeline import Pipeline
from qa.types import Done
from scripts.cluster.postgres_binaries import find_programs
from scripts.cluster.postgres_server import PostgresServer
from tests.fakes import HashEmbedder, numbered_articles
from tests.postgres.collections import open_on
from tests.postgres.fixtures import folder_for_servers
from tests.qa.sentence_reader import SentenceReader

pytestmark = pytest.mark.slow

BACKUP = Path(__file__).parents[2] / "deploy/backup.sh"


@contextmanager
def collection_on(urls: Sequence[str]) -> Iterator[PostgresCollection]:
    parts = open_on(urls)
    try:
        yield parts.collection
    finally:
        parts.store.close()


def answer(collection: PostgresCollection) -> dict[str, Any]:
    """The whole answer as JSON, but for how long it took."""
    embedder = HashEmbedder()
    pipeline = Pipeline(collection, Retriever(embedder), SentenceReader(embedder), None, embedder_id=embedder.model_id)
    question = numbered_articles(4)[3].text.split(".")[0] + "?"
    done = [event for event in pipeline.ask(question, as_of=date(2024, 5, 1), mode="fast") if isinstance(event, Done)]
    found = done[0].answer.to_json()
    assert found["citations"]
    return {key: value for key, value in found.items() if key != "seconds"}


def rows_of(url: str) -> dict[str, tuple[int, str | None]]:
    """Of every table the number of rows, and a hash of all of them."""
    found = {}
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for schema, table in tables:
            statement = sql.SQL("SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} t")
            row = connection.execute(statement.format(sql.Identifier(schema, table))).fetchone()
            assert row is not None
            found[f"{schema}.{table}"] = (int(row[0]), row[1])
    return found


def back_up(url: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {"DATABASE_URL": url, "BACKUP_FOLDER": str(folder), "PG_BIN": str(find_programs().folder), **more}
    return subprocess.run([BACKUP], env={**os.environ, **environment}, capture_output=True, text=True)


def restore(dump: Path, url: str) -> None:
    command = [find_programs().folder / "pg_restore", "--exit-on-error", "--no-owner", f"--dbname={url}", dump]
    subprocess.run(command, check=True, capture_output=True)


def test_a_dump_restored_into_a_newer_server_has_every_row_and_the_same_answer(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    with PostgresServer.create(version="16", parent=folder_for_servers()) as old:
        with collection_on([old.url()]) as collection:
            collection.add(numbered_articles(12))
            collection.remove([numbered_articles(12)[11].article_id])
            before = answer(collection)
        rows = rows_of(old.url())
        done = back_up(old.url(), tmp_path)
        assert done.returncode == 0, done.stderr
        dump = Path(done.stdout.strip())
    assert sum(count for count, _ in rows.values()) > 50
    url = new_database()
    with psycopg.connect(url) as connection:
        connection.execute("DROP EXTENSION vector")  # the dump makes it
    restore(dump, url)
    assert rows_of(url) == rows
    with collection_on([url]) as collection:
        assert answer(collection) == before
        collection.add(numbered_articles(13))
        assert collection.status()["library"]["num_articles"] == 13


def test_shards_need_no_backup_they_are_made_again_from_the_articles(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    main, *shards = [new_database() for _ in range(3)]
    with collection_on([main, *shards]) as collection:
        collection.add(numbered_articles(12))
        before = answer(collection)
    done = back_up(main, tmp_path)
    assert done.returncode == 0, done.stderr
    restored, *empty = [new_database() for _ in range(3)]
    with psycopg.connect(restored) as connection:
        connection.execute("DROP EXTENSION vector")
    restore(Path(done.stdout.strip()), restored)
    assert rows_of(restored) == rows_of(main)
    with collection_on([restored, *empty]) as collection:
        with pytest.raises(StorageError, match="list all that it was built with"):
            collection.snapshot()  # an index with a gap is not served
        collection.rebuild(full=True)
        after = answer(collection)
    assert after["generation"] != before["generation"]
    assert {**after, "generation": None} == {**before, "generation": None}


def test_a_base_backup_and_the_log_bring_back_what_came_after_the_backup() -> None:
    programs = find_programs()
    archive = programs.make_folder("article-qa-archive-", folder_for_servers())
    spare = programs.make_folder("article-qa-backup-", folder_for_servers())
    settings = {"archive_mode": "on", "archive_command": f"cp %p {archive}/%f"}
    # Version 16: pg_verifybackup of the package's version 18 crashes.
    with PostgresServer.create(version="16", settings=settings, parent=folder_for_servers()) as first:
        with collection_on([first.url()]) as collection:
            collection.add(numbered_articles(4))
            where = first.connection_string("backup")
            first.run("pg_basebackup", "-d", where, "-D", str(spare / "data"), "-c", "fast", "-X", "none", "--no-sync")
            first.run("pg_verifybackup", "--no-parse-wal", str(spare / "data"))
            collection.add(numbered_articles(8)[4:])
            before = answer(collection)
        rows = rows_of(first.url())
        _archive_everything(first)
        first.kill()
        with PostgresServer.restored_from(spare, archive, first.password, version="16") as second:
            assert rows_of(second.url()) == rows
            with collection_on([second.url()]) as collection:
                assert answer(collection) == before
    subprocess.run(["rm", "-r", archive], check=True)


def _archive_everything(server: PostgresServer) -> None:
    """Let the last piece of the log be archived, too; after a crash it would still lie in the primary's folder."""
    last = server.sql("SELECT pg_walfile_name(pg_switch_wal())")
    deadline = time.monotonic() + 30
    while (server.sql("SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver") or "") < last:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_old_dumps_go_and_only_whole_ones_count(database_url: str, tmp_path: Path) -> None:
    for name in ("article-qa-20200101T000000Z.dump", "article-qa-20210101T000000Z.dump"):
        (tmp_path / name).touch()
        (tmp_path / f"{name}.sha256").touch()
    (tmp_path / "notes.txt").touch()
    done = back_up(database_url, tmp_path, KEEP="2")
    assert done.returncode == 0, done.stderr
    newest = Path(done.stdout.strip())
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "notes.txt",
        newest.name,
        f"{newest.name}.sha256",
        "article-qa-20210101T000000Z.dump",
        "article-qa-20210101T000000Z.dump.sha256",
    }
    subprocess.run(["sha256sum", "--check", "--quiet", f"{newest.name}.sha256"], cwd=tmp_path, check=True)
    assert newest.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("keep", ["0", "many", "-1"])
def test_a_number_of_dumps_that_is_none_is_refused(database_url: str, tmp_path: Path, keep: str) -> None:
    done = back_up(database_url, tmp_path, KEEP=keep)
    assert done.returncode == 2 and "KEEP" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_cannot_be_dumped_leaves_no_dump(database_url: str, tmp_path: Path) -> None:
    done = back_up(database_url + "_which_is_not_there", tmp_path)
    assert done.returncode != 0 and list(tmp_path.iterdir()) == []
