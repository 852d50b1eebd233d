"""What odds mean as probabilities, also at their extremes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.evidence import Reading, ScoredSpan

odds = st.floats(min_value=-1e6, max_value=1e6)


def reading(relevance: float, *log_odds: float) -> Reading:
    return Reading(relevance, tuple(ScoredSpan(number, number + 1, value) for number, value in enumerate(log_odds)))


def test_span_and_no_answer_share_the_probability() -> None:
    # Odds 3 and 1 of two spans against 1 of "no answer": 3/5, 1/5 and 1/5.
    read = reading(math.log(4), math.log(3), math.log(1))
    assert read.span_score == pytest.approx(0.6)
    assert read.no_answer_score == pytest.approx(0.2)


def test_a_single_span_and_no_answer_are_all_there_is() -> None:
    read = reading(0.7, 0.7)
    assert read.span_score + read.no_answer_score == pytest.approx(1.0)


def test_start_and_end_are_those_of_the_best_span() -> None:
    read = Reading(1.0, (ScoredSpan(4, 9, 0.5), ScoredSpan(0, 2, 0.1)))
    assert (read.start, read.end) == (4, 9)


@pytest.mark.parametrize(
    ("relevance", "log_odds", "span_score", "no_answer_score"),
    [
        (0.0, 0.0, 0.5, 0.5),
        (1e308, 1e308, 1.0, 0.0),
        (-1e308, -1e308, 0.0, 1.0),
        (math.inf, 0.0, 0.0, 0.0),
        (-math.inf, -math.inf, 0.0, 1.0),
        (-100.0, -100.0, 0.0, 1.0),
        (800.0, -800.0, 0.0, 0.0),
    ],
)
def test_extreme_odds_do_not_overflow(
    relevance: float, log_odds: float, span_score: float, no_answer_score: float
) -> None:
    read = reading(relevance, log_odds)
    assert read.span_score == pytest.approx(span_score, abs=1e-12)
    assert read.no_answer_score == pytest.approx(no_answer_score, abs=1e-12)


@given(odds, odds)
def test_scores_are_probabilities(relevance: float, log_odds: float) -> None:
    read = reading(relevance, log_odds)
    assert 0.0 <= read.span_score <= 1.0
    assert 0.0 <= read.no_answer_score <= 1.0


@given(odds, odds)
def test_the_more_relevant_the_less_no_answer(first: float, second: float) -> None:
    low, high = sorted([first, second])
    assert reading(low, 0.0).no_answer_score >= reading(high, 0.0).no_answer_score
