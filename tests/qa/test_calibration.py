"""The probability of an answer: within bounds, and growing with what speaks for the answer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qa.calibration import Calibration, Signals

log_odds = st.floats(min_value=-40, max_value=40)
cosines = st.floats(min_value=-1, max_value=1)


@given(log_odds, cosines, st.booleans())
def test_is_a_probability(yes_no: float, cosine: float, is_whole: bool) -> None:
    assert 0.0 <= Calibration().probability(Signals(yes_no, cosine, is_whole)) <= 1.0


def test_extreme_signals_do_not_overflow() -> None:
    calibration = Calibration(0.0, 1.0, 1.0)
    assert calibration.probability(Signals(-1e308, 0.0)) < 1e-9
    assert calibration.probability(Signals(1e308, 0.0)) > 1 - 1e-9


@given(log_odds, log_odds, cosines)
def test_never_falls_when_yes_gains_on_no(first: float, second: float, cosine: float) -> None:
    low, high = sorted([first, second])
    calibration = Calibration()
    assert calibration.probability(Signals(low, cosine)) <= calibration.probability(Signals(high, cosine))


@given(log_odds, cosines, cosines)
def test_a_closer_passage_only_helps(yes_no: float, first: float, second: float) -> None:
    low, high = sorted([first, second])
    calibration = Calibration()
    assert calibration.probability(Signals(yes_no, low)) <= calibration.probability(Signals(yes_no, high))


def test_default_weights_tell_a_clear_yes_from_a_clear_no() -> None:
    calibration = Calibration()
    assert calibration.probability(Signals(6.0, 0.7)) > 0.9
    assert calibration.probability(Signals(-6.0, 0.2)) < 0.1


def test_is_the_logistic_function_of_the_weighted_sum() -> None:
    calibration = Calibration(intercept=-1.0, yes_no=0.5, cosine=2.0, whole_collection=1.5)
    # -1 + 0.5 * 2 + 2 * 0.25 + 1.5 = 2, and 1 / (1 + e^-2) = 0.8807970779...
    assert abs(calibration.probability(Signals(2.0, 0.25, True)) - 0.8807970779778823) < 1e-12
