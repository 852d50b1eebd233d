"""Any address is read for what it is; one bad page stops none, and only what changed is read again."""

from __future__ import annotations

import gzip
from datetime import timedelta
from typing import Any

import pytest

from index.errors import PermanentFetchError, TransientFetchError
from index.sources.discover import MAX_SITEMAPS, read_address
from index.sources.events import Listing, ListingTaken, PageRead, SourceEvent, Unchanged
from index.sources.fetch_log import FetchLog
from index.types import Rejection
from tests.index.sources.fakes import NOW, SITE, FakeWeb, article_html, fetched, item, rss

pytestmark = pytest.mark.usefixtures("parsed_here")

FEED = f"{SITE}/rss.xml"
MAP = f"{SITE}/sitemap.xml"


def read(address: str, web: FakeWeb, log: FetchLog, *, is_taken: bool = True, **options: Any) -> list[SourceEvent]:
    """Read an address; where it ``is_taken``, the records of its events are written as a collection's would be."""
    events = list(read_address(address, web, log, **({"now": NOW} | options)))
    for event in events if is_taken else ():
        if isinstance(event, PageRead | Unchanged | ListingTaken) and event.record is not None:
            log.put(event.record)
    return events


def urls_read(events: list[SourceEvent]) -> list[str]:
    return [event.url for event in events if isinstance(event, PageRead)]


def refusals(events: list[SourceEvent]) -> dict[str, str]:
    return {event.item: event.reason for event in events if isinstance(event, Rejection)}


@pytest.fixture
def site(web: FakeWeb) -> FakeWeb:
    """A feed of three articles."""
    for number, place in enumerate(("Lindby", "Norby", "Sundby"), start=1):
        web.put(f"{SITE}/{number}", article_html(place), etag=f'"{place}"')
    web.put(FEED, rss(*(item(f"/{number}") for number in (1, 2, 3))), etag='"feed"', media_type="text/plain")
    return web


# What an address is


def test_a_page_is_read_as_an_article(site: FakeWeb, fetch_log: FetchLog) -> None:
    (page,) = read(f"{SITE}/1?utm_source=mail#top", site, fetch_log)
    assert isinstance(page, PageRead)
    assert (page.url, page.articles[0].title) == (f"{SITE}/1", "Lindby rebuilds its pier")


def test_a_feed_is_read_for_the_pages_it_links_to(site: FakeWeb, fetch_log: FetchLog) -> None:
    listing, *pages, taken = read(FEED, site, fetch_log)
    assert listing == Listing(FEED, "feed", "Lindby News", 3, 3)
    assert urls_read(pages) == [f"{SITE}/{number}" for number in (1, 2, 3)]
    assert isinstance(taken, ListingTaken)
    assert all("blurb" not in page.articles[0].text for page in pages if isinstance(page, PageRead))


def test_the_newest_are_read_where_there_are_many(site: FakeWeb, fetch_log: FetchLog) -> None:
    listing, *rest = read(FEED, site, fetch_log, limit=2)
    assert isinstance(listing, Listing)
    assert (listing.num_found, listing.num_chosen) == (3, 2)
    assert len(urls_read(rest)) == 2


def test_a_sitemap_is_read_newest_first(site: FakeWeb, fetch_log: FetchLog) -> None:
    urls = "".join(f"<url><loc>/{n}</loc><lastmod>2024-03-0{n}</lastmod></url>" for n in (1, 2, 3))
    site.put(MAP, f"<urlset>{urls}</urlset>".encode())
    events = read(MAP, site, fetch_log, limit=2)
    assert events[0] == Listing(MAP, "sitemap", None, 3, 2)
    assert urls_read(events) == [f"{SITE}/3", f"{SITE}/2"]


def test_an_index_of_packed_sitemaps_is_read_one_level_deep(site: FakeWeb, fetch_log: FetchLog) -> None:
    site.put(f"{SITE}/a.xml.gz", gzip.compress(b"<urlset><url><loc>/1</loc></url></urlset>"), media_type="x/y")
    site.put(f"{SITE}/b.xml", b"<sitemapindex><sitemap><loc>/c.xml</loc></sitemap></sitemapindex>")
    site.put(f"{SITE}/d.xml", b"<urlset><url><loc>/2</loc></url></urlset>")
    places = "".join(f"<sitemap><loc>/{name}</loc></sitemap>" for name in ("a.xml.gz", "b.xml", "gone.xml", "d.xml"))
    site.put(MAP, f"<sitemapindex>{places}</sitemapindex>".encode())
    events = read(MAP, site, fetch_log)
    assert urls_read(events) == [f"{SITE}/2", f"{SITE}/1"]
    assert "inside another" in refusals(events)[f"{SITE}/b.xml"]
    assert "404" in refusals(events)[f"{SITE}/gone.xml"]


