"""The probability of an answer: within bounds, and growing with what speaks for the answer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qa.calibration import Calibration, Signals

log_odds = st.floats(min_value=-40, max_value=40)
cosines = st.floats(min_value=-1, max_value=1)
shares = st.floats(min_value=0, max_value=1)


@given(log_odds, cosines, shares)
def test_is_a_probability(yes_no: float, cosine: float, support: float) -> None:
    assert 0.0 <= Calibration().probability(Signals(yes_no, cosine, support)) <= 1.0


def test_extreme_signals_do_not_overflow() -> None:
    calibration = Calibration(0.0, 1.0, 1.0, 1.0)
    assert calibration.probability(Signals(-1e308, 0.0, 0.0)) < 1e-9
    assert calibration.probability(Signals(1e308, 0.0, 0.0)) > 1 - 1e-9


@given(log_odds, log_odds, cosines, shares)
def test_never_falls_when_yes_gains_on_no(first: float, second: float, cosine: float, support: float) -> None:
    low, high = sorted([first, second])
    calibration = Calibration()
    assert calibration.probability(Signals(low, cosine, support)) <= calibration.probability(
        Signals(high, cosine, support)
    )


@given(log_odds, cosines, cosines, shares, shares)
def test_positive_weights_let_cosine_and_support_only_help(
    yes_no: float, c1: float, c2: float, s1: float, s2: float
) -> None:
    calibration = Calibration(intercept=-1.0, yes_no=0.5, cosine=2.0, support=3.0)
    low = Signals(yes_no, min(c1, c2), min(s1, s2))
    high = Signals(yes_no, max(c1, c2), max(s1, s2))
    assert calibration.probability(low) <= calibration.probability(high)


def test_default_weights_tell_a_clear_yes_from_a_clear_no() -> None:
    calibration = Calibration()
    assert calibration.probability(Signals(6.0, 0.7, 1.0)) > 0.9
    assert calibration.probability(Signals(-6.0, 0.2, 0.0)) < 0.1


def test_is_the_logistic_function_of_the_weighted_sum() -> None:
    calibration = Calibration(intercept=-1.0, yes_no=0.5, cosine=2.0, support=3.0)
    # -1 + 0.5 * 2 + 2 * 0.25 + 3 * 0.5 = 2, and 1 / (1 + e^-2) = 0.8807970779...
    assert abs(calibration.probability(Signals(2.0, 0.25, 0.5)) - 0.8807970779778823) < 1e-12
