"""Writes and reads the library's row of one revision, sealed; knows nothing of which revision is current.

SQLite hands out a row with a flipped bit as if it were whole. The seal is a hash of everything that was accepted, so
what is read is what was written, or an error.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from index.errors import StorageError
from index.sql import Connection, Row, marks
from index.types import Article

REVISION_COLUMNS = (
    "revision_id, article_id, content_hash, text_hash, title, text, url, source, published_at, metadata, accepted_at, "
    "seal"
)
_MAX_VARIABLES = 500  # below SQLite's limit on bound parameters in any build
_SEALED = REVISION_COLUMNS.split(", ")[1:-1]


@dataclass(frozen=True, slots=True)
class Revision:
    """An article as it stood from ``accepted_at`` (ISO 8601, UTC) on."""

    revision_id: int
    article: Article
    accepted_at: str


def insert_revision(connection: Connection, article: Article, article_id: str, accepted_at: str) -> int:
    """:return: The revision's id."""
    row = connection.execute(
        f"INSERT INTO revisions ({', '.join(_SEALED)}, seal) VALUES ({', '.join('?' * len(_SEALED))}, ?) "  # noqa: S608 (constant names)
        "RETURNING revision_id",
        _values(article, article_id, accepted_at),
    ).fetchone()
    return int(row[0])


def mend_revision(connection: Connection, revision_id: int, article: Article, article_id: str) -> None:
    """Store again what the disk damaged of a revision; touches nothing when it is whole.

    :param article_id: Of the article that the revision is of; the row's own may be what was damaged.
    """
    row = connection.execute(
        f"SELECT {REVISION_COLUMNS} FROM revisions WHERE revision_id = ?",  # noqa: S608 (constant names)
        (revision_id,),
    ).fetchone()
    try:
        read_article(row)
    except StorageError:
        assignments = ", ".join(f"{name} = ?" for name in (*_SEALED, "seal"))
        connection.execute(
            f"UPDATE revisions SET {assignments} WHERE revision_id = ?",  # noqa: S608 (constant names)
            (*_values(article, article_id, row["accepted_at"]), revision_id),
        )


def read_article(row: Row) -> Article:
    """:raises StorageError: If the row is not what was written."""
    text = str(row["text"])
    try:
        metadata = json.loads(row["metadata"])
    except (ValueError, TypeError):
        metadata = None
    is_whole = row["seal"] is None or row["seal"] == _seal([row[name] for name in _SEALED])  # None: before seals
    if not is_whole or metadata is None or hashlib.sha256(text.encode("utf-8")).hexdigest() != row["text_hash"]:
        raise StorageError(f"the stored text of article {row['article_id']} is damaged; add the article again")
    return Article(
        article_id=row["article_id"],
        title=row["title"],
        text=text,
        url=row["url"],
        source=row["source"],
        published_at=row["published_at"],
        content_hash=row["content_hash"],
        text_hash=row["text_hash"],
        metadata=metadata,
    )


def read_revision(row: Row) -> Revision:
    """:raises StorageError: If the row is not what was written."""
    return Revision(int(row["revision_id"]), read_article(row), row["accepted_at"])


def read_revisions(connection: Connection, revision_ids: Sequence[int]) -> list[Revision]:
    """Those that are there, in the order asked for.

    :raises StorageError: If a row is not what was written.
    """
    rows: dict[int, Row] = {}
    for first in range(0, len(revision_ids), _MAX_VARIABLES):
        some = revision_ids[first : first + _MAX_VARIABLES]
        selected = f"SELECT {REVISION_COLUMNS} FROM revisions WHERE revision_id IN ({marks(some)})"  # noqa: S608
        rows |= {int(row["revision_id"]): row for row in connection.execute(selected, some)}
    return [read_revision(rows[revision_id]) for revision_id in revision_ids if revision_id in rows]


def _values(article: Article, article_id: str, now: str) -> tuple[object, ...]:
    """What is stored, in the order of the columns, and its seal."""
    metadata = json.dumps(dict(article.metadata), ensure_ascii=False, default=str)
    values = (
        article_id,
        article.content_hash,
        article.text_hash,
        article.title,
        article.text,
        article.url,
        article.source,
        article.published_at,
        metadata,
        now,
    )
    return (*values, _seal(values))


def _seal(values: object) -> bytes:
    return hashlib.sha256(json.dumps(values, ensure_ascii=False, default=repr).encode("utf-8", "replace")).digest()
