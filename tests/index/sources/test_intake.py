"""What an address holds gets into the library, page by page, and counts as seen only then."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from index.collection import Collection
from index.errors import BuilderBusyError, StorageError, TransientFetchError
from index.sources.fetch_log import FetchLog
from index.sources.intake import AddressIntake, merged
from index.types import AddReport, Article, Rejection, make_article
from tests.fakes import Parts
from tests.index.sources.fakes import NOW, SITE, FakeWeb, article_html, item, rss

pytestmark = pytest.mark.usefixtures("parsed_here")

FEED = f"{SITE}/rss.xml"
PLACES = ("Lindby", "Norby", "Sundby")


class Killed(BaseException):
    """The process ends here."""


class Fragile:
    """A collection that breaks when an article about ``place`` comes: before or after it is safe in the library."""

    def __init__(self, collection: Collection, place: str, error: BaseException, *, after: bool) -> None:
        self._collection, self._place, self._error, self._after = collection, place, error, after

    def accept(self, items: Iterable[Article | Rejection]) -> AddReport:
        items = list(items)
        is_it = any(isinstance(one, Article) and self._place in one.title for one in items)
        if is_it and not self._after:
            raise self._error
        report = self._collection.accept(items)
        if is_it:
            raise self._error
        return report

    def update(self) -> str | None:
        return self._collection.update()

    def is_removed(self, article_id: str, url: str | None = None) -> bool:
        return self._collection.is_removed(article_id, url)


@pytest.fixture
def site(web: FakeWeb) -> FakeWeb:
    for number, place in enumerate(PLACES):
        web.put(f"{SITE}/{number}", article_html(place), etag=f'"{place}"')
    web.put(FEED, rss(*(item(f"/{number}") for number in range(3))), etag='"feed"')
    return web


def intake(collection: Any, web: FakeWeb, log: FetchLog, **options: Any) -> AddressIntake:
    return AddressIntake(collection, web, log, **({"now": lambda: NOW} | options))


def figures(report: AddReport) -> tuple[int, int, int, int]:
    return report.added, report.revised, report.unchanged, len(report.rejected)


def test_a_feeds_articles_are_added_then_unchanged_then_revised(
    site: FakeWeb, parts: Parts, fetch_log: FetchLog
) -> None:
    reader = intake(parts.collection, site, fetch_log)
    assert figures(reader.take(FEED).report) == (3, 0, 0, 0)
    assert figures(reader.take(FEED).report) == (0, 0, 1, 0)
    assert figures(reader.take(FEED, is_named=True).report) == (0, 0, 3, 0)
    site.put(f"{SITE}/1", article_html("Norby the Second"), etag='"2"')
    assert figures(reader.take(FEED, is_named=True).report) == (0, 1, 2, 0)
    assert parts.library.counts().num_articles == 3


def test_the_report_names_every_item(site: FakeWeb, parts: Parts, fetch_log: FetchLog) -> None:
    del site.pages[f"{SITE}/2"]
    reader = intake(parts.collection, site, fetch_log)
    report = reader.take(FEED).report
    assert [(one.outcome, one.url or one.item) for one in report.items] == [
        ("added", f"{SITE}/0"),
        ("added", f"{SITE}/1"),
        ("rejected", f"{SITE}/2"),
    ]
    assert [one.outcome for one in reader.take(FEED, is_named=True).report.items] == ["unchanged"] * 2 + ["rejected"]


def test_a_crash_before_an_article_is_safe_loses_nothing(site: FakeWeb, parts: Parts, fetch_log: FetchLog) -> None:
    fragile = Fragile(parts.collection, "Norby", Killed(), after=False)
    with pytest.raises(Killed):
        intake(fragile, site, fetch_log).take(FEED)
    assert [fetch_log.get(f"{SITE}/{number}") is not None for number in range(3)] == [True, False, False]
    assert fetch_log.get(FEED) is None
    report = intake(parts.collection, site, fetch_log).take(FEED).report
    assert figures(report) == (2, 0, 1, 0)
    assert parts.library.counts().num_articles == 3


def test_a_crash_between_library_and_log_costs_one_download(site: FakeWeb, parts: Parts, fetch_log: FetchLog) -> None:
    fragile = Fragile(parts.collection, "Norby", Killed(), after=True)
    with pytest.raises(Killed):
        intake(fragile, site, fetch_log).take(FEED)
    assert parts.library.counts().num_articles == 2
    assert fetch_log.get(f"{SITE}/1") is None
    assert figures(intake(parts.collection, site, fetch_log).take(FEED).report) == (1, 0, 2, 0)


def test_a_full_disk_is_an_error_and_nothing_counts_as_seen(site: FakeWeb, parts: Parts, fetch_log: FetchLog) -> None:
    fragile = Fragile(parts.collection, "Lindby", StorageError("the disk is full"), after=False)
    with pytest.raises(StorageError, match="full"):
        intake(fragile, site, fetch_log).take(FEED)
    assert all(fetch_log.get(url) is None for url in site.pages)


def test_the_addresss_own_failure_is_told_from_its_pages(site: FakeWeb, parts: Parts, fetch_log: FetchLog) -> None:
    del site.pages[f"{SITE}/0"]
    reader = intake(parts.collection, site, fetch_log)
    assert reader.take(FEED).error is None
    site.pages[FEED] = TransientFetchError("busy")
    assert reader.take(f"{FEED}#top").error == "try again later: busy"
    assert reader.take("https://[").error is not None


def test_a_long_feed_says_how_much_of_it_is_read(site: FakeWeb, parts: Parts, fetch_log: FetchLog) -> None:
    (note,) = intake(parts.collection, site, fetch_log).take(FEED, limit=2).notes
    assert "lists 3 articles; the newest 2 are read" in note


def test_stopping_keeps_what_was_taken_and_goes_on_next_time(site: FakeWeb, parts: Parts, fetch_log: FetchLog) -> None:
    reader = intake(parts.collection, site, fetch_log)
    stopped = reader.take(FEED, should_stop=lambda: parts.library.counts().num_articles == 2)
    assert (figures(stopped.report), stopped.is_whole) == ((2, 0, 0, 0), False)
    assert fetch_log.get(FEED) is None
    assert figures(reader.take(FEED, recheck_after=timedelta(hours=1)).report) == (1, 0, 2, 0)


def test_a_removed_article_is_not_brought_back_by_its_feed(site: FakeWeb, parts: Parts, fetch_log: FetchLog) -> None:
    reader = intake(parts.collection, site, fetch_log)
    reader.take(FEED)
    parts.collection.update()
    (gone,) = [one for one in parts.collection.articles()[0] if "Norby" in one.article.title]
    parts.collection.remove([gone.article.article_id])
    site.put(f"{SITE}/1", article_html("Norby again"))
    report = reader.take(FEED, is_named=True).report
    assert "was removed" in report.rejected[0].reason
    assert parts.library.counts().num_articles == 2
    # Somebody asks for the very page.
    assert figures(reader.take(f"{SITE}/1", is_named=True).report) == (1, 0, 0, 0)


def test_a_removed_article_of_another_id_is_not_brought_back_by_its_address(
    site: FakeWeb, parts: Parts, fetch_log: FetchLog
) -> None:
    text = "It came from a file, with an id of its own, and its address."
    parts.collection.add([make_article(text, title="Norby", url=f"{SITE}/1", article_id="mine")])
    parts.collection.remove(["mine"])
    reader = intake(parts.collection, site, fetch_log)
    report = reader.take(FEED).report
    assert (figures(report), report.rejected[0].item) == ((2, 0, 0, 1), f"{SITE}/1")
    assert figures(reader.take(f"{SITE}/1", is_named=True).report) == (1, 0, 0, 0)
    assert not parts.collection.is_removed("another", f"{SITE}/1")


def test_a_long_reading_is_findable_before_its_end(site: FakeWeb, parts: Parts, fetch_log: FetchLog) -> None:
    times = iter(range(0, 1000, 15))
    reader = intake(parts.collection, site, fetch_log, monotonic=lambda: next(times))
    reader.take(FEED)
    snapshot = parts.collection.snapshot()
    assert snapshot is not None
    assert snapshot.manifest.num_articles >= 2


def test_an_index_that_is_busy_meanwhile_stops_nothing(
    site: FakeWeb, parts: Parts, fetch_log: FetchLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy() -> None:
        raise BuilderBusyError("another program builds the index")

    monkeypatch.setattr(parts.collection, "update", busy)
    times = iter(range(0, 10_000, 100))
    reader = intake(parts.collection, site, fetch_log, monotonic=lambda: next(times))
    assert figures(reader.take(FEED).report) == (3, 0, 0, 0)


def test_an_index_that_cannot_be_written_meanwhile_stops_nothing_and_is_told(
    site: FakeWeb, parts: Parts, fetch_log: FetchLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    num_tried = 0

    def full() -> None:
        nonlocal num_tried
        num_tried += 1
        raise StorageError("the disk is full")

    monkeypatch.setattr(parts.collection, "update", full)
    times = iter(range(0, 10_000, 100))
    reader = intake(parts.collection, site, fetch_log, monotonic=lambda: next(times))
    taken = reader.take(FEED)
    assert (figures(taken.report), taken.error, taken.is_index_error) == ((3, 0, 0, 0), "the disk is full", True)
    assert num_tried == 1
    assert fetch_log.get(FEED) is not None


def test_progress_counts_the_pages(site: FakeWeb, parts: Parts, fetch_log: FetchLog) -> None:
    seen: list[tuple[str, int, int]] = []
    intake(parts.collection, site, fetch_log).take(FEED, progress=lambda *step: seen.append(step))
    assert seen[:3] == [("reading pages", done, 3) for done in (1, 2, 3)]


def test_tallies_are_added_up() -> None:
    one = AddReport(1, 2, 3, 4, (Rejection("a", "b"),), "gen-000001")
    assert merged([one, one, AddReport()]) == AddReport(2, 4, 6, 8, (Rejection("a", "b"),) * 2, "gen-000001")
    assert merged([]) == AddReport()
