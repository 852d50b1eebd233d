"""The durable truth: every article revision ever accepted; knows nothing of passages or searching.

Acknowledged means committed here. A batch is one transaction: all of it is in, or none of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from index.errors import StorageError
from index.library_removal import (
    delete_strayed_embeddings,
    has_strayed_embeddings,
    is_removed,
    put_back,
    readmit_address,
    remove_article,
)
from index.library_rows import REVISION_COLUMNS, Revision, insert_revision, mend_revision, read_revision
from index.sql import Connection, Row, SqlDatabase, marks
from index.types import Article

__all__ = ["Library", "LibraryCounts", "Revision", "Verdict"]

Verdict = Literal["added", "revised", "unchanged", "duplicate"]

_REVISIONS_PER_PAGE = 500


@dataclass(frozen=True, slots=True)
class LibraryCounts:
    """Live articles (each counted once), revisions of them, articles whose text was removed."""

    num_articles: int
    num_revisions: int
    num_removed: int


class Library:
    """Articles and their revisions in a SQL database. Safe to use from several threads and processes."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    @property
    def database(self) -> SqlDatabase:
        """For what else is kept about revisions in it."""
        return self._database

    def accept(self, articles: Sequence[Article]) -> list[Verdict]:
        """Store a batch in one transaction; when this returns, the batch survives a crash.

        :return: One verdict an article, in order. "duplicate": the same text is live under another id; it is stored
            all the same, and found again should the other one go.
        :raises StorageError: If the batch could not be committed; then none of it is in.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return self._database.transact(
            lambda connection: [_accept_one(connection, article, now) for article in articles]
        )

    def remove(self, article_ids: Sequence[str]) -> list[str]:
        """Delete the text of every revision of these articles, their cached embeddings, and when they were fetched.

        :return: The ids that were live.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return self._database.transact(
            lambda connection: [i for i in article_ids if remove_article(connection, i, now)]
        )

    def take_out(self, article_id: str) -> list[Revision]:
        """Like :meth:`remove` for one article, and hand over all that was deleted of it, oldest revision first.

        :return: Nothing if it was not live.
        :raises StorageError: If one of its texts is damaged; then nothing was removed.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")

        def take(connection: Connection) -> list[Revision]:
            rows = connection.execute(
                f"SELECT {REVISION_COLUMNS} FROM revisions WHERE article_id = ? ORDER BY revision_id",  # noqa: S608
                (article_id,),
            ).fetchall()
            revisions = [read_revision(row) for row in rows]
            return revisions if remove_article(connection, article_id, now) else []

        return self._database.transact(take)

    def put_back(self, revisions: Sequence[Revision]) -> None:
        """Store again what :meth:`take_out` gave: ids of the article, texts, dates and their order are as they were.

        The revisions get new ids, as everything that is accepted: ids are never given twice.

        :raises BadInputError: If the article, or one with its address, was added meanwhile; then nothing is changed.
        """
        self._database.transact(lambda connection: put_back(connection, revisions))

    def delete_strayed_embeddings(self) -> None:
        """Delete embeddings of removed articles that came after the removal; cheap when there are none."""
        with self._database.read(is_long=True) as connection:
            if not has_strayed_embeddings(connection):
                return  # without the wait for a lock and for the disk
        self._database.transact(delete_strayed_embeddings)

    def indexable_revision_ids(self) -> list[int]:
        """Ids, ascending, of what the index must hold: the current revision of every live article, where of several
        articles with one text only the first accepted counts."""
        return list(self.live_texts())

    def live_texts(self) -> dict[int, tuple[int, ...]]:
        """Each of :meth:`indexable_revision_ids`, ascending, with the other current revisions that have its text."""
        joined = self._database.dialect.joined.format("r.revision_id")
        with self._database.read(is_long=True) as connection:
            rows = connection.execute(
                f"SELECT MIN(r.revision_id), {joined} FROM articles a "  # noqa: S608 (constant)
                "JOIN revisions r ON r.revision_id = a.current_revision "
                "WHERE a.status = 'live' GROUP BY r.text_hash ORDER BY 1"
            )
            return {
                int(first): tuple(sorted({int(some) for some in all_of_them.split(",")} - {first}))
                for first, all_of_them in rows
            }

    def revisions(self, revision_ids: Iterable[int]) -> Iterator[Revision]:
        """Read revisions one by one, in the order asked for.

        :raises StorageError: If a stored text no longer has its hash: the file is damaged.
        """
        for revision_id in revision_ids:
            with self._database.read() as connection:
                row = connection.execute(
                    f"SELECT {REVISION_COLUMNS} FROM revisions WHERE revision_id = ?",  # noqa: S608 (constant names)
                    (revision_id,),
                ).fetchone()
            if row is not None:  # removed since the ids were listed
                yield read_revision(row)

    def article(self, article_id: str) -> Revision | None:
        """The current revision of a live article, or None."""
        with self._database.read() as connection:
            row = connection.execute(
                f"SELECT {_qualified('r')} FROM articles a JOIN revisions r ON r.revision_id = a.current_revision "  # noqa: S608
                "WHERE a.article_id = ? AND a.status = 'live'",
                (article_id,),
            ).fetchone()
        return read_revision(row) if row is not None else None

    def is_removed(self, article_id: str, url: str | None = None) -> bool:
        """Whether somebody removed the article, or one that had its address, and nobody added it again since."""
        return self.are_removed([(article_id, url)])[0]

    def are_removed(self, articles: Sequence[tuple[str | None, str | None]]) -> list[bool]:
        """The same of many, each an id and an address, either may be None."""
        with self._database.read() as connection:
            return [is_removed(connection, article_id, url) for article_id, url in articles]

    def history(self, article_id: str) -> list[Revision]:
        """Every revision of an article, newest first."""
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT {REVISION_COLUMNS} FROM revisions WHERE article_id = ? ORDER BY revision_id DESC",  # noqa: S608
                (article_id,),
            ).fetchall()
        return [read_revision(row) for row in rows]

    def revised_on(self, revision_ids: Sequence[int]) -> dict[int, str]:
        """The ISO date on which each of these revisions was accepted; first revisions are left out."""
        if not revision_ids:
            return {}
        accepted = (
            f"SELECT r.revision_id, r.accepted_at FROM revisions r WHERE r.revision_id IN ({marks(revision_ids)}) "  # noqa: S608 (only marks)
            "AND EXISTS (SELECT 1 FROM revisions e WHERE e.article_id = r.article_id AND e.revision_id < r.revision_id)"
        )
        with self._database.read() as connection:
            rows = connection.execute(accepted, list(revision_ids))
            return {int(revision_id): str(accepted_at)[:10] for revision_id, accepted_at in rows}

    def counts(self) -> LibraryCounts:
        with self._database.read() as connection:
            live, removed = connection.execute(
                "SELECT COUNT(CASE WHEN status = 'live' THEN 1 END), COUNT(CASE WHEN status = 'removed' THEN 1 END) "
                "FROM articles"
            ).fetchone()
            revisions = connection.execute("SELECT COUNT(*) FROM revisions").fetchone()[0]
        return LibraryCounts(int(live), int(revisions), int(removed))

    def must_know(self, revision_ids: Collection[int], holder: str) -> None:
        """Make sure that this is the library that something was built from: ids are never given twice.

        :param holder: What holds these revisions, for the message.
        :raises StorageError: If one of the ids was never given here.
        """
        with self._database.read() as connection:
            row = connection.execute(self._database.dialect.highest_revision).fetchone()
        highest = int(row[0] or 0) if row is not None else 0
        if max(revision_ids, default=0) > highest:
            raise StorageError(
                f"{self._database.name} is not what {holder} was built from: it is empty, damaged or an older copy; "
                "restore it from a backup, or run `article-qa rebuild --full` to index what it holds now"
            )

    def check(self) -> list[str]:
        """Read everything, some at a time; one line a problem, none when all is well."""
        with self._database.read(is_long=True) as connection:
            problems = [
                str(row[0]) for statement in self._database.dialect.problems for row in connection.execute(statement)
            ]
            strayed = connection.execute(
                "SELECT article_id FROM articles a WHERE status = 'live' AND COALESCE(current_revision, 0) <> "
                "(SELECT COALESCE(MAX(revision_id), -1) FROM revisions r WHERE r.article_id = a.article_id)"
            )
            problems += [f"article {row[0]} has lost its newest revision; add the article again" for row in strayed]
        for row in self._all_revisions():
            try:
                read_revision(row)
            except StorageError as error:
                problems.append(str(error))
        return problems

    def _all_revisions(self) -> Iterator[Row]:
        """All there are, by id, in reads of some each: a server would send a whole table at once, and keep for hours
        what is deleted meanwhile."""
        page = f"SELECT {REVISION_COLUMNS} FROM revisions WHERE revision_id > ? ORDER BY revision_id LIMIT ?"  # noqa: S608
        last = -1
        while True:
            with self._database.read() as connection:
                rows = connection.execute(page, (last, _REVISIONS_PER_PAGE)).fetchall()
            yield from rows
            if len(rows) < _REVISIONS_PER_PAGE:
                return
            last = int(rows[-1]["revision_id"])


def _qualified(table: str) -> str:
    return ", ".join(f"{table}.{name}" for name in REVISION_COLUMNS.split(", "))


def _accept_one(connection: Connection, article: Article, now: str) -> Verdict:
    if article.url is not None:
        readmit_address(connection, article.url)
    known = _find(connection, article)
    if known is None:
        connection.execute(
            "INSERT INTO articles (article_id, url, status, changed_at) VALUES (?, ?, 'live', ?)",
            (article.article_id, article.url, now),
        )
        article_id, is_live = article.article_id, False
    else:
        article_id, is_live = str(known["article_id"]), known["status"] == "live"
        if is_live and known["content_hash"] == article.content_hash:
            mend_revision(connection, int(known["revision_id"]), article, article_id)
            return "unchanged"
    is_duplicate = not is_live and _is_text_live(connection, article.text_hash)
    revision_id = insert_revision(connection, article, article_id, now)
    connection.execute(
        "UPDATE articles SET status = 'live', current_revision = ?, url = COALESCE(?, url), changed_at = ? "
        "WHERE article_id = ?",
        (revision_id, article.url, now, article_id),
    )
    if is_live:
        return "revised"
    return "duplicate" if is_duplicate else "added"


def _find(connection: Connection, article: Article) -> Row | None:
    """The article with this url, else with this id; with the id and the content hash of its current revision."""
    row: Row | None = connection.execute(
        "SELECT a.article_id, a.status, r.revision_id, r.content_hash FROM articles a "
        "LEFT JOIN revisions r ON r.revision_id = a.current_revision "
        "WHERE a.url = :url OR a.article_id = :id ORDER BY CASE WHEN a.url = :url THEN 0 ELSE 1 END LIMIT 1",
        {"url": article.url, "id": article.article_id},
    ).fetchone()
    return row


def _is_text_live(connection: Connection, text_hash: str) -> bool:
    # Cross-joined, and by the article's key: SQLite would rather go through all articles, for every one that comes.
    row = connection.execute(
        "SELECT 1 FROM revisions r CROSS JOIN articles a "
        "WHERE a.article_id = r.article_id AND r.text_hash = ? AND a.current_revision = r.revision_id "
        "AND a.status = 'live' LIMIT 1",
        (text_hash,),
    ).fetchone()
    return row is not None
