"""Opens a SQLite file of ours with the settings its durability rests on; knows nothing of articles.

The rollback journal is used, not WAL: SQLite before 3.51.3 has a rare WAL corruption race, and the system's may be
older. ``synchronous=EXTRA`` also syncs the folder when the journal is unlinked, so a commit that returned is on disk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from index.errors import StorageError
from index.sql import Connection, Dialect

_BUSY_TIMEOUT_SECONDS = 30.0
_Result = TypeVar("_Result")
_ERRORS = (sqlite3.Error, UnicodeDecodeError)  # the latter when a message quotes a schema that the disk damaged

LIBRARY_SCHEMA = (
    """
CREATE TABLE IF NOT EXISTS articles (
    article_id       TEXT PRIMARY KEY,
    url              TEXT,
    status           TEXT NOT NULL CHECK (status IN ('live', 'removed')),
    current_revision INTEGER,
    changed_at       TEXT NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS articles_url ON articles (url) WHERE url IS NOT NULL;
CREATE TABLE IF NOT EXISTS revisions (
    revision_id  INTEGER PRIMARY KEY AUTOINCREMENT,
    article_id   TEXT NOT NULL REFERENCES articles (article_id),
    content_hash TEXT NOT NULL,
    text_hash    TEXT NOT NULL,
    title        TEXT NOT NULL,
    text         TEXT NOT NULL,
    url          TEXT,
    source       TEXT,
    published_at TEXT,
    metadata     TEXT NOT NULL,
    accepted_at  TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS revisions_article ON revisions (article_id);
CREATE INDEX IF NOT EXISTS revisions_text ON revisions (text_hash);
CREATE TABLE IF NOT EXISTS embeddings (
    input_hash BLOB NOT NULL,
    model_id   TEXT NOT NULL,
    article_id TEXT NOT NULL,
    vector     BLOB NOT NULL,
    PRIMARY KEY (input_hash, model_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS embeddings_article ON embeddings (article_id);
""",
    """
CREATE TABLE fetches (
    url           TEXT PRIMARY KEY,
    etag          TEXT,
    last_modified TEXT,
    checked_at    TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE signatures (
    revision_id INTEGER PRIMARY KEY REFERENCES revisions (revision_id) ON DELETE CASCADE,
    signature   BLOB NOT NULL
);
CREATE TABLE signature_bands (
    band        INTEGER NOT NULL,
    revision_id INTEGER NOT NULL REFERENCES revisions (revision_id) ON DELETE CASCADE,
    PRIMARY KEY (band, revision_id)
) WITHOUT ROWID;
CREATE INDEX signature_bands_revision ON signature_bands (revision_id);
CREATE TABLE near_duplicates (
    revision_id       INTEGER NOT NULL REFERENCES revisions (revision_id) ON DELETE CASCADE,
    other_revision_id INTEGER NOT NULL REFERENCES revisions (revision_id) ON DELETE CASCADE,
    PRIMARY KEY (revision_id, other_revision_id)
) WITHOUT ROWID;
CREATE INDEX near_duplicates_other ON near_duplicates (other_revision_id);
""",
    """
ALTER TABLE revisions ADD COLUMN seal BLOB;
""",
    """
CREATE INDEX articles_removed ON articles (article_id) WHERE status = 'removed';
CREATE TABLE removed_addresses (
    url_hash BLOB PRIMARY KEY
) WITHOUT ROWID;
""",
)
"""What each version of the library's schema adds to the one before; version 1 comes first."""


SQLITE = Dialect(
    without_case="{} COLLATE NOCASE",
    like="LIKE",
    joined="GROUP_CONCAT({})",
    # Ids are never given twice.
    state="SELECT COUNT(*), MAX(revision_id) FROM revisions",
    highest_revision="SELECT seq FROM sqlite_sequence WHERE name = 'revisions'",
    problems=(
        "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
        "SELECT 'a row of ' || \"table\" || ' belongs to no ' || parent FROM pragma_foreign_key_check",
    ),
)


class Database:
    """One SQLite file. Every use opens its own connection, so it may be shared between threads and processes."""

    dialect = SQLITE

    def __init__(self, path: Path, schema: Sequence[str] = LIBRARY_SCHEMA) -> None:
        """
        :param schema: What each version of the file's schema adds to the one before, as statements.
        :raises StorageError: If the file cannot be created, is no database, or comes from a newer version.
        """
        self.path = path
        self._schema = tuple(schema)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"the data folder {path.parent} cannot be created: {error.strerror}") from error
        with self.read() as connection:
            version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version > len(self._schema):
            raise StorageError(f"{path} was written by a newer version of Article QA; upgrade to open it")
        if version < len(self._schema):
            self._upgrade()

    @property
    def name(self) -> str:
        """What messages call it."""
        return str(self.path)

    def _upgrade(self) -> None:
        """Bring an older schema up to date in one transaction; another process may have done it meanwhile."""
        with self.write() as connection:
            version = int(connection.execute("PRAGMA user_version").fetchone()[0])
            for statements in self._schema[version:]:
                for statement in statements.split(";\n"):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(self._schema)}")

    @contextmanager
    def read(self, *, is_long: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection for reading; sees only what was committed.

        :param is_long: A file gives nothing up, however long it takes.
        """
        connection = self._connect()
        try:
            yield connection
        except _ERRORS as error:
            raise self._storage_error(error) from error
        finally:
            connection.close()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A connection inside one immediate transaction: committed when the block ends, undone when it raises."""
        connection = self._connect()
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        except _ERRORS as error:
            raise self._storage_error(error) from error
        finally:
            # Closing undoes a transaction that is still open.
            connection.close()

    def transact(self, work: Callable[[Connection], _Result]) -> _Result:
        """What ``work`` gives, done in one transaction, and only once it is committed; it is never done twice."""
        with self.write() as connection:
            return work(connection)

    def _connect(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(self.path, timeout=_BUSY_TIMEOUT_SECONDS, isolation_level=None)
            connection.row_factory = sqlite3.Row
            # Damaged text must reach the check of its hash, not fail in the driver with the text in the message.
            connection.text_factory = _decode
            connection.execute("PRAGMA synchronous = EXTRA")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA secure_delete = ON")
        except _ERRORS as error:
            raise self._storage_error(error) from error
        return connection

    def _storage_error(self, error: Exception) -> StorageError:
        name = getattr(error, "sqlite_errorname", "") or ""
        if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
            return StorageError(
                f"the data folder {self.path.parent} is not writable ({error}); choose another --data-dir"
            )
        if name.startswith("SQLITE_FULL"):
            return StorageError(
                f"the disk of {self.path.parent} is full; free some space and try again, nothing was lost"
            )
        if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")) or isinstance(error, UnicodeDecodeError):
            return StorageError(f"{self.path} is damaged ({error}); restore it from a backup")
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return StorageError(f"{self.path} is in use by another program; try again in a moment")
        return StorageError(f"{self.path}: {error}")


def _decode(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")
