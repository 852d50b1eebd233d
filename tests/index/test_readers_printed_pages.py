"""Lines of printed pages become paragraphs: whole words and sentences, without what is printed on every page."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.readers.cleaning import clean_text
from index.readers.printed_pages import text_of_pages

_FULL = "The harbour authority said on Wednesday that the permit for the bridge"


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        pytest.param([_FULL, "would come late."], f"{_FULL} would come late.", id="wrapped"),
        pytest.param([f"{_FULL} at the har-", "bour is late."], f"{_FULL} at the harbour is late.", id="hyphen"),
        pytest.param([f"{_FULL} of Baden-", "Baden is late."], f"{_FULL} of Baden-Baden is late.", id="name"),
        pytest.param(
            ["The well-known bridge, the harbour authority said, is", "a well-", "known one."],
            "The well-known bridge, the harbour authority said, is a well-known one.",
            id="compound_seen_elsewhere",
        ),
        pytest.param([f"{_FULL} at the har\u00ad", "bour is late."], f"{_FULL} at the harbour is late.", id="soft"),
        pytest.param(
            [_FULL, "is late.", "The mayor " + _FULL], f"{_FULL} is late.\n\nThe mayor {_FULL}", id="short_end"
        ),
        pytest.param(
            [f"{_FULL} is.", "What it costs", f"The delay {_FULL}"],
            f"{_FULL} is.\n\nWhat it costs\n\nThe delay {_FULL}",
            id="heading",
        ),
        pytest.param([_FULL, "", "is late."], f"{_FULL} is late.", id="blank_line_within_a_sentence"),
        pytest.param([f"{_FULL}.", "", f"The {_FULL}"], f"{_FULL}.\n\nThe {_FULL}", id="blank_line"),
        pytest.param([_FULL, "• steel", "• stone"], f"{_FULL}\n\n• steel\n\n• stone", id="list"),
        pytest.param(
            ["橋の許可は遅れて", "いると市長は述べた。"], "橋の許可は遅れていると市長は述べた。", id="japanese"
        ),
        pytest.param(
            ["다리 허가가 여덟 달", "늦어진다고 말했다."], "다리 허가가 여덟 달 늦어진다고 말했다.", id="korean"
        ),
    ],
)
def test_lines_are_joined_to_paragraphs(lines: list[str], text: str) -> None:
    assert text_of_pages(["\n".join(lines)]) == text


def test_a_sentence_goes_on_over_the_page_break() -> None:
    pages = [f"The Daily 1\n{_FULL}", "The Daily 2\nwould come late.", f"The Daily 3\nThe {_FULL}"]
    assert text_of_pages(pages) == f"{_FULL} would come late.\n\nThe {_FULL}"


@pytest.mark.parametrize("number", ["{}", "- {} -", "Page {} of 2", "{} / 2", "Seite {}"])
def test_page_numbers_of_two_pages_are_dropped(number: str) -> None:
    pages = [f"{_FULL}\n{number.format(1)}", f"would come late.\n{number.format(2)}"]
    assert text_of_pages(pages) == f"{_FULL} would come late."


def test_a_number_on_the_only_page_stays() -> None:
    assert text_of_pages([f"{_FULL} in\n2022"]) == f"{_FULL} in 2022"


def test_a_line_in_the_middle_of_every_page_stays() -> None:
    page = "\n".join(["A first line.", "A second line.", "Always said.", "A third line.", "A fourth line."])
    varied = [page.replace("A ", f"{name} ") for name in ("Ada's", "Bea's", "Cleo's")]
    assert text_of_pages(varied).count("Always said.") == 3


@pytest.mark.parametrize("pages", [[], [""], ["", " \n "], ["\u200b"]])
def test_pages_without_lines_have_no_text(pages: list[str]) -> None:
    assert text_of_pages(pages) == ""


@given(st.lists(st.text(max_size=80) | st.text(alphabet="ab-. \n1A橋\u00ad\u0301•", max_size=120), max_size=5))
def test_the_text_of_any_pages_is_clean_when_it_is_cleaned(pages: list[str]) -> None:
    text = clean_text(text_of_pages(pages))
    assert clean_text(text) == text


@given(st.lists(st.text(alphabet="abc \n", max_size=80), min_size=1, max_size=2))
def test_no_word_is_lost_when_nothing_repeats(pages: list[str]) -> None:
    assert text_of_pages(pages).split() == " ".join(pages).split()
