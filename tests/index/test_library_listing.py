"""Which articles are listed, in what order and how many; what came when; and what is refused in one line."""

from __future__ import annotations

from typing import Any

import pytest

from index.errors import BadInputError
from index.library import Library
from index.library_listing import Arrival, ArrivalCount, DayCount, LibraryListing, ListFilters
from index.sql import Connection, SqlDatabase
from index.types import Article, make_article
from tests.fakes import numbered_articles


@pytest.fixture
def library(sql_database: SqlDatabase) -> Library:
    return Library(sql_database)


@pytest.fixture
def listing(library: Library) -> LibraryListing:
    return LibraryListing(library.database)


def _article(key: str, day: str | None = None, source: str | None = None, **fields: Any) -> Article:
    fields = {"title": f"Title {key}", **fields}
    return make_article(f"Text of {key}.", article_id=key, published_at=day, source=source, **fields)


def _ids(listing: LibraryListing, filters: ListFilters | None = None, **options: Any) -> list[str]:
    revisions, total = listing.articles(filters or ListFilters(), **options)
    assert total == len(revisions)
    return [revision.article.article_id for revision in revisions]


def _accepted_at(library: Library, article_id: str, when: str) -> None:
    """Pretend that an article's newest revision came at another time (its row has no seal then)."""

    def pretend(connection: Connection) -> None:
        connection.execute(
            "UPDATE revisions SET accepted_at = ?, seal = NULL WHERE revision_id = "
            "(SELECT MAX(revision_id) FROM revisions WHERE article_id = ?)",
            (when, article_id),
        )

    library.database.transact(pretend)


# Order and pages


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("newest", ["e", "c", "a", "d", "b"]),
        ("oldest", ["d", "a", "c", "e", "b"]),
        ("added", ["e", "d", "c", "b", "a"]),
        ("title", ["d", "b", "a", "e", "c"]),
        ("source", ["a", "b", "e", "c", "d"]),
    ],
)
def test_every_order_is_stable_and_puts_the_unknown_last(
    library: Library, listing: LibraryListing, sort: str, expected: list[str]
) -> None:
    library.accept(
        [
            _article("a", "2024-01-02", "alpha", title="Beta"),
            _article("b", None, "Alpha", title="beta"),
            _article("c", "2024-03-01", None, title="Éclair"),
            _article("d", "2023-12-31", "", title="A'b"),
            _article("e", "2024-03-01", "Beta", title="Gamma"),
        ]
    )
    assert _ids(listing, sort=sort) == expected
    pages = [listing.articles(ListFilters(), offset=offset, limit=2, sort=sort)[0] for offset in (0, 2, 4)]
    assert [revision.article.article_id for page in pages for revision in page] == expected


def test_pages_hold_every_article_once_and_count_all(library: Library, listing: LibraryListing) -> None:
    library.accept([*numbered_articles(7), make_article("Undated.")])
    pages = [listing.articles(ListFilters(), offset=offset, limit=3) for offset in (0, 3, 6, 9)]
    assert [len(page) for page, _ in pages] == [3, 3, 2, 0]
    assert {total for _, total in pages} == {8}
    assert len({revision.article.article_id for page, _ in pages for revision in page}) == 8


def test_removed_articles_and_old_revisions_are_not_listed(library: Library, listing: LibraryListing) -> None:
    url = "https://a.example/1"
    library.accept([make_article("It rained.", url=url), make_article("It snowed.", url=url), _article("gone")])
    library.remove(["gone"])
    revisions, total = listing.articles(ListFilters())
    assert [revision.article.text for revision in revisions] == ["It snowed."]
    assert total == 1


# Filters


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["a", "b", "c", "d"]),
        ("rate", ["a", "b"]),
        ("RATE", ["a", "b"]),
        ("100%", ["a"]),
        ("%", ["a"]),
        ("_", ["b"]),
        ("x_y", ["b"]),
        ("\\", ["c"]),
        ("C:\\new", ["c"]),
        ("post", ["c"]),
        ("example/q", ["b"]),
        ("'", ["d"]),
        ("d'or", ["d"]),
        ('"', ["d"]),
        ("'; DROP TABLE articles; --", []),
        ("Text of", []),
    ],
)
def test_every_character_of_a_query_stands_for_itself(
    library: Library, listing: LibraryListing, query: str, found: list[str]
) -> None:
    library.accept(
        [
            _article("a", title="Rate at 100% today"),
            _article("b", title="Rate of x_y", url="https://b.example/q?a=1"),
            _article("c", source="Morning Post", title="Path C:\\new"),
            _article("d", source='Ballon d\'Or "weekly"', title="Prize"),
        ]
    )
    assert sorted(_ids(listing, ListFilters(query))) == found


@pytest.mark.parametrize(
    ("source", "found"),
    [(None, ["a", "b", "c", "d"]), ("A", ["a"]), ("A%", ["b"]), ("a", []), ("", ["c", "d"]), ("' OR 1=1 --", [])],
)
def test_a_source_is_matched_exactly_and_the_empty_one_means_none(
    library: Library, listing: LibraryListing, source: str | None, found: list[str]
) -> None:
    library.accept([_article("a", source="A"), _article("b", source="A%"), _article("c"), _article("d", source="")])
    assert sorted(_ids(listing, ListFilters(source=source))) == found


