"""Plain text: headline, front matter, and lines wrapped to a fixed width."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.readers import read_bytes
from index.readers.cleaning import clean_text
from index.readers.front_matter import split_front_matter
from index.readers.text import split_title, unwrap
from index.types import Article

# As such articles are pasted from a page: doubled and non-breaking spaces, curly quotes, headings, a page's footer.
_PASTED = (
    "Harbour town struggles to open its new bridge\n\n"
    "The well known town\xa0 \xa0of\xa0Westhaven struggles\xa0to open its\xa0new bridge. The harbour authority’s "
    "permit is\xa0 eight months late.\n\n"
    "No permit, no bridge\n\n"
    "From the ministry they assure that ” they know nothing of it”, but the Harbour Post reports talks.\n\n"
    "Jane Writer\n\nLeave a Reply\n\nRequired fields are marked *\n\nBack to top button"
)
_STORY = (
    "The harbour authority said on Wednesday that the permit for the new bridge would come eight months later "
    "than planned, a delay that may cost the town of Westhaven some three million crowns. Engineers now look "
    "for another way to bring the steel across the bay before winter comes and the ferries stop."
)


def _read(text: str, name: str = "story.txt") -> Article:
    (article,) = read_bytes(name, text.encode("utf-8"))
    assert isinstance(article, Article), article
    return article


def test_a_pasted_article_comes_out_clean_and_whole() -> None:
    article = _read(_PASTED)
    assert article.title == "Harbour town struggles to open its new bridge"
    assert article.text.startswith("The well known town of Westhaven struggles to open its new bridge. The harbour")
    assert article.text.endswith("Required fields are marked *\n\nBack to top button")
    assert len(article.text.split("\n\n")) == 7
    assert "\xa0" not in article.text
    assert "  " not in article.text


def test_a_headline_whose_words_the_text_repeats_leaves_the_text() -> None:
    title, text = split_title("Bridge opens late\n\nThe bridge OPENS, but late.")
    assert (title, text) == ("Bridge opens late", "The bridge OPENS, but late.")


def test_a_headline_with_a_word_of_its_own_also_stays_in_the_text() -> None:
    whole = "Mayor: bridge opens in 2031\n\nThe mayor says the bridge opens late."
    assert split_title(whole) == ("Mayor: bridge opens in 2031", whole)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("The bridge is open.\n\nIt was late.", id="ends_like_a_sentence"),
        pytest.param("He said: “It is open.”\n\nIt was late.", id="ends_like_a_quoted_sentence"),
        pytest.param("word " * 31 + "\n\nIt was late.", id="too_long"),
        pytest.param("Dear all\nThe bridge is open.\n\nIt was late.", id="no_blank_line_after_it"),
        pytest.param("Only one line", id="nothing_after_it"),
        pytest.param("", id="empty"),
    ],
)
def test_a_first_line_that_is_no_headline_stays_text(text: str) -> None:
    assert split_title(text) == (None, text)


@pytest.mark.parametrize("width", [60, 66, 72, 79, 100])
def test_wrapped_paragraphs_become_one_line_each(width: int) -> None:
    paragraphs = [_STORY, _STORY.replace("Wednesday", "Thursday")]
    wrapped = "\n\n".join(textwrap.fill(paragraph, width) for paragraph in paragraphs)
    assert unwrap(wrapped) == "\n\n".join(paragraphs)


def test_a_list_between_wrapped_paragraphs_stays_a_list() -> None:
    items = "- steel by ferry\n- steel by rail\n- no steel at all, which the engineers of the town call unlikely"
    assert unwrap(f"{textwrap.fill(_STORY, 72)}\n\n{items}") == f"{_STORY}\n\n{items}"


def test_a_list_item_as_long_as_the_width_is_not_joined_to_the_next() -> None:
    items = "- " + "x" * 70 + "\n- steel by rail"
    assert unwrap(f"{textwrap.fill(_STORY, 72)}\n\n{items}") == f"{_STORY}\n\n{items}"


def test_a_word_wrapped_at_its_hyphen_stays_one_word() -> None:
    story = _STORY.replace("permit for", "long-standing permit for")
    wrapped = textwrap.fill(story, 60)
    assert "long-\nstanding" in wrapped
    assert unwrap(wrapped) == story


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("First quarter: 12\nSecond quarter: 15\nThird quarter: 9\nFourth quarter: 11", id="short_lines"),
        pytest.param(f"{_STORY}\n{_STORY}\n{_STORY}\n{_STORY}", id="paragraphs_split_by_one_newline"),
        pytest.param("A line of verse\nthat nobody wrapped\nat any width", id="verse"),
        pytest.param(_STORY, id="one_line"),
    ],
)
def test_other_line_breaks_stay(text: str) -> None:
    assert unwrap(text) == text


@given(st.text(alphabet="ab .-1\n", max_size=600))
def test_unwrapping_changes_only_white_space(text: str) -> None:
    clean = clean_text(text)
    assert unwrap(clean).split() == clean.split() or "-\n" in clean
    assert "".join(unwrap(clean).split()) == "".join(clean.split())


_FRONT_MATTER = """---
title: "Bridge: \\"late\\""
Published_At: June 16, 2022
source: 'The Daily'
url: https://news.example/bridge
# a comment
reading time: 4 min
summary: a line
  and another
tags:
  - bridges
  - "towns"
---

The bridge is late.
"""


@pytest.mark.parametrize("name", ["story.txt", "story.md"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_front_matter_fills_the_fields(name: str, line_end: str) -> None:
    article = _read(_FRONT_MATTER.replace("\n", line_end), name)
    assert (article.title, article.text) == ('Bridge: "late"', "The bridge is late.")
    assert (article.published_at, article.source) == ("2022-06-16", "The Daily")
    assert article.url == "https://news.example/bridge"
    assert article.metadata == {"reading_time": "4 min", "summary": "a line and another", "tags": ["bridges", "towns"]}


def test_date_stands_for_published_at_unless_both_are_given() -> None:
    assert split_front_matter("---\ndate: 2022-06-16\n---\na")[0] == {"published_at": "2022-06-16"}
    both = "---\ndate: 2022-06-16\npublished_at: 2022-06-17\n---\na"
    assert split_front_matter(both)[0] == {"published_at": "2022-06-17", "date": "2022-06-16"}


def test_a_date_of_the_front_matter_that_cannot_be_read_is_kept_aside() -> None:
    article = _read("---\ndate: last week\n---\nThe bridge is late.")
    assert article.published_at is None
    assert article.metadata == {"published_at_raw": "last week"}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("---\nThe bridge is late and this is prose\n---\nMore.", id="prose_between_rules"),
        pytest.param("---\ntitle: never closed\n\nMore.", id="never_closed"),
        pytest.param("---\n---\nMore.", id="empty_block"),
        pytest.param("Title\n---\nkey: value\n---\n", id="not_at_the_head"),
        pytest.param("", id="empty"),
    ],
)
def test_what_is_no_front_matter_stays_text(text: str) -> None:
    assert split_front_matter(text) == ({}, text)


@given(st.lists(st.sampled_from(["---", "a: b", "- c", "  d", "", "#", "e:", "::", "...", "text here"])))
def test_any_head_of_a_file_can_be_split(lines: list[str]) -> None:
    text = "\n".join(lines)
    fields, body = split_front_matter(text)
    assert text.endswith(body)
    assert bool(fields) == (body != text)
