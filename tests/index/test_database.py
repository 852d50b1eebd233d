"""One line for every way a database file can be unusable, and transactions that happen wholly or not at all."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from index.database import Database
from index.errors import StorageError

_NOBODY = 65534


def _insert(connection: sqlite3.Connection, article_id: str) -> None:
    connection.execute(
        "INSERT INTO articles (article_id, status, changed_at) VALUES (?, 'live', '2024-01-01')", (article_id,)
    )


def _article_ids(database: Database) -> list[str]:
    with database.read() as connection:
        return [row[0] for row in connection.execute("SELECT article_id FROM articles ORDER BY 1")]


def _one_line(error: pytest.ExceptionInfo[StorageError]) -> str:
    message = str(error.value)
    assert "\n" not in message
    return message


@pytest.fixture
def read_only_folder() -> Iterator[Path]:
    """A folder whose owner is not us; a superuser, whom no permission stops, is somebody else meanwhile."""
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        Database(folder / "library.sqlite")
        folder.chmod(0o555)
        (folder / "library.sqlite").chmod(0o444)
        if user == 0:
            os.seteuid(_NOBODY)
        try:
            yield folder
        finally:
            if user == 0:
                os.seteuid(0)
            folder.chmod(0o755)


def test_the_data_folder_is_created(tmp_path: Path) -> None:
    assert _article_ids(Database(tmp_path / "a" / "b" / "library.sqlite")) == []


def test_opening_again_keeps_what_was_written(tmp_path: Path) -> None:
    with Database(tmp_path / "library.sqlite").write() as connection:
        _insert(connection, "a")
    assert _article_ids(Database(tmp_path / "library.sqlite")) == ["a"]


def test_a_block_that_raises_writes_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "library.sqlite")
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        _insert(connection, "a")
        raise ZeroDivisionError
    assert _article_ids(database) == []


def test_a_statement_that_fails_undoes_the_ones_before(tmp_path: Path) -> None:
    database = Database(tmp_path / "library.sqlite")
    with pytest.raises(StorageError, match="UNIQUE"), database.write() as connection:
        _insert(connection, "a")
        _insert(connection, "a")
    assert _article_ids(database) == []


def test_what_is_not_committed_is_not_read(tmp_path: Path) -> None:
    database = Database(tmp_path / "library.sqlite")
    with database.write() as connection:
        _insert(connection, "a")
        assert _article_ids(database) == []
    assert _article_ids(database) == ["a"]


def test_the_rollback_journal_is_used_and_every_commit_is_synced(tmp_path: Path) -> None:
    database = Database(tmp_path / "library.sqlite")
    with database.write() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "delete"
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 3  # EXTRA


def test_many_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        databases = list(pool.map(lambda _: Database(tmp_path / "library.sqlite"), range(16)))
    assert _article_ids(databases[0]) == []


def test_a_folder_that_cannot_be_created_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be created") as error:
        Database(tmp_path / "file" / "library.sqlite")
    assert str(tmp_path / "file") in _one_line(error)


def test_a_new_library_in_a_read_only_folder_is_one_line(read_only_folder: Path) -> None:
    with pytest.raises(StorageError, match="not writable.*--data-dir") as error:
        Database(read_only_folder / "other.sqlite")
    assert str(read_only_folder) in _one_line(error)


def test_a_library_in_a_read_only_folder_can_be_read(read_only_folder: Path) -> None:
    assert _article_ids(Database(read_only_folder / "library.sqlite")) == []


def test_writing_to_a_library_in_a_read_only_folder_is_one_line(read_only_folder: Path) -> None:
    database = Database(read_only_folder / "library.sqlite")
    with pytest.raises(StorageError, match="not writable.*--data-dir") as error, database.write() as connection:
        _insert(connection, "a")
    assert str(read_only_folder) in _one_line(error)


def test_a_file_that_is_no_database_is_one_line_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "library.sqlite"
    path.write_bytes(b"Dear diary, " * 1000)
    with pytest.raises(StorageError, match="damaged.*backup") as error:
        Database(path)
    assert str(path) in _one_line(error)
    assert path.read_bytes() == b"Dear diary, " * 1000


def test_a_folder_in_the_place_of_the_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "library.sqlite").mkdir()
    with pytest.raises(StorageError) as error:
        Database(tmp_path / "library.sqlite")
    assert _one_line(error)


def test_a_file_of_a_newer_version_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "library.sqlite"
    Database(path)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(StorageError, match="newer version.*upgrade") as error:
        Database(path)
    assert _one_line(error)
    assert path.read_bytes() == before


def test_a_full_disk_is_one_line_and_nothing_is_written(tmp_path: Path) -> None:
    database = Database(tmp_path / "library.sqlite")
    with pytest.raises(StorageError, match="is full") as error, database.write() as connection:
        _insert(connection, "a")
        connection.execute("PRAGMA max_page_count = 1")  # SQLite's own way of running out of room
        for number in range(1000):
            _insert(connection, f"long {number} " * 100)
    assert _one_line(error)
    assert _article_ids(database) == []


def test_a_file_kept_locked_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(tmp_path / "library.sqlite")
    monkeypatch.setattr("index.database._BUSY_TIMEOUT_SECONDS", 0.05)
    with database.write(), pytest.raises(StorageError, match="in use") as error, database.write():
        pass
    assert _one_line(error)


def test_a_file_of_the_first_version_is_brought_up_to_date_and_keeps_its_articles(tmp_path: Path) -> None:
    path = tmp_path / "library.sqlite"
    with Database(path).write() as connection:
        _insert(connection, "a")
        for table in ("fetches", "near_duplicates", "signature_bands", "signatures", "removed_addresses"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("DROP INDEX articles_removed")
        connection.execute("ALTER TABLE revisions DROP COLUMN seal")
        connection.execute("PRAGMA user_version = 1")
    with ThreadPoolExecutor(4) as pool:
        assert [_article_ids(database) for database in pool.map(Database, [path] * 4)] == [["a"]] * 4
    with Database(path).read() as connection:
        assert connection.execute("SELECT COUNT(*) FROM fetches").fetchone()[0] == 0


def test_a_damaged_schema_is_one_line_whatever_the_message_quotes_the_damage_with(tmp_path: Path) -> None:
    path = tmp_path / "library.sqlite"
    Database(path)
    data = bytearray(path.read_bytes())
    word = data.index(b"CREATE TABLE revisions") + len(b"CREATE ")
    data[word] ^= 0x80  # no UTF-8 any more, nor a table
    path.write_bytes(bytes(data))
    with pytest.raises(StorageError, match="damaged.*backup") as error:
        Database(path)
    assert _one_line(error)
