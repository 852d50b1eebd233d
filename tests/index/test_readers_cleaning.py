"""The one clean form of text: idempotent, total, and free of what does not show."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.readers.cleaning import clean_line, clean_text

# Plain random text seldom holds the characters that interact.
_SPACES = " \t\n\r\x0b\x0c\x1c\x85\u2028\u2029\xa0\u1680\u3000"
_INVISIBLE = "\x00\x1b\u200b\u200c\u200d\u202e\ufe0f\ufeff\ud800\udc00"
_LETTERS = "ab\u0301\u0600\u0663\u0915\u094d\u212a\U0001f468"
_any_text = st.one_of(
    st.text(),
    st.text(alphabet=st.characters(exclude_categories=())),
    st.text(alphabet=_SPACES + _INVISIBLE + _LETTERS),
)


@given(_any_text)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert clean_text(clean_text(text)) == clean_text(text)
    assert clean_line(clean_line(text)) == clean_line(text)


@given(_any_text)
def test_any_string_becomes_plain_storable_text(text: str) -> None:
    clean = clean_text(text)
    clean.encode("utf-8")
    assert unicodedata.is_normalized("NFC", clean)
    assert not any(unicodedata.category(character) == "Cc" for character in clean if character != "\n")
    assert clean == clean.strip()
    assert not any(run in clean for run in ("  ", " \n", "\n ", "\n\n\n"))
    assert len(clean.splitlines()) == clean.count("\n") + bool(clean)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        pytest.param("a\r\nb\rc", "a\nb\nc", id="line_ends"),
        pytest.param("a\u2029b", "a\n\nb", id="paragraph_separator"),
        pytest.param("one\t two\xa0\xa0three \u3000 four", "one two three four", id="runs_of_spaces"),
        pytest.param("a\n \n\t\n\nb", "a\n\nb", id="blank_lines"),
        pytest.param("  a \n b  ", "a\nb", id="spaces_at_line_ends"),
        pytest.param("cafe\u0301", "café", id="nfc"),
        pytest.param("fi\u00adnance", "finance", id="soft_hyphen"),
        pytest.param("pay\u200bpal\u2060 \ufeff!", "paypal !", id="zero_width"),
        pytest.param("\u202eabc\u202c \u2066x\u2069", "abc x", id="bidirectional_controls"),
        pytest.param("a\U000e0041\U000e0042b", "ab", id="tag_characters"),
        pytest.param("a\x00\x07b\x1b[31m", "ab[31m", id="control_characters"),
        pytest.param("a\x00b\x85\xe9", "ab\né", id="control_characters_beside_accents"),
        pytest.param("a\u200cb", "ab", id="joiner_that_only_hides"),
        pytest.param("cafe\u200d\u0301", "café", id="joiner_between_letter_and_accent"),
        pytest.param("می\u200cخواهم", "می\u200cخواهم", id="joiner_that_persian_needs"),
        pytest.param("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469", id="joiner_that_an_emoji_needs"),
        pytest.param("bad \ud800 end", "bad \ufffd end", id="lone_surrogate"),
        pytest.param("\ud83d\ude00", "\U0001f600", id="surrogate_pair"),
    ],
)
def test_clean_form_of(raw: str, clean: str) -> None:
    assert clean_text(raw) == clean


def test_a_line_has_no_line_breaks() -> None:
    assert clean_line(" A title\n\non two\tlines ") == "A title on two lines"


def test_long_runs_of_white_space_are_quick() -> None:
    assert clean_text("a" + " \n" * 500_000 + "\t" * 500_000 + "b") == "a\n\nb"