@pytest.mark.parametrize(
    ("after", "before", "found"),
    [
        ("2024-01-02", None, ["b", "c"]),
        (None, "2024-01-02", ["a", "b"]),
        ("2024-01-02", "2024-01-02", ["b"]),
        ("3 Jan 2024", None, ["c"]),
        ("", " ", ["a", "b", "c", "undated"]),
        ("2025-01-01", None, []),
    ],
)
def test_dates_are_inclusive_and_undated_articles_match_none(
    library: Library, listing: LibraryListing, after: str | None, before: str | None, found: list[str]
) -> None:
    days = {"a": "2024-01-01", "b": "2024-01-02", "c": "2024-01-03", "undated": None}
    library.accept([_article(key, day) for key, day in days.items()])
    assert sorted(_ids(listing, ListFilters(published_after=after, published_before=before))) == found


def test_all_conditions_hold_together(library: Library, listing: LibraryListing) -> None:
    library.accept([_article(f"{s}{n}", f"2024-01-0{n}", s, title=f"Rain {n}") for s in "AB" for n in (1, 2, 3)])
    assert _ids(listing, ListFilters("rain", "B", "2024-01-02", "2024-01-03"), sort="oldest") == ["B2", "B3"]


@pytest.mark.parametrize(
    ("filters", "options", "message"),
    [
        ({}, {"offset": -1, "limit": 10}, "offset=-1, limit=10"),
        ({}, {"limit": 0}, "limit=0"),
        ({}, {"limit": 1001}, "limit=1001"),
        ({}, {"offset": 1 << 63}, "offset="),
        ({}, {"sort": "best"}, "sort='best'; expected one of newest, oldest, added, title, source"),
        ({}, {"sort": "newest; DROP TABLE articles"}, "sort="),
        ({"published_after": "yesterday"}, {}, "published_after: 'yesterday' is not a publication date"),
        ({"published_before": "2024-02-30"}, {}, "published_before: "),
        ({"published_after": "2024-02-02", "published_before": "2024-02-01"}, {}, "swap them"),
        ({"query": "a" * 2001}, {}, "query has 2,001 characters"),
        ({"query": "a\x00"}, {}, "query contains a NUL character"),
        ({"source": "\ud800"}, {}, "source contains half of a surrogate pair"),
    ],
)
def test_what_is_not_acceptable_is_refused_in_one_line(
    listing: LibraryListing, filters: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadInputError) as error:
        listing.articles(ListFilters(**filters), **options)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


# Counts


def test_sources_are_counted_most_first_and_the_unknown_last(library: Library, listing: LibraryListing) -> None:
    assert listing.sources() == []
    library.accept([_article(str(n), source=s) for n, s in enumerate(["b", "a", "C", "C", None, "", None, "it's %"])])
    assert listing.sources() == [("C", 2), ("a", 1), ("b", 1), ("it's %", 1), ("", 3)]
    library.remove(["0"])
    assert ("b", 1) not in listing.sources()


def test_articles_are_counted_per_day_and_source_up_to_the_newest(library: Library, listing: LibraryListing) -> None:
    assert listing.day_counts(ListFilters()) == []
    days = ["2024-03-01", "2024-03-01", "2024-03-01", "2024-02-29", "2023-01-01", None]
    sources = ["A", "A", None, "A", "A", "A"]
    library.accept([_article(str(n), *pair) for n, pair in enumerate(zip(days, sources, strict=True))])
    newest = [DayCount("2024-03-01", "", 1), DayCount("2024-03-01", "A", 2)]
    assert listing.day_counts(ListFilters(), num_days=1) == newest
    assert listing.day_counts(ListFilters(), num_days=2) == [DayCount("2024-02-29", "A", 1), *newest]
    assert listing.day_counts(ListFilters(published_before="2024-02-29"), num_days=1) == [
        DayCount("2024-02-29", "A", 1)
    ]
    assert len(listing.day_counts(ListFilters(), num_days=1_000)) == 4
    for num_days in (0, 1_001):
        with pytest.raises(BadInputError, match=f"num_days={num_days}"):
            listing.day_counts(ListFilters(), num_days=num_days)


def test_counting_from_the_first_years_on_does_not_leave_the_calendar(
    library: Library, listing: LibraryListing
) -> None:
    library.accept([_article("a", "0001-01-02")])
    assert listing.day_counts(ListFilters(), num_days=1_000) == [DayCount("0001-01-02", "", 1)]


def test_arrivals_say_what_was_added_and_what_revised(library: Library, listing: LibraryListing) -> None:
    assert listing.arrivals() == [] == listing.arrival_counts()
    library.accept([_article("a", source="A"), _article("b")])
    library.accept([_article("a", source="A", title="Title a, again")])
    for article_id in "ab":
        _accepted_at(library, article_id, "2024-05-01T10:03:07+00:00")
    newest, *older = listing.arrivals()
    assert newest == Arrival(3, "a", "Title a, again", "A", "2024-05-01T10:03:07+00:00", "revised")
    assert [(arrival.article_id, arrival.verdict) for arrival in older] == [("b", "added"), ("a", "added")]
    assert listing.arrivals(offset=1, limit=1) == older[:1]
    assert ArrivalCount("2024-05-01T10:03", 1, 1) in listing.arrival_counts()
    assert sum(count.added for count in listing.arrival_counts()) == 2
    library.remove(["a"])
    assert [arrival.article_id for arrival in listing.arrivals()] == ["b"]
