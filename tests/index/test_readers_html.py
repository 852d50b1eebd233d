"""Web pages: main text and fields without boilerplate, and pages made to hurt the parser."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.readers import ReadLimits, read_bytes
from index.types import Article, Rejection

_HEAD = """<title>Bridge late again | The Daily</title>
<meta property="og:title" content="Bridge late again"><meta property="og:site_name" content="The Daily">
<meta property="article:published_time" content="2022-06-16T23:30:00-05:00">
<meta property="article:modified_time" content="2023-01-02T08:00:00Z">
<link rel="canonical" href="https://www.daily.example/2022/bridge">"""
_BODY = """<nav><ul><li><a href="/">Home</a></li><li><a href="/sport">Sport</a></li></ul></nav>
<div class="cookie-banner">We use cookies to improve your visit.</div>
<article><h1>Bridge late again</h1>
<p>The harbour authority said on Wednesday that the permit for the new bridge would come <b>eight months</b> late.</p>
<h2>What it costs</h2>
<p>The delay may cost the town of Westhaven some three million crowns, the mayor told reporters in the capital.</p>
<ul><li>steel by ferry</li><li>steel by rail</li></ul>
<table><tr><th>Town</th><th>Bridges</th></tr><tr><td>Westhaven</td><td>0</td></tr></table>
</article>
<div id="comments"><h3>Comments</h3><p>First! What a great piece, I never liked that bridge anyway.</p></div>
<footer>© 2024 The Daily. All rights reserved. <a href="/privacy">Privacy</a></footer>
<script>var hidden = "steel";</script>"""


def _page(head: str = _HEAD, body: str = _BODY) -> bytes:
    return f"<!DOCTYPE html><html><head>{head}</head><body>{body}</body></html>".encode()


def _read(data: bytes, limits: ReadLimits | None = None) -> Article:
    (article,) = read_bytes("page.html", data, limits=limits or ReadLimits())
    assert isinstance(article, Article), article
    return article


def _reason(data: bytes, limits: ReadLimits | None = None) -> str:
    (rejection,) = read_bytes("page.html", data, limits=limits or ReadLimits())
    assert isinstance(rejection, Rejection), rejection
    return rejection.reason


def test_a_page_gives_its_fields() -> None:
    article = _read(_page())
    assert (article.title, article.source) == ("Bridge late again", "The Daily")
    assert (article.url, article.published_at) == ("https://www.daily.example/2022/bridge", "2022-06-16")


def test_a_page_gives_its_text_without_boilerplate() -> None:
    assert _read(_page()).text.split("\n\n") == [
        "The harbour authority said on Wednesday that the permit for the new bridge would come eight months late.",
        "What it costs",
        "The delay may cost the town of Westhaven some three million crowns, the mayor told reporters in the capital.",
        "- steel by ferry\n- steel by rail",
        "Town | Bridges\nWesthaven | 0",
    ]


def test_the_host_is_the_source_of_a_page_that_names_none() -> None:
    article = _read(_page('<link rel="canonical" href="https://www.daily.example/a">'))
    assert article.source == "daily.example"


def test_a_date_that_the_text_names_is_not_the_publication_date() -> None:
    body = "<article><p>On 4 July 2019 the mayor had promised the town another bridge.</p></article><p>© 2023</p>"
    assert _read(_page("<title>Bridge</title>", body)).published_at is None


def test_a_script_address_never_becomes_the_url() -> None:
    article = _read(_page('<link rel="canonical" href="javascript:alert(1)">'))
    assert article.url is None


def test_a_relative_address_never_becomes_the_url() -> None:
    article = _read(_page('<link rel="canonical" href="//daily.example:bad/a">'))
    assert article.url is None


def test_a_home_page_as_canonical_address_names_no_article() -> None:
    home = '<link rel="canonical" href="https://www.daily.example/">'
    first, second = (_read(_page(home, f"<p>The bridge is {word}.</p>")) for word in ("late", "open"))
    assert first.url is None
    assert first.source == "daily.example"
    assert first.article_id != second.article_id


@pytest.mark.parametrize(
    ("head", "author"),
    [
        ('<meta name="author" content="Ada Byron">', "Ada Byron"),
        ('<meta property="article:author" content="Ada Byron">', "Ada Byron"),
        ('<meta name="author" content="By Ada Byron">', "Ada Byron"),
        ('<script type="application/ld+json">{"@context":"https://schema.org","@type":"NewsArticle","headline":"x",'
         '"author":[{"@type":"Person","name":"Ada Byron"},{"@type":"Person","name":"Bea Cole"}]}</script>',
         "Ada Byron; Bea Cole"),
        ('<meta name="author" content="https://www.daily.example/ada">', None),
        ('<meta name="author" content="\u202eAda\u2066 Byron">', "Ada Byron"),
        ("", None),
    ],
)  # fmt: skip
def test_a_page_names_its_authors(head: str, author: str | None) -> None:
    assert _read(_page(f"<title>Bridge</title>{head}")).metadata.get("author") == author


@pytest.mark.parametrize(
    ("page", "language"),
    [
        ('<html lang="de-AT"><head></head>', "de"),
        ('<html xml:lang="fr"><head></head>', "fr"),
        ('<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="fr" lang="fr"><head></head>', "fr"),
        ('<html><head><meta property="og:locale" content="pt_BR"></head>', "pt"),
        ('<html><head><meta http-equiv="Content-Language" content="cs"></head>', "cs"),
        ('<html><head><meta name="language" content="sv"></head>', "sv"),
        ('<html lang=""><head><meta property="og:locale" content="da_DK"></head>', "da"),
        ('<html lang="en"><head><meta property="og:locale" content="de_DE"></head>', "en"),
        ("<html><head></head>", None),
        ('<html lang="javascript:alert(1)"><head></head>', None),
    ],
)
def test_a_page_says_its_language(page: str, language: str | None) -> None:
    assert _read(f"{page}<body><p>The bridge is late.</p></body></html>".encode()).metadata.get("language") == language


@pytest.mark.parametrize("encoding", ["utf-8", "windows-1251", "shift_jis", "utf-16"])
def test_a_page_is_read_in_its_encoding(encoding: str) -> None:
    words = "橋の許可は遅れている。" if encoding == "shift_jis" else "Разрешение на мост опаздывает."
    page = f'<html><head><meta charset="{encoding}"></head><body><p>{words}</p></body></html>'
    assert _read(page.encode(encoding)).text == words


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        pytest.param(b"<html><body><p>The bridge <b>is late<p>Second", "is late", id="unclosed"),
        pytest.param(b"<p>The bridge is late.</p>", "The bridge is late.", id="one_paragraph"),
        pytest.param(b"<p>One bridge.</p><p>Two bridges.</p>", "One bridge.\n\nTwo bridges.", id="fragment"),
        pytest.param(b"The bridge is late.", "The bridge is late.", id="no_markup"),
        pytest.param(b"</div></td>The bridge is late.<a href='x>", "The bridge is late.", id="stray_ends"),
    ],
)
def test_broken_markup_gives_what_can_be_read(markup: bytes, text: str) -> None:
    assert text in _read(markup).text


@pytest.mark.parametrize(
    "markup",
    [b"<html></html>", b"<html><body><script>x()</script></body></html>", b"<p> </p>", b"<!-- only a comment -->"],
)
def test_a_page_without_text_is_rejected(markup: bytes) -> None:
    assert _reason(markup).startswith("no article text found")


def test_an_empty_page_is_rejected() -> None:
    assert _reason(b" \n") == "is empty"


_STORY = b"<p>" + b"The harbour authority spoke of the bridge. " * 20 + b"</p>"


@pytest.mark.slow
@pytest.mark.parametrize(
    "markup",
    [
        pytest.param(b"<div>" * 100_000 + _STORY + b"</div>" * 100_000, id="nested_divs"),
        pytest.param(b"<div>" * 100_000, id="unclosed_divs"),
        pytest.param(b"<table><tr><td>" * 20_000 + b"x", id="nested_tables"),
        pytest.param(b"<a href=x>hello " * 20_000, id="nested_links"),
        pytest.param(b"<!--" * 100_000, id="nested_comments"),
        pytest.param(b"<" * 100_000, id="angle_brackets"),
        pytest.param(b"<p " + b" ".join(b"a%d" % n for n in range(200_000)) + b">" + _STORY, id="attributes"),
    ],
)
@pytest.mark.timeout(60)
def test_a_page_made_to_hurt_the_parser_ends_in_time(markup: bytes) -> None:
    started = time.monotonic()
    results = list(read_bytes("page.html", b"<html><body>" + markup, limits=ReadLimits(max_page_seconds=5)))
    assert time.monotonic() - started < 15
    assert len(results) == 1


def test_an_expensive_page_gives_the_same_article_as_a_cheap_one() -> None:
    cheap = _read(_page())
    assert _read(_page(body=_BODY + "<!-- x -->" * 5_000)) == cheap


@pytest.mark.slow
def test_a_page_that_takes_too_long_is_rejected() -> None:
    tables = b"<html><body>" + b"<table><tr><td>The bridge is late again</td></tr></table>" * 20_000
    assert _reason(tables, ReadLimits(max_page_seconds=2)).startswith("takes more than 2 seconds to parse")


@pytest.mark.slow
def test_a_page_that_takes_too_much_memory_is_rejected() -> None:
    limits = ReadLimits(max_parser_memory_bytes=1 << 24)
    assert _reason(_page(body="<br>" * 6_000), limits).startswith("no article text found")


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.sampled_from(["<p>", "</p>", "<div>", "<a href=", "<td>", "'", ">", "<!--", "words ", "&#0;", "<html"]))
)
def test_any_markup_is_an_article_or_a_rejection(pieces: list[str]) -> None:
    (result,) = read_bytes("page.html", "".join(pieces).encode())
    assert isinstance(result, Article | Rejection)
