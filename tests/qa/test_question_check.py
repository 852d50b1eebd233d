"""What counts as a question."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import BadInputError
from qa.question_check import checked_question


@pytest.mark.parametrize("question", ["", "  ", "\n\t\u00a0", None, 5, ["Who?"], b"Who?"])
def test_what_is_empty_or_no_text_is_refused(question: Any) -> None:
    with pytest.raises(BadInputError, match="the question is empty; ask something"):
        checked_question(question, 100)


def test_white_space_around_is_left_out() -> None:
    assert checked_question(" \n Who opened it?\t", 100) == "Who opened it?"


def test_the_limit_is_of_what_is_left() -> None:
    assert checked_question(" " * 50 + "x" * 10 + "\n" * 50, 10) == "x" * 10
    with pytest.raises(BadInputError, match="the question has 2,001 characters; at most 2,000 are read"):
        checked_question("x" * 2001, 2000)


def test_half_a_character_is_replaced() -> None:
    assert checked_question("pier \ud800?", 100) == "pier ??"


@given(st.text(st.characters(exclude_categories=()), min_size=1, max_size=40))
def test_what_is_accepted_has_a_utf8_form(question: str) -> None:
    try:
        checked = checked_question(question, 100)
    except BadInputError:
        assert not question.strip()
    else:
        assert checked.encode("utf-8").decode("utf-8") == checked
        assert checked_question(checked, 100) == checked
