"""Sitemaps: pages and nested maps, newest first, with whatever a news sitemap adds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from index.errors import BadInputError
from index.sources.sitemap import Sitemap, parse_sitemap
from tests.index.sources.fakes import NOW, SITE

pytestmark = pytest.mark.usefixtures("parsed_here")

NEWS = f"""<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"
 xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
<url><loc>{SITE}/old</loc><lastmod>2024-03-01</lastmod></url>
<url><loc> {SITE}/new?utm_source=map </loc><lastmod>2024-03-09T08:00:00+01:00</lastmod>
<news:news><news:publication><news:name>Lindby News</news:name><news:language>en</news:language></news:publication>
<news:publication_date>2024-03-08T22:00:00Z</news:publication_date>
<news:title>Pier &amp; harbour</news:title></news:news>
<image:image><image:loc>{SITE}/photo.jpg</image:loc><image:title>A photo</image:title></image:image></url>
<url><loc>{SITE}/undated</loc></url>
<url><loc>{SITE}/old</loc></url>
<url><loc>mailto:someone@news.example</loc></url><url></url>
</urlset>""".encode()


def read(body: bytes) -> Sitemap:
    return parse_sitemap(body, url=f"{SITE}/sitemap.xml", now=NOW)


def test_pages_come_newest_first_and_once() -> None:
    sitemap = read(NEWS)
    assert not sitemap.is_index
    assert [entry.url for entry in sitemap.entries] == [f"{SITE}/new", f"{SITE}/old", f"{SITE}/undated"]


def test_news_sitemaps_give_title_date_and_language() -> None:
    new, old, _ = read(NEWS).entries
    assert (new.title, new.published_at, new.language) == ("Pier & harbour", "2024-03-08", "en")
    assert new.changed_at == datetime(2024, 3, 9, 7, tzinfo=UTC)
    # When a page changed is not when its article was published.
    assert (old.published_at, old.changed_at) == (None, datetime(2024, 3, 1, tzinfo=UTC))


def test_what_is_no_address_is_refused_by_name() -> None:
    assert [rejection.item for rejection in read(NEWS).rejected] == [
        f"{SITE}/sitemap.xml, location 5",
        f"{SITE}/sitemap.xml, location 6",
    ]


def test_an_index_lists_sitemaps() -> None:
    body = b"""<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
    <sitemap><loc>/a.xml</loc><lastmod>2024-03-01</lastmod></sitemap>
    <sitemap><loc>/b.xml.gz</loc><lastmod>2024-03-02</lastmod></sitemap></sitemapindex>"""
    sitemap = read(body)
    assert sitemap.is_index
    assert [entry.url for entry in sitemap.entries] == [f"{SITE}/b.xml.gz", f"{SITE}/a.xml"]


def test_dates_in_the_future_do_not_come_first() -> None:
    body = b"""<urlset><url><loc>/a</loc><lastmod>2124-01-01</lastmod></url>
    <url><loc>/b</loc><lastmod>2024-01-01</lastmod></url></urlset>"""
    assert [entry.url for entry in read(body).entries] == [f"{SITE}/b", f"{SITE}/a"]


def test_broken_xml_is_read_as_far_as_it_goes() -> None:
    assert len(read(NEWS[: NEWS.index(b"<url></url>")]).entries) == 3
    with pytest.raises(BadInputError, match="sitemap cannot be parsed"):
        read(b"<urlset>")


def test_entities_are_neither_expanded_nor_opened() -> None:
    body = NEWS.replace(
        b"<urlset",
        b'<!DOCTYPE urlset [<!ENTITY a "ha"><!ENTITY b "&a;&a;"><!ENTITY x SYSTEM "file:///etc/passwd">]><urlset',
    ).replace(b"Pier &amp; harbour", b"Pier &b;&x;")
    assert read(body).entries[0].title == "Pier"


def test_titles_of_pictures_are_not_those_of_articles() -> None:
    start, end = NEWS.index(b"<news:news>"), NEWS.index(b"<image:image>")
    assert read(NEWS[:start] + NEWS[end:]).entries[0].title is None
