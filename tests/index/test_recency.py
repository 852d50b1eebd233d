"""When newness counts, from which day, and how much."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.recency import asks_for_news, recency, reference_date

_DAY = date(2024, 3, 28)
_TODAY = date(2025, 1, 1)


@pytest.mark.parametrize(
    "question",
    [
        "What happened today?",
        "TODAY's news",
        "Who won this week?",
        "What is the latest on the strike?",
        "the most recent earthquake",
        "Which film is currently at the top?",
        "Who is president now?",
        "what was decided yesterday",
        "in the past few days",
    ],
)
def test_questions_for_news_are_recognised(question: str) -> None:
    assert asks_for_news(question)


@pytest.mark.parametrize(
    "question",
    ["", "Who knows the plant?", "What was known of it?", "Is it snowing in Breakingham?", "What did NIO do in 2022?"],
)
def test_other_questions_are_left_alone(question: str) -> None:
    assert not asks_for_news(question)


def test_newness_counts_from_the_date_given() -> None:
    assert reference_date("Who won?", _DAY, _TODAY) == _DAY
    assert reference_date("Who won today?", _DAY, _TODAY) == _DAY


def test_newness_counts_from_today_when_the_question_asks_for_news() -> None:
    assert reference_date("Who won today?", None, _TODAY) == _TODAY


def test_newness_does_not_count_otherwise() -> None:
    assert reference_date("Who won?", None, _TODAY) is None


def _newness(*ages: int, half_life_days: float = 7.0) -> list[float]:
    days = np.array([_DAY.toordinal() - age for age in ages], dtype=np.int64)
    return recency(days, _DAY, half_life_days).tolist()


def test_newness_halves_with_every_half_life() -> None:
    assert _newness(0, 7, 14, 21) == pytest.approx([1, 1 / 2, 1 / 4, 1 / 8])
    assert _newness(30, half_life_days=30.0) == pytest.approx([1 / 2])


def test_a_later_article_counts_as_one_as_much_earlier() -> None:
    assert _newness(-3) == _newness(3)


def test_an_undated_article_has_no_newness() -> None:
    assert recency(np.array([0, _DAY.toordinal()], dtype=np.int64), _DAY, 7.0).tolist() == [0, 1]


@given(st.lists(st.integers(1, date.max.toordinal()), max_size=5), st.floats(0.1, 10_000))
def test_newness_lies_between_0_and_1(days: list[int], half_life_days: float) -> None:
    newness = recency(np.array(days, dtype=np.int64), _DAY, half_life_days)
    assert newness.dtype == np.float32
    assert ((newness >= 0) & (newness <= 1)).all()