def test_only_so_many_sitemaps_of_an_index_are_read(site: FakeWeb, fetch_log: FetchLog) -> None:
    places = "".join(f"<sitemap><loc>/map{number}</loc></sitemap>" for number in range(100))
    site.put(MAP, f"<sitemapindex>{places}</sitemapindex>".encode())
    assert len(refusals(read(MAP, site, fetch_log))) == MAX_SITEMAPS


def test_sitemaps_that_can_only_hold_older_pages_are_not_read(site: FakeWeb, fetch_log: FetchLog) -> None:
    site.put(f"{SITE}/new.xml", b"<urlset><url><loc>/1</loc><lastmod>2024-03-05</lastmod></url></urlset>")
    places = "".join(
        f"<sitemap><loc>/{name}.xml</loc><lastmod>{day}</lastmod></sitemap>"
        for name, day in (("old", "2024-02-01"), ("new", "2024-03-06"))
    )
    site.put(MAP, f"<sitemapindex>{places}</sitemapindex>".encode())
    assert urls_read(read(MAP, site, fetch_log, limit=1)) == [f"{SITE}/1"]
    assert f"{SITE}/old.xml" not in site.asked_urls


@pytest.mark.parametrize("address", ["https://", "ftp://news.example/a", "nonsense", "https://news.example:0x50/"])
def test_what_is_no_address_is_refused_by_name(address: str, web: FakeWeb, fetch_log: FetchLog) -> None:
    (rejection,) = read(address, web, fetch_log)
    assert isinstance(rejection, Rejection)
    assert rejection.item == address
    assert web.asked == []


# Failures


def test_one_bad_page_stops_none(site: FakeWeb, fetch_log: FetchLog) -> None:
    site.pages[f"{SITE}/1"] = PermanentFetchError("robots.txt asks not to fetch this page")
    site.put(f"{SITE}/2", b"\x00\x01", media_type="image/png")
    events = read(FEED, site, fetch_log)
    assert urls_read(events) == [f"{SITE}/3"]
    assert refusals(events).keys() == {f"{SITE}/1", f"{SITE}/2"}
    assert "robots.txt" in refusals(events)[f"{SITE}/1"]


def test_a_rejection_names_its_address_once(site: FakeWeb, fetch_log: FetchLog) -> None:
    del site.pages[f"{SITE}/1"]
    assert refusals(read(FEED, site, fetch_log)) == {f"{SITE}/1": "answers 404"}


def test_an_address_that_fails_is_one_rejection(web: FakeWeb, fetch_log: FetchLog) -> None:
    web.pages[FEED] = TransientFetchError("the server is busy")
    assert read(FEED, web, fetch_log) == [Rejection(FEED, "try again later: the server is busy")]
    assert fetch_log.get(FEED) is None


def test_a_feed_is_asked_for_again_while_a_page_of_it_is_missing(site: FakeWeb, fetch_log: FetchLog) -> None:
    missing = site.pages[f"{SITE}/2"]
    site.pages[f"{SITE}/2"] = TransientFetchError("busy")
    first = read(FEED, site, fetch_log)
    assert refusals(first) == {f"{SITE}/2": "try again later: busy"}
    assert not [event for event in first if isinstance(event, ListingTaken)]
    assert fetch_log.get(FEED) is None
    assert fetch_log.get(f"{SITE}/2") is None
    site.pages[f"{SITE}/2"] = missing
    second = read(FEED, site, fetch_log)
    assert urls_read(second) == [f"{SITE}/2"]
    assert fetch_log.get(FEED) is not None


def test_pages_refused_for_good_do_not_keep_a_feed_open(site: FakeWeb, fetch_log: FetchLog) -> None:
    del site.pages[f"{SITE}/2"]
    read(FEED, site, fetch_log)
    assert fetch_log.get(FEED) is not None


