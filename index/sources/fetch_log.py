"""Remembers what a server said of a page when its article was taken, for asking "changed since?"; fetches nothing.

A record is written only after the article was committed to the library: a crash in between costs one more download,
never an article.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from index.sql import SqlDatabase


@dataclass(frozen=True, slots=True)
class FetchRecord:
    """The validators of a page's last answer (RFC 9110, 8.8), either may be None; ``checked_at`` is aware."""

    url: str
    etag: str | None
    last_modified: str | None
    checked_at: datetime


class FetchLog:
    """The table of fetches beside the library. Safe to use from several threads and processes."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    def get(self, url: str) -> FetchRecord | None:
        """What is known of an address, or None."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT url, etag, last_modified, checked_at FROM fetches WHERE url = ?", (url,)
            ).fetchone()
        if row is None:
            return None
        return FetchRecord(row["url"], row["etag"], row["last_modified"], datetime.fromisoformat(row["checked_at"]))

    def put(self, record: FetchRecord) -> None:
        """Remember a record in place of an earlier one; on disk when this returns.

        :raises StorageError: If it could not be written.
        """
        self._database.transact(
            lambda connection: connection.execute(
                "INSERT INTO fetches (url, etag, last_modified, checked_at) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (url) DO UPDATE SET etag = excluded.etag, last_modified = excluded.last_modified, "
                "checked_at = excluded.checked_at",
                (record.url, record.etag, record.last_modified, record.checked_at.isoformat(timespec="seconds")),
            )
        )

    def forget(self, url: str) -> None:
        """The next fetch of the address is unconditional."""
        self._database.transact(lambda connection: connection.execute("DELETE FROM fetches WHERE url = ?", (url,)))
