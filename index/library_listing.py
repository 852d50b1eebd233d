"""Looks through the library's live articles: filtered, sorted, counted, and what came when; changes nothing.

Knows nothing of passages or searching. Only rows that are handed out are read whole: sorting and counting leave the
texts where they are.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal, TypeVar, cast, get_args

from index.dates import parse_date
from index.errors import BadInputError
from index.library_rows import Revision, read_revisions
from index.sql import Connection, Dialect, SqlDatabase

Sort = Literal["newest", "oldest", "added", "title", "source"]
"""Newest and oldest by publication, undated articles last; "added": what came in last comes first."""

MAX_PAGE = 1000
_MAX_OFFSET = (1 << 63) - 1  # the largest number that SQLite takes
_MAX_TEXT = 2_000
_MAX_COUNTED = 50
_Counted = TypeVar("_Counted")
MAX_DAYS = 1_000
_ORDERS: Mapping[str, str] = {
    "newest": "r.published_at IS NULL, r.published_at DESC, r.revision_id DESC",
    "oldest": "r.published_at IS NULL, r.published_at, r.revision_id",
    "added": "r.accepted_at DESC, r.revision_id DESC",
    "title": "{title}, r.revision_id DESC",
    "source": (
        "COALESCE(r.source, '') = '', {source}, r.published_at IS NULL, r.published_at DESC, r.revision_id DESC"
    ),
}
_LIVE = "FROM articles a JOIN revisions r ON r.revision_id = a.current_revision WHERE a.status = 'live'"


@dataclass(frozen=True, slots=True)
class ListFilters:
    """Which articles: all conditions that are given hold.

    ``query``: in the title, source or url, whatever the case of ASCII letters. ``source``: exactly this one; "" for
    articles that name none. Dates are inclusive; undated articles never match one.
    """

    query: str = ""
    source: str | None = None
    published_after: str | None = None
    published_before: str | None = None

    def checked(self) -> ListFilters:
        """With dates in ISO form.

        :raises BadInputError: If a bound is no date, the bounds exclude each other, or a text is too long.
        """
        _check_text(self.query, "query")
        _check_text(self.source or "", "source")
        after = _date(self.published_after, "published_after")
        before = _date(self.published_before, "published_before")
        if after and before and after > before:
            raise BadInputError(f"published_after {after} is later than published_before {before}; swap them")
        return ListFilters(self.query, self.source, after, before)


@dataclass(frozen=True, slots=True)
class DayCount:
    """How many articles a source ("" when unknown) published on one day (ISO date)."""

    day: str
    source: str
    num_articles: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """One accepted revision of an article: the first one is "added", a later one "revised".

    ``accepted_at`` is ISO 8601 in UTC, to the second; what came in one batch has the same.
    """

    revision_id: int
    article_id: str
    title: str
    source: str | None
    accepted_at: str
    verdict: Literal["added", "revised"]


@dataclass(frozen=True, slots=True)
class ArrivalCount:
    """How much came within one minute ("2024-05-01T10:03", UTC)."""

    minute: str
    added: int
    revised: int


class LibraryListing:
    """Reads from the library. Safe to use from several threads and processes."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database
        self._lock = threading.Lock()
        # What every open page asks for whenever the articles change: each is counted once.
        self._counted: dict[object, object] = {}
        self._counted_of: tuple[object, ...] = ()

    def articles(
        self, filters: ListFilters, *, offset: int = 0, limit: int = 50, sort: str = "newest"
    ) -> tuple[list[Revision], int]:
        """One page of the current revisions of live articles, in a stable order, and how many match in all.

        :raises BadInputError: If offset, limit, sort or a date is not acceptable.
        """
        dialect = self._database.dialect
        _check_page(offset, limit)
        if sort not in _ORDERS:
            raise BadInputError(f"sort={_shown(sort)}; expected one of {', '.join(get_args(Sort))}")
        matching = _matching(filters, dialect)
        order = _ORDERS[sort].format(
            title=dialect.without_case.format("r.title"), source=dialect.without_case.format("COALESCE(r.source, '')")
        )

        def count(connection: Connection) -> list[int]:
            return [int(connection.execute(f"SELECT COUNT(*) {matching.sql}", matching.values).fetchone()[0])]

        with self._database.read() as connection:
            # The ids first: sorting whole rows would carry every text along.
            ids = connection.execute(
                f"SELECT r.revision_id {matching.sql} ORDER BY {order} LIMIT :limit OFFSET :offset",
                {**matching.values, "limit": limit, "offset": offset},
            ).fetchall()
            revisions = read_revisions(connection, [revision_id for (revision_id,) in ids])
            (total,) = count(connection) if matching.values else (-1,)
        return revisions, total if matching.values else self._once("articles", count)[0]

    def sources(self) -> list[tuple[str, int]]:
        """Every source with its number of live articles, most first; "" at the end stands for articles without one."""
        source = "COALESCE(r.source, '')"
        without_case = self._database.dialect.without_case.format(source)

        def count(connection: Connection) -> list[tuple[str, int]]:
            rows = connection.execute(
                f"SELECT {source}, COUNT(*) {_LIVE} GROUP BY {source} ORDER BY {source} = '', 2 DESC, {without_case}, 1"
            ).fetchall()
            return [(str(name), int(num_articles)) for name, num_articles in rows]

        return list(self._once("sources", count))

    def day_counts(self, filters: ListFilters, *, num_days: int = 30) -> list[DayCount]:
        """Articles per day and source over the ``num_days`` days that end with the newest matching article's, in order
        of days; days and sources without any are left out, and so are undated articles.

        :raises BadInputError: If ``num_days`` or a date is not acceptable.
        """
        if not 1 <= num_days <= MAX_DAYS:
            raise BadInputError(f"num_days={num_days}; expected 1 to {MAX_DAYS}")
        matching = _matching(filters, self._database.dialect)

        def count(connection: Connection) -> list[DayCount]:
            newest = connection.execute(f"SELECT MAX(r.published_at) {matching.sql}", matching.values).fetchone()[0]
            if newest is None:
                return []
            first = _days_before(newest, num_days - 1)
            rows = connection.execute(
                f"SELECT r.published_at, COALESCE(r.source, ''), COUNT(*) {matching.sql} AND r.published_at >= :first "
                "GROUP BY 1, 2 ORDER BY 1, 2",
                {**matching.values, "first": first},
            ).fetchall()
            return [DayCount(str(day), str(source), int(num_articles)) for day, source, num_articles in rows]

        if filters == ListFilters():
            return list(self._once(("days", num_days), count))
        with self._database.read() as connection:
            return count(connection)

    def arrivals(self, *, offset: int = 0, limit: int = 50) -> list[Arrival]:
        """The newest arrivals first: every revision that is in the library, also those revised again since.

        :raises BadInputError: If offset or limit is out of range.
        """
        _check_page(offset, limit)
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT r.revision_id, r.article_id, r.title, r.source, r.accepted_at, EXISTS "
                "(SELECT 1 FROM revisions e WHERE e.article_id = r.article_id AND e.revision_id < r.revision_id) "
                "FROM revisions r ORDER BY r.revision_id DESC LIMIT ? OFFSET ?",
                (limit, offset),
            ).fetchall()
        return [
            Arrival(number, article_id, title, source, accepted_at, "revised" if is_later else "added")
            for number, article_id, title, source, accepted_at, is_later in rows
        ]

    def arrival_counts(self, *, limit: int = 50) -> list[ArrivalCount]:
        """How much came when, newest first: one entry for each of the last ``limit`` minutes in which anything came.

        :raises BadInputError: If limit is out of range.
        """
        _check_page(0, limit)

        def count(connection: Connection) -> list[ArrivalCount]:
            rows = connection.execute(
                "SELECT SUBSTR(r.accepted_at, 1, 16), "
                "COUNT(CASE WHEN r.revision_id = f.first THEN 1 END), "
                "COUNT(CASE WHEN r.revision_id > f.first THEN 1 END) "
                "FROM revisions r JOIN (SELECT article_id, MIN(revision_id) AS first FROM revisions "
                "GROUP BY article_id) f ON f.article_id = r.article_id GROUP BY 1 ORDER BY 1 DESC LIMIT ?",
                (limit,),
            ).fetchall()
            return [ArrivalCount(str(minute), int(added), int(revised)) for minute, added, revised in rows]

        return list(self._once(("arrivals", limit), count))

    def _once(self, name: object, count: Callable[[Connection], list[_Counted]]) -> list[_Counted]:
        """What ``count`` gives, or gave since the last time that a revision came or went."""
        with self._database.read() as connection:
            state = tuple(connection.execute(self._database.dialect.state).fetchone())
            with self._lock:
                if self._counted_of == state and name in self._counted:
                    return cast("list[_Counted]", self._counted[name])
            counted = count(connection)
        with self._lock:
            if self._counted_of != state:
                self._counted, self._counted_of = {}, state
            if len(self._counted) < _MAX_COUNTED:
                self._counted[name] = counted
        return counted


