"""Pages become articles under their own address; feeds only fill what a page leaves open."""

from __future__ import annotations

from typing import Any

import pytest

from index.fetching import Fetched
from index.sources.feed import FeedEntry
from index.sources.page import read_page
from index.types import Article, Rejection
from tests.index.sources.fakes import NOW, SITE, article_html, fetched

URL = f"{SITE}/pier"


def canonical(address: str) -> str:
    return f'<link rel="canonical" href="{address}">'


def read(page: Fetched, **options: Any) -> list[Article | Rejection]:
    return list(read_page(page, now=NOW, **options))


def article_of(page: Fetched, **options: Any) -> Article:
    (article,) = read(page, **options)
    assert isinstance(article, Article), article
    return article


def refusal_of(page: Fetched, **options: Any) -> Rejection:
    (rejection,) = read(page, **options)
    assert isinstance(rejection, Rejection)
    return rejection


# Identity


def test_the_canonical_address_is_the_articles() -> None:
    page = fetched(f"{URL}?page=1", article_html("Lindby", head=canonical("https://www.news.example/pier?utm_id=1#x")))
    assert article_of(page).url == "https://www.news.example/pier"


def test_two_addresses_with_one_canonical_are_one_article() -> None:
    body = article_html("Lindby", head=canonical(URL))
    assert article_of(fetched(f"{SITE}/a", body)).article_id == article_of(fetched(f"{SITE}/b", body)).article_id


@pytest.mark.parametrize(
    "claimed",
    [
        "https://victim.example/story",
        "https://other.blogs.example/story",
        "javascript:alert(1)",
        f"{SITE}/",
        SITE,
        "",
        "ftp://news.example/pier",
        "http://[broken",
    ],
)
def test_a_canonical_address_elsewhere_is_not_believed(claimed: str) -> None:
    article = article_of(fetched(URL, article_html("Lindby", head=canonical(claimed))))
    assert article.url == URL
    assert article.source == "news.example"


def test_without_a_canonical_the_address_that_answered_counts() -> None:
    page = fetched(f"{URL}?utm_source=feed&id=3#top", article_html("Lindby"), requested=f"{SITE}/go/17")
    assert article_of(page).url == f"{URL}?id=3"


def test_a_relative_canonical_starts_at_the_page() -> None:
    assert article_of(fetched(f"{SITE}/x/pier?a=1", article_html("Lindby", head=canonical("/pier")))).url == URL


def test_a_changed_page_is_a_revision_of_the_same_article() -> None:
    before, after = (article_of(fetched(URL, article_html(place))) for place in ("Lindby", "Norby"))
    assert before.article_id == after.article_id
    assert before.content_hash != after.content_hash


# What is kept, and what the feed fills


def test_title_author_date_and_language_of_the_page_are_kept() -> None:
    head = (
        '<meta name="author" content="Ada Berg"><meta property="article:published_time" content="2024-03-08T10:00:00Z">'
        '<meta property="og:site_name" content="Lindby News">'
    )
    entry = FeedEntry(URL, "Another title", "Somebody else", "2024-03-01", language="sv")
    article = article_of(fetched(URL, article_html("Lindby", head=head)), entry=entry)
    assert (article.title, article.published_at, article.source) == (
        "Lindby rebuilds its pier",
        "2024-03-08",
        "Lindby News",
    )
    assert (article.metadata["author"], article.metadata["language"]) == ("Ada Berg", "en")


def test_the_feed_fills_what_the_page_leaves_open() -> None:
    entry = FeedEntry(URL, "Pier to be rebuilt", "Ada Berg", "2024-03-08", language="en")
    article = article_of(fetched(URL, article_html("Lindby", title="", lang="")), entry=entry)
    assert (article.title, article.published_at) == ("Pier to be rebuilt", "2024-03-08")
    assert (article.metadata["author"], article.metadata["language"]) == ("Ada Berg", "en")


def test_a_date_in_the_future_gives_way_to_the_feeds() -> None:
    page = fetched(URL, b"---\ndate: 2124-03-08\n---\n# Pier\n\nThe pier will be rebuilt.", media_type="text/markdown")
    assert article_of(page, entry=FeedEntry(URL, published_at="2024-03-08")).published_at == "2024-03-08"
    alone = article_of(page)
    assert alone.published_at is None
    assert alone.metadata["published_at_as_given"] == "2124-03-08"


