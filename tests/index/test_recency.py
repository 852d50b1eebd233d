"""When newness counts, from which day, and how much."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.recency import DayRange, asks_for_news, closeness, date_prior, recency, reference_date
from index.types import IntArray

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


# Windows

_MARCH = DayRange(date(2024, 3, 1), date(2024, 3, 31), grace_days=2)


def _ordinals(*days: date) -> IntArray:
    return np.array([day.toordinal() for day in days], dtype=np.int64)


def test_inside_a_window_and_in_its_days_of_grace_every_day_counts_in_full() -> None:
    days = _ordinals(date(2024, 3, 1), date(2024, 3, 31), date(2024, 4, 2))
    assert closeness(days, _MARCH, 7.0).tolist() == [1, 1, 1]


def test_outside_of_a_window_closeness_halves_with_every_half_life() -> None:
    days = _ordinals(date(2024, 2, 23), date(2024, 4, 9), date(2024, 4, 16))
    assert closeness(days, _MARCH, 7.0).tolist() == pytest.approx([1 / 2, 1 / 2, 1 / 4])


def test_an_open_window_goes_on_for_ever() -> None:
    days = _ordinals(date(1900, 1, 1), date(2024, 3, 8), date(2100, 1, 1))
    assert closeness(days, DayRange(date(2024, 3, 8), None), 7.0).tolist() == pytest.approx([0, 1, 1])
    assert closeness(days, DayRange(None, date(2024, 3, 1)), 7.0).tolist() == pytest.approx([1, 1 / 2, 0])


def test_an_undated_article_is_close_to_no_window() -> None:
    assert closeness(np.array([0], dtype=np.int64), DayRange(None, date.max, 31), 7.0).tolist() == [0]


def test_a_window_that_is_over_counts_beside_newness() -> None:
    reference = date(2024, 11, 10)
    days = _ordinals(date(2024, 3, 15), date(2024, 7, 15), reference)
    prior = date_prior(days, reference, _MARCH, 7.0)
    assert prior is not None
    assert prior.tolist() == pytest.approx([1, 0, 1], abs=1e-3)


def test_in_a_window_that_reaches_the_reference_day_newness_counts_alone() -> None:
    days = _ordinals(date(2024, 3, 1), date(2024, 3, 28))
    prior = date_prior(days, _DAY, _MARCH, 7.0)
    assert prior is not None
    assert prior.tolist() == recency(days, _DAY, 7.0).tolist()


def test_without_a_reference_the_window_counts_alone_and_without_both_nothing_does() -> None:
    days = _ordinals(date(2024, 3, 1), date(2025, 3, 1))
    prior = date_prior(days, None, _MARCH, 7.0)
    assert prior is not None
    assert prior.tolist() == pytest.approx([1, 0])
    assert date_prior(days, None, None, 7.0) is None


def test_a_window_at_the_end_of_the_calendar_holds_its_last_day() -> None:
    assert DayRange(date.max, date.max, 31).holds(date.max)
    assert not _MARCH.holds(date(2024, 2, 29))
    assert _MARCH.holds(date(2024, 4, 2)) and not _MARCH.holds(date(2024, 4, 3))
