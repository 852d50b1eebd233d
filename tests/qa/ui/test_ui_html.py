"""Text that others wrote is shown as text, whatever it is."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.ui.html import day, escape, link, marked, marked_paragraphs, progress_bar, web_address

TAG = re.compile(r"<[^>]*>")


def test_markup_and_quotes_are_escaped() -> None:
    assert escape("""<img src=x onerror="a('b')">&""") == (
        "&lt;img src=x onerror=&quot;a(&#x27;b&#x27;)&quot;&gt;&amp;"
    )


def test_marks_that_reorder_text_are_left_out() -> None:
    assert escape("safe\u202etxt.exe\x00\x1b") == "safetxt.exe"


@pytest.mark.parametrize("url", ["https://news.example/a?b=c&d=1#e", "http://127.0.0.1:80/x"])
def test_web_addresses_become_links(url: str) -> None:
    html = link(url, "Original", "of an article")
    assert f'href="{escape(url)}"' in html
    assert 'rel="noopener noreferrer nofollow"' in html
    assert 'target="_blank"' in html


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "//evil.example",
        "/local",
        "https:evil",
        "https://",
        'https://a.example/"onmouseover="alert(1)',
        "https://user@evil.example/",
        "https://a.example/\u00a0x y",
        "http://[::1",
        "file:///etc/passwd",
        "ftp://a.example",
    ],
)
def test_other_addresses_do_not(url: str | None) -> None:
    assert web_address(url) is None
    assert link(url, "Original", "of an article") == ""


def test_spans_are_marked() -> None:
    assert marked("one <two> three", [((4, 9), ' class="x"')]) == 'one <mark class="x">&lt;two&gt;</mark> three'


def test_overlapping_spans_never_nest() -> None:
    assert marked("abcdef", [((0, 3), ""), ((2, 5), "")]) == "<mark>abc</mark><mark>de</mark>f"


def test_a_span_outside_the_text_is_left_out() -> None:
    assert marked("abc", [((1, 9), ""), ((2, 2), "")]) == "abc"


def test_a_span_across_paragraphs_is_marked_in_both() -> None:
    html = marked_paragraphs("one two\n\nthree four", [((4, 14), "")])
    assert html == "<p>one <mark>two</mark></p><p><mark>three</mark> four</p>"


@given(st.text(), st.lists(st.tuples(st.integers(-5, 40), st.integers(-5, 40)), max_size=4))
def test_marking_changes_no_word_and_balances(text: str, spans: list[tuple[int, int]]) -> None:
    clean = [(max(0, start), end) for start, end in spans]
    html = marked_paragraphs(text, [(span, "") for span in clean])
    assert set(TAG.findall(html)) <= {"<p>", "</p>", "<mark>", "</mark>"}
    assert html.count("<mark>") == html.count("</mark>")
    shown = TAG.sub("", html)
    assert re.sub(r"\s", "", shown) == re.sub(r"\s", "", escape(text))


@pytest.mark.parametrize(
    ("iso", "shown"), [("2024-03-28", "28 Mar 2024"), ("2024-03-28T10:00:00+00:00", "28 Mar 2024"), (None, "no date")]
)
def test_days_are_written_out(iso: str | None, shown: str) -> None:
    assert day(iso, "no date") == shown


def test_progress_is_told_to_screen_readers() -> None:
    assert 'aria-valuenow="50"' in progress_bar("embedding", 1, 2)
    assert "aria-valuenow" not in progress_bar("embedding", 0, 0)
