"""Sentences lie exactly where they say, and leave out nothing but white space."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from index.sentences import split_sentences


def _texts(text: str) -> list[str]:
    return [text[s.start : s.end] for s in split_sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\t\n ", []),
        ("No full stop", ["No full stop"]),
        ("It rained. It stopped! Did it?", ["It rained.", "It stopped!", "Did it?"]),
        ("Dr. Smith of the U.S. team won. He left.", ["Dr. Smith of the U.S. team won.", "He left."]),
        ("Shares rose 3.5% to $1.2 billion. Then fell.", ["Shares rose 3.5% to $1.2 billion.", "Then fell."]),
        ("  It rained.   It stopped.  ", ["It rained.", "It stopped."]),
        ("Été à Zürich. 😀 It rained.", ["Été à Zürich.", "😀 It rained."]),
    ],
)
def test_splits(text: str, expected: list[str]) -> None:
    assert _texts(text) == expected


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\n\n", "\u2028"])
def test_a_line_break_ends_a_sentence(line_break: str) -> None:
    assert _texts(f"A heading{line_break}It rained") == ["A heading", "It rained"]


def test_paragraphs_are_counted_at_blank_lines_only() -> None:
    sentences = split_sentences("One. Two.\nThree.\n\nFour.\n\n\nFive.")
    assert [s.paragraph for s in sentences] == [0, 0, 0, 1, 2]


# Among the example texts: offsets in code points, not bytes or UTF-16 units, and every kind of line end.
@given(st.text() | st.text(alphabet=st.sampled_from("aB.!? \n\t\r\x1c\u2028\u00a0\u3000é😀。\u0301"), max_size=60))
@example("😀😀. 😀.\n\n😀")
@example("a.\u2029b\x85c\x1dd")
@example("\ufeffA. B.")
@example("\n.\u2028!\u3000B\n\u2028.")  # on which sentencex panics
def test_sentences_are_in_order_and_only_white_space_lies_between(text: str) -> None:
    position, paragraph = 0, 0
    for sentence in split_sentences(text):
        assert sentence.start >= position
        assert not text[position : sentence.start].strip()
        found = text[sentence.start : sentence.end]
        assert found
        assert found == found.strip()
        assert sentence.paragraph >= paragraph
        position, paragraph = sentence.end, sentence.paragraph
    assert not text[position:].strip()