@dataclass(frozen=True, slots=True)
class _Matching:
    """The part of a statement from FROM on, and what is bound in it."""

    sql: str
    values: dict[str, object] = field(default_factory=dict)


def _matching(filters: ListFilters, dialect: Dialect) -> _Matching:
    filters = filters.checked()
    conditions, values = [_LIVE], dict[str, object]()
    if filters.query:
        escaped = filters.query.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        values["query"] = f"%{escaped}%"
        some = " OR ".join(f"r.{name} {dialect.like} :query ESCAPE '\\'" for name in ("title", "source", "url"))
        conditions.append(f"({some})")
    if filters.source is not None:
        values["source"] = filters.source
        conditions.append("COALESCE(r.source, '') = :source")
    if filters.published_after is not None:
        values["after"] = filters.published_after
        conditions.append("r.published_at >= :after")
    if filters.published_before is not None:
        values["before"] = filters.published_before
        conditions.append("r.published_at <= :before")
    return _Matching(" AND ".join(conditions), values)


def _check_page(offset: int, limit: int) -> None:
    if not 0 <= offset <= _MAX_OFFSET or not 1 <= limit <= MAX_PAGE:
        raise BadInputError(f"offset={offset}, limit={limit}: offset must be >= 0 and limit between 1 and {MAX_PAGE}")


def _check_text(value: str, name: str) -> None:
    if len(value) > _MAX_TEXT:
        raise BadInputError(f"{name} has {len(value):,} characters; expected at most {_MAX_TEXT:,}")
    if "\x00" in value:  # SQLite would take it for the end
        raise BadInputError(f"{name} contains a NUL character; leave it out")
    if not value.isascii():
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise BadInputError(f"{name} contains half of a surrogate pair; expected valid Unicode text") from None


def _date(value: str | None, name: str) -> str | None:
    try:
        return parse_date(value)
    except BadInputError as error:
        raise BadInputError(f"{name}: {error}") from None


def _days_before(iso_date: str, num_days: int) -> str:
    day = date.fromisoformat(iso_date)
    return (day - timedelta(days=min(num_days, day.toordinal() - 1))).isoformat()


def _shown(value: object) -> str:
    return ascii(value)[:40]
