"""The probability of an answer: within bounds, and growing with what speaks for the answer."""

from __future__ import annotations

from dataclasses import asdict, fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.calibration import Calibration, Logistic, Signals

any_signals = st.builds(
    Signals,
    relevance=st.floats(-40, 40),
    log_odds=st.floats(-40, 40),
    margin=st.floats(0, 20),
    cosine=st.floats(-1, 1),
    yes_no=st.floats(-40, 40),
    agreement=st.floats(0, 1),
    whole_collection=st.sampled_from([0.0, 1.0]),
)
names = st.sampled_from([field.name for field in fields(Signals)])
ways = st.sampled_from([field.name for field in fields(Calibration)])


@given(ways, any_signals)
def test_is_a_probability(way: str, signals: Signals) -> None:
    assert 0.0 < getattr(Calibration(), way).probability(signals) < 1.0


def test_is_the_logistic_function_of_the_weighted_sum() -> None:
    logistic = Logistic(-1.0, {"yes_no": 0.5, "cosine": 2.0, "whole_collection": 1.5})
    signals = Signals(
        relevance=-2.0, log_odds=7.0, margin=3.0, cosine=0.25, yes_no=2.0, agreement=1.0, whole_collection=1.0
    )
    # -1 + 0.5 * 2 + 2 * 0.25 + 1.5 = 2, and 1 / (1 + e^-2) = 0.8807970779...
    assert logistic.probability(signals) == pytest.approx(0.8807970779778823, abs=1e-12)


def test_signals_without_a_weight_do_not_count() -> None:
    logistic = Logistic(0.3, {"margin": 1.0})
    assert logistic.probability(Signals(1, -9, 2, -1)) == logistic.probability(Signals(9, 9, 2, 1, 9, 1, 1))
    assert Logistic(0.0, {}).probability(Signals(9, 9, 9, 1)) == 0.5


def test_extreme_signals_do_not_overflow() -> None:
    logistic = Logistic(0.0, {"log_odds": 100.0})
    assert logistic.probability(Signals(0.0, -1e308, 0.0, 0.0)) < 1e-9
    assert logistic.probability(Signals(0.0, 1e308, 0.0, 0.0)) > 1 - 1e-9
    assert logistic.probability(Signals(0.0, float("-inf"), float("inf"), 0.0)) < 1e-9


def test_log_odds_and_margins_are_cut_off_at_ten() -> None:
    assert Signals(12.0, -200.0, 30.0, 0.5, yes_no=11.0).values() == {
        "relevance": 10.0,
        "log_odds": -10.0,
        "margin": 10.0,
        "cosine": 0.5,
        "yes_no": 10.0,
        "agreement": 0.0,
        "whole_collection": 0.0,
    }


@given(any_signals)
def test_values_are_named_as_the_signals_and_in_their_order(signals: Signals) -> None:
    assert list(signals.values()) == list(asdict(signals))
    assert all(abs(value) <= 10 for value in signals.values().values())


@given(ways, names, any_signals, st.floats(0, 20))
def test_what_has_a_positive_weight_only_helps(way: str, name: str, signals: Signals, more: float) -> None:
    logistic: Logistic = getattr(Calibration(), way)
    weight = logistic.weights.get(name, 0.0)
    raised = replace(signals, **{name: getattr(signals, name) + more})
    before, after = logistic.probability(signals), logistic.probability(raised)
    assert (after - before) * weight >= 0
    if weight == 0:
        assert after == before


@pytest.mark.parametrize("way", [field.name for field in fields(Calibration)])
def test_default_weights_are_of_signals_that_there_are(way: str) -> None:
    logistic: Logistic = getattr(Calibration(), way)
    assert set(logistic.weights) <= {field.name for field in fields(Signals)}


def test_the_fast_way_rests_on_nothing_the_generator_says() -> None:
    assert not set(Calibration().fast.weights) & {"yes_no", "agreement", "whole_collection"}


def test_default_weights_tell_good_evidence_from_bad() -> None:
    good, bad = Signals(5.0, 5.0, 5.0, 0.8, 6.0, 1.0), Signals(-8.0, -8.0, 0.1, 0.2, -6.0, 0.0)
    for way in fields(Calibration):
        logistic: Logistic = getattr(Calibration(), way.name)
        assert logistic.probability(bad) < 0.2 < 0.5 < logistic.probability(good), way.name