def test_a_future_date_of_the_feed_is_kept_for_the_record() -> None:
    entry = FeedEntry(URL, published_at_as_given="Fri, 08 Mar 2124")
    article = article_of(fetched(URL, article_html("Lindby")), entry=entry)
    assert article.published_at is None
    assert article.metadata["published_at_as_given"] == "Fri, 08 Mar 2124"


# Types and charsets


@pytest.mark.parametrize("media_type", [None, "text/html", "text/plain", "application/octet-stream", "image/jpeg"])
def test_a_page_is_a_page_whatever_the_server_calls_it(media_type: str | None) -> None:
    assert "12 million euros" in article_of(fetched(URL, article_html("Lindby"), media_type=media_type)).text


def test_plain_text_is_an_article() -> None:
    page = fetched(
        URL, "The pier of Göteborg will be rebuilt.".encode("latin-1"), media_type="text/plain", charset="latin-1"
    )
    article = article_of(page)
    assert (article.text, article.url) == ("The pier of Göteborg will be rebuilt.", URL)


def test_the_servers_charset_helps_and_cannot_hurt() -> None:
    body = article_html("Ångermanland").replace(b'<meta charset="utf-8">', b"")
    russian = article_html("Мост").replace(b'<meta charset="utf-8">', b"").decode().encode("koi8-r", "replace")
    assert "Ångermanland" in article_of(fetched(URL, body, charset="koi8-r")).text
    assert "Мост" in article_of(fetched(URL, russian, charset="koi8-r")).text
    for odd in ("no-such-charset", "hex", "idna", "x\x00y", "utf-16"):
        assert "Ångermanland" in article_of(fetched(URL, body, charset=odd)).text


def test_json_lines_that_were_named_give_their_articles() -> None:
    body = b'{"text": "One.", "url": "https://a.example/1"}\n{"text": 7}\n'
    one, two = read(fetched(f"{SITE}/all.jsonl", body, media_type="application/json"))
    assert isinstance(one, Article)
    assert one.url == "https://a.example/1"
    assert two == Rejection(f"{SITE}/all.jsonl:2", "its text must be a string, not a int")


def test_json_behind_a_feeds_link_cannot_speak_for_others() -> None:
    body = b'{"text": "One.", "url": "https://victim.example/1"}'
    assert "JSON" in refusal_of(fetched(URL, body), entry=FeedEntry(URL)).reason


# Refusals


def test_a_page_without_text_is_refused_under_its_address() -> None:
    rejection = refusal_of(fetched(URL, b"<html><body><nav>Home</nav></body></html>", requested=f"{SITE}/go/1"))
    assert rejection.item == f"{SITE}/go/1"
    assert "no article text" in rejection.reason


@pytest.mark.parametrize(
    "link",
    [
        '<link rel="alternate" type="application/rss+xml" href="/rss.xml?a=1&amp;b=2">',
        "<LINK HREF='/rss.xml?a=1&b=2' type=application/atom+xml REL='home alternate'>",
    ],
)
def test_a_page_without_text_names_its_feed_as_the_remedy(link: str) -> None:
    page = fetched(SITE, f"<html><head>{link}</head><body><nav>Home</nav></body></html>".encode())
    assert f"add {SITE}/rss.xml?a=1&b=2" in refusal_of(page).reason


def test_an_article_that_names_a_feed_is_still_an_article() -> None:
    head = '<link rel="alternate" type="application/rss+xml" href="/rss.xml">'
    assert article_of(fetched(URL, article_html("Lindby", head=head))).url == URL


def test_a_redirect_to_the_front_page_means_gone() -> None:
    page = fetched(f"{SITE}/", article_html("Lindby"), requested=URL)
    assert "probably gone" in refusal_of(page).reason
    assert article_of(fetched(f"{SITE}/", article_html("Lindby"))).url == f"{SITE}/"


@pytest.mark.parametrize(
    ("body", "media_type", "reason"),
    [
        (b"", "text/html", "empty page"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg", "binary file"),
        (b"%PDF-1.7 and no more", "text/html", ""),
        (b'<rss version="2.0"></rss>', "text/html", "itself a feed"),
    ],
)
def test_what_is_no_article_is_refused_under_its_address(body: bytes, media_type: str, reason: str) -> None:
    rejection = refusal_of(fetched(URL, body, media_type=media_type))
    assert rejection.item == URL
    assert reason in rejection.reason
