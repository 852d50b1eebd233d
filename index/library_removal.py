"""Deletes what the library's file holds of removed articles, and puts it back; knows nothing of generations or reports.

Every statement runs in the caller's transaction: an article is removed with all that belongs to it, or not at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from index.errors import BadInputError
from index.library_rows import Revision, insert_revision
from index.sql import Connection

_OF_REMOVED = "article_id IN (SELECT article_id FROM articles WHERE status = 'removed')"


def remove_article(connection: Connection, article_id: str, now: str) -> bool:
    """Delete every revision of an article, its embeddings and what was noted of its addresses.

    Of the addresses only hashes stay, so that a source that is read again does not bring the article back.

    :return: Whether it was live.
    """
    urls = _urls(connection, article_id)
    updated = connection.execute(
        "UPDATE articles SET status = 'removed', current_revision = NULL, url = NULL, changed_at = ? "
        "WHERE article_id = ? AND status = 'live'",
        (now, article_id),
    )
    if not updated.rowcount:
        return False
    connection.execute("DELETE FROM revisions WHERE article_id = ?", (article_id,))
    connection.execute("DELETE FROM embeddings WHERE article_id = ?", (article_id,))
    connection.executemany("DELETE FROM fetches WHERE url = ?", [(url,) for url in urls])
    connection.executemany(
        "INSERT INTO removed_addresses (url_hash) VALUES (?) ON CONFLICT DO NOTHING",
        [(_url_hash(url),) for url in urls],
    )
    return True


def put_back(connection: Connection, revisions: Sequence[Revision]) -> None:
    """Store the revisions of one removed article again, oldest first, each with the time at which it was accepted.

    :raises BadInputError: If the article, or one with its address, is live again.
    """
    article_id = revisions[0].article.article_id
    urls = [revision.article.url for revision in revisions if revision.article.url is not None]
    url = urls[-1] if urls else None
    row = connection.execute(
        "SELECT article_id FROM articles WHERE status = 'live' AND (article_id = ? OR url = ?) LIMIT 1",
        (article_id, url),
    ).fetchone()
    if row is not None:
        raise BadInputError(f"the article was added again meanwhile (as {row[0]}), so it is not put back")
    for some in urls:
        readmit_address(connection, some)
    revision_ids = [
        insert_revision(connection, revision.article, article_id, revision.accepted_at) for revision in revisions
    ]
    connection.execute(
        "INSERT INTO articles (article_id, url, status, current_revision, changed_at) VALUES (?, ?, 'live', ?, ?) "
        "ON CONFLICT (article_id) DO UPDATE SET url = excluded.url, status = 'live', "
        "current_revision = excluded.current_revision, changed_at = excluded.changed_at",
        (article_id, url, revision_ids[-1], revisions[-1].accepted_at),
    )


def has_strayed_embeddings(connection: Connection) -> bool:
    """Whether embeddings of a removed article are there: a build may have finished them after it was removed.

    Costs a look-up for each removed article, however many live ones there are.
    """
    row = connection.execute(f"SELECT EXISTS (SELECT 1 FROM embeddings WHERE {_OF_REMOVED})").fetchone()  # noqa: S608
    return bool(row[0])


def delete_strayed_embeddings(connection: Connection) -> None:
    """Delete the embeddings of every removed article."""
    connection.execute(f"DELETE FROM embeddings WHERE {_OF_REMOVED}")  # noqa: S608 (constant)


def is_removed(connection: Connection, article_id: str | None, url: str | None) -> bool:
    """Whether an article of this id or address was removed, and none of it accepted since."""
    row = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM articles WHERE article_id = ? AND status = 'removed') "
        "OR EXISTS (SELECT 1 FROM removed_addresses WHERE url_hash = ?)",
        (article_id, _url_hash(url) if url is not None else None),
    ).fetchone()
    return bool(row[0])


def readmit_address(connection: Connection, url: str) -> None:
    """An article of this address was accepted: it is as if none had been removed."""
    connection.execute("DELETE FROM removed_addresses WHERE url_hash = ?", (_url_hash(url),))


def _urls(connection: Connection, article_id: str) -> list[str]:
    """Every address that a live article has or had."""
    rows = connection.execute(
        "SELECT url FROM articles WHERE article_id = :id AND url IS NOT NULL "
        "UNION SELECT url FROM revisions WHERE article_id = :id AND url IS NOT NULL",
        {"id": article_id},
    )
    return [str(row[0]) for row in rows]


def _url_hash(url: str) -> bytes:
    return hashlib.sha256(url.encode("utf-8", errors="replace")).digest()
