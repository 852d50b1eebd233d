"""Keeps signatures of revisions and which are near-duplicates, beside the library; knows not how they are compared.

A revision with a signature was compared with all that had one before it: both are written in one transaction. What
belongs to a revision goes with it when it is removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from index.near_duplicates import VERSION, Signature
from index.sql import Connection, Row, SqlDatabase, marks
from index.types import ClusterMember

_MAX_VARIABLES = 500  # below SQLite's limit on bound parameters in any build
_HEAD = VERSION.to_bytes(2, "little")


@dataclass(frozen=True, slots=True)
class StoredText:
    """What is compared of a revision."""

    revision_id: int
    text: str
    published_at: str | None


@dataclass(frozen=True, slots=True)
class Compared:
    """A revision, what finds it again, and the earlier ones that it nearly repeats. ``signature`` is None, and there
    are no bands, when its text is too short to be compared."""

    revision_id: int
    signature: Signature | None
    bands: Sequence[int]
    near_duplicates: Sequence[int]


class NearDuplicateStore:
    """Written by one builder at a time."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    def compared(self) -> set[int]:
        """Revisions that have a signature of this version, or need none."""
        with self._database.read(is_long=True) as connection:
            rows = connection.execute("SELECT revision_id FROM signatures WHERE substr(signature, 1, 2) = ?", (_HEAD,))
            return {int(row[0]) for row in rows}

    def forget(self, revision_ids: Iterable[int]) -> None:
        """Delete what is known of revisions that are no longer current."""
        ids = list(revision_ids)

        def forget(connection: Connection) -> None:
            for revision_id in ids:
                _forget(connection, revision_id)

        self._database.transact(forget)

    def put(self, batch: Iterable[Compared]) -> None:
        """Store what was found out, in one transaction. Revisions removed meanwhile are left out."""
        items = list(batch)
        self._database.transact(lambda connection: _put_all(connection, items))

    def candidates(self, bands: Sequence[int], limit: int) -> list[int]:
        """Revisions that share a band, those that share most first, then the newest."""
        if not bands:
            return []
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT revision_id FROM signature_bands WHERE band IN ({marks(bands)}) "  # noqa: S608
                "GROUP BY revision_id ORDER BY COUNT(*) DESC, revision_id DESC LIMIT ?",
                (*bands, limit),
            )
            return [int(row[0]) for row in rows]

    def signatures(self, revision_ids: Iterable[int]) -> dict[int, Signature]:
        """The signatures of those that have one."""
        found: dict[int, Signature] = {}
        for row in self._rows("SELECT revision_id, signature FROM signatures WHERE revision_id", revision_ids):
            stored = bytes(row["signature"])
            if stored.startswith(_HEAD) and len(stored) > len(_HEAD):
                found[int(row["revision_id"])] = np.frombuffer(stored, dtype="<u4", offset=len(_HEAD))
        return found

    def texts(self, revision_ids: Iterable[int]) -> Iterator[StoredText]:
        """Texts as they are stored, by revision; damage to one is found where it is indexed, not here."""
        for row in self._rows("SELECT revision_id, text, published_at FROM revisions WHERE revision_id", revision_ids):
            yield StoredText(int(row["revision_id"]), row["text"], row["published_at"])

    def members(self, revision_ids: Iterable[int]) -> Iterator[ClusterMember]:
        """Revisions as members of a cluster, in no particular order."""
        columns = "revision_id, article_id, title, url, source, published_at"
        for row in self._rows(f"SELECT {columns} FROM revisions WHERE revision_id", revision_ids):  # noqa: S608
            yield ClusterMember(**dict(row))

    def pairs(self) -> list[tuple[int, int]]:
        """All near-duplicates, each pair once."""
        with self._database.read(is_long=True) as connection:
            rows = connection.execute("SELECT revision_id, other_revision_id FROM near_duplicates ORDER BY 1, 2")
            return [(int(row[0]), int(row[1])) for row in rows]

    def _rows(self, selecting: str, revision_ids: Iterable[int]) -> Iterator[Row]:
        ids = iter(revision_ids)
        with self._database.read() as connection:
            while some := list(islice(ids, _MAX_VARIABLES)):
                yield from connection.execute(f"{selecting} IN ({marks(some)})", some).fetchall()


def _put_all(connection: Connection, items: Sequence[Compared]) -> None:
    for item in items:
        if not _exists(connection, item.revision_id):
            continue
        _forget(connection, item.revision_id)  # what another version left
        values = b"" if item.signature is None else item.signature.astype("<u4").tobytes()
        connection.execute(
            "INSERT INTO signatures (revision_id, signature) VALUES (?, ?)", (item.revision_id, _HEAD + values)
        )
        connection.executemany(
            "INSERT INTO signature_bands (band, revision_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
            [(band, item.revision_id) for band in item.bands],
        )
        connection.executemany(
            "INSERT INTO near_duplicates (revision_id, other_revision_id) VALUES (?, ?)",
            [(item.revision_id, other) for other in item.near_duplicates if _exists(connection, other)],
        )


def _exists(connection: Connection, revision_id: int) -> bool:
    row = connection.execute("SELECT 1 FROM revisions WHERE revision_id = ?", (revision_id,)).fetchone()
    return row is not None


def _forget(connection: Connection, revision_id: int) -> None:
    for statement in (
        "DELETE FROM signatures WHERE revision_id = ?",
        "DELETE FROM signature_bands WHERE revision_id = ?",
        "DELETE FROM near_duplicates WHERE revision_id = ?",
        "DELETE FROM near_duplicates WHERE other_revision_id = ?",
    ):
        connection.execute(statement, (revision_id,))