def test_a_host_that_fails_is_not_asked_for_all_of_its_pages(web: FakeWeb, fetch_log: FetchLog) -> None:
    links = [f"https://down.example/{number}" for number in range(20)] + [f"{SITE}/1"]
    web.pages |= {link: TransientFetchError("slow") for link in links[:-1]}
    web.put(f"{SITE}/1", article_html("Lindby"))
    web.put(FEED, rss(*map(item, links)))
    events = read(FEED, web, fetch_log)
    assert sum("down.example" in url for url in web.asked_urls) == 3
    assert len(refusals(events)) == 20
    assert urls_read(events) == [f"{SITE}/1"]


def test_a_feed_that_cannot_be_parsed_is_one_rejection(web: FakeWeb, fetch_log: FetchLog) -> None:
    web.put(FEED, b"nothing of the kind", media_type="application/rss+xml")
    assert "cannot be parsed" in refusals(read(FEED, web, fetch_log))[FEED]


# What was taken before


def test_an_unchanged_feed_costs_one_conditional_request(site: FakeWeb, fetch_log: FetchLog) -> None:
    read(FEED, site, fetch_log)
    site.asked.clear()
    (unchanged,) = read(FEED, site, fetch_log)
    assert isinstance(unchanged, Unchanged)
    assert [(asked.url, asked.etag) for asked in site.asked] == [(FEED, '"feed"')]


def test_a_changed_feed_asks_for_its_known_pages_conditionally(site: FakeWeb, fetch_log: FetchLog) -> None:
    read(FEED, site, fetch_log)
    site.put(f"{SITE}/4", article_html("Ekby"))
    site.put(FEED, rss(*(item(f"/{number}") for number in (4, 1, 2, 3))), etag='"feed 2"')
    site.put(f"{SITE}/2", article_html("Norby the Second"), etag='"new"')
    site.asked.clear()
    events = read(FEED, site, fetch_log)
    assert urls_read(events) == [f"{SITE}/4", f"{SITE}/2"]
    assert [event.url for event in events if isinstance(event, Unchanged)] == [f"{SITE}/1", f"{SITE}/3"]
    assert {asked.url: asked.etag for asked in site.asked}[f"{SITE}/1"] == '"Lindby"'


def test_not_modified_keeps_the_validators_and_notes_the_time(site: FakeWeb, fetch_log: FetchLog) -> None:
    read(f"{SITE}/1", site, fetch_log)
    later = NOW + timedelta(hours=3)
    read(f"{SITE}/1", site, fetch_log, now=later)
    record = fetch_log.get(f"{SITE}/1")
    assert record is not None
    assert (record.etag, record.checked_at) == ('"Lindby"', later)


def test_nothing_is_noted_before_it_is_taken(site: FakeWeb, fetch_log: FetchLog) -> None:
    read(FEED, site, fetch_log, is_taken=False)
    assert [fetch_log.get(url) for url in site.pages] == [None] * 4


def test_a_named_address_is_fetched_whatever_is_known_of_it(site: FakeWeb, fetch_log: FetchLog) -> None:
    read(f"{SITE}/1", site, fetch_log)
    assert urls_read(read(f"{SITE}/1", site, fetch_log, is_named=True)) == [f"{SITE}/1"]


def test_pages_taken_lately_are_left_alone_unless_the_list_says_they_changed(
    site: FakeWeb, fetch_log: FetchLog
) -> None:
    read(FEED, site, fetch_log)
    later = NOW + timedelta(minutes=20)
    changed = item("/2", date=(NOW + timedelta(minutes=10)).strftime("%a, %d %b %Y %H:%M:%S GMT"))
    site.put(FEED, rss(item("/1"), changed, item("/3")))
    site.asked.clear()
    events = read(FEED, site, fetch_log, now=later, recheck_after=timedelta(hours=1))
    assert site.asked_urls == [FEED, f"{SITE}/2"]
    assert sum(isinstance(event, Unchanged) for event in events) == 3
    site.asked.clear()
    read(FEED, site, fetch_log, now=NOW + timedelta(hours=2), recheck_after=timedelta(hours=1), is_named=True)
    assert len(site.asked) == 4


def test_a_redirected_address_is_known_by_what_was_asked_for(web: FakeWeb, fetch_log: FetchLog) -> None:
    web.pages[f"{SITE}/go"] = fetched(f"{SITE}/1", article_html("Lindby"))
    (page,) = read(f"{SITE}/go", web, fetch_log)
    assert isinstance(page, PageRead)
    assert page.articles[0].url == f"{SITE}/1"
    assert fetch_log.get(f"{SITE}/go") is not None
