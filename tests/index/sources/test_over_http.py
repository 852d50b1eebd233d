"""A feed, its pages and a sitemap over real connections to a server that misbehaves, with the real fetcher."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import pytest

from index.fetching import Fetcher, FetchLimits, PoliteFetcher
from index.sources.fetch_log import FetchLog
from index.sources.intake import AddressIntake
from index.types import AddReport
from tests.fakes import Parts
from tests.index.fetching.bad_server import BadServer, Behaviour, Request, answer, drip
from tests.index.sources.fakes import NOW, article_html, item, rss

pytestmark = pytest.mark.slow


@pytest.fixture
def server() -> Iterator[BadServer]:
    with BadServer() as server:
        yield server


@pytest.fixture
def intake(server: BadServer, parts: Parts, fetch_log: FetchLog) -> AddressIntake:
    limits = FetchLimits(total_seconds=1.5, max_bytes=200_000)
    fetcher = PoliteFetcher(Fetcher(policy=server.policy, limits=limits, min_interval_seconds=0.0))
    return AddressIntake(parts.collection, fetcher, fetch_log, now=lambda: NOW)


def with_etag(body: bytes, etag: str, media_type: str = "text/html") -> Behaviour:
    """A page that knows when it has not changed."""

    def behave(request: Request) -> list[bytes]:
        if request.headers.get("if-none-match") == etag:
            return [answer(status=304, media_type=None, headers={"ETag": etag})]
        return [answer(body, media_type=media_type, headers={"ETag": etag})]

    return behave


def serve_news(server: BadServer) -> str:
    """Five articles: three good ones, one that is missing, one slow, one that is a gzip bomb, and a note of robots."""
    for number, place in enumerate(("Lindby", "Norby", "Sundby"), start=1):
        server.on(f"/{number}", with_etag(article_html(place), f'"{place}"'))
    server.on("/slow", drip(answer(article_html("Slowby")), 0.2))
    bomb = gzip.compress(bytes(5_000_000))
    server.serve("/bomb", bomb, headers={"Content-Encoding": "gzip"})
    server.serve("/robots.txt", b"User-agent: *\nDisallow: /private\n", media_type="text/plain")
    server.serve("/private/1", article_html("Secret"))
    links = ("/1?utm_source=rss", "/gone", "2", "/slow", "/bomb", "/private/1", "/3#comments")
    return server.on("/rss.xml", with_etag(rss(*map(item, links)), '"feed"', "text/html"))


def figures(report: AddReport) -> tuple[int, int, int]:
    return report.added, report.revised, report.unchanged


def test_a_feed_of_good_and_bad_pages(server: BadServer, parts: Parts, intake: AddressIntake) -> None:
    feed = serve_news(server)
    first = intake.take(feed)
    assert figures(first.report) == (3, 0, 0)
    reasons = {rejection.item.removeprefix(server.url("/")): rejection.reason for rejection in first.report.rejected}
    assert reasons.keys() == {"gone", "slow", "bomb", "private/1"}
    assert "404" in reasons["gone"]
    assert reasons["slow"].startswith("try again later: ")
    assert "larger than 200000 bytes" in reasons["bomb"]
    assert "robots.txt" in reasons["private/1"]
    assert "/private/1" not in server.paths

    # The slow page keeps the feed open; what was taken is asked about conditionally.
    server.requests.clear()
    second = intake.take(feed)
    assert figures(second.report) == (0, 0, 3)
    sent = {request.path: request.headers.get("if-none-match") for request in server.requests}
    assert (sent["/1"], sent["/2"], sent["/3"]) == ('"Lindby"', '"Norby"', '"Sundby"')
    assert sent["/rss.xml"] is None

    # Once the slow page comes, and another one changed.
    server.on("/slow", with_etag(article_html("Slowby"), '"slow"'))
    server.on("/2", with_etag(article_html("Norby the Second"), '"new"'))
    assert figures(intake.take(feed).report) == (1, 1, 2)
    assert parts.library.counts().num_articles == 4
    (revised,) = [one for one in parts.collection.articles()[0] if "Second" in one.article.title]
    assert [one.article.title for one in parts.collection.history(revised.article.article_id)] == [
        "Norby the Second rebuilds its pier",
        "Norby rebuilds its pier",
    ]

    # Everything is taken or refused for good, so the feed alone is asked, and has not changed.
    server.requests.clear()
    assert figures(intake.take(feed).report) == (0, 0, 1)
    assert [(request.path, request.headers.get("if-none-match")) for request in server.requests] == [
        ("/rss.xml", '"feed"')
    ]


def test_a_packed_sitemap_and_a_page_by_its_own_address(server: BadServer, intake: AddressIntake) -> None:
    server.serve("/1", article_html("Lindby"))
    body = gzip.compress(f"<urlset><url><loc>{server.url('/1')}</loc></url></urlset>".encode())
    sitemap = server.serve("/sitemap.xml.gz", body, media_type="application/gzip")
    assert figures(intake.take(sitemap).report) == (1, 0, 0)
    assert figures(intake.take(server.url("/1?fbclid=x")).report) == (0, 0, 1)


def test_a_feed_that_names_private_addresses_reaches_none(server: BadServer, intake: AddressIntake) -> None:
    links = (
        "http://169.254.169.254/latest",
        "http://10.0.0.1/",
        "http://[::1]/",
        "http://2130706433/",
        "file:///etc/passwd",
    )
    feed = server.serve("/rss.xml", rss(*map(item, links)), media_type="application/rss+xml")
    taken = intake.take(feed)
    assert figures(taken.report) == (0, 0, 0)
    assert len(taken.report.rejected) == 5
    assert server.paths == ["/robots.txt", "/rss.xml"]
