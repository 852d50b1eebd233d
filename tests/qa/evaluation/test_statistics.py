"""Statistics against values worked out by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from qa.evaluation.statistics import (
    RiskPoint,
    auroc,
    calibration_error,
    mean_interval,
    paired_difference,
    risk_coverage,
    risk_coverage_area,
)


def test_the_interval_of_a_share_is_the_textbooks() -> None:
    interval = mean_interval([1.0] * 400 + [0.0] * 600)
    spread = 1.96 * math.sqrt(0.4 * 0.6 / 1000)
    assert interval.value == pytest.approx(0.4)
    assert interval.low == pytest.approx(0.4 - spread, abs=0.004)
    assert interval.high == pytest.approx(0.4 + spread, abs=0.004)
    assert interval.n == 1000


def test_an_interval_is_the_same_for_the_same_seed_whatever_the_order() -> None:
    values = np.random.default_rng(3).random(50).tolist()
    assert mean_interval(values, seed=1) == mean_interval(values, seed=1)
    assert mean_interval(values, seed=1) != mean_interval(values, seed=2)
    assert mean_interval(values, seed=1).low == pytest.approx(mean_interval(values[::-1], seed=1).low)


def test_an_interval_over_equal_values_has_no_width_and_over_none_no_value() -> None:
    same = mean_interval([0.25] * 7)
    assert (same.low, same.value, same.high) == (0.25, 0.25, 0.25)
    assert mean_interval([]).to_json() == {"value": None, "low": None, "high": None, "n": 0}


def test_pairing_sees_what_two_intervals_overlook() -> None:
    draw = np.random.default_rng(0)
    theirs = draw.random(200)
    ours = theirs + 0.02
    difference = paired_difference(ours.tolist(), theirs.tolist())
    assert difference.low == pytest.approx(0.02)
    assert difference.high == pytest.approx(0.02)
    apart, together = mean_interval(ours.tolist()), mean_interval(theirs.tolist())
    assert apart.low is not None and together.high is not None and apart.low < together.high


def test_pairs_of_unequal_number_are_refused() -> None:
    with pytest.raises(ValueError):
        paired_difference([1.0], [1.0, 0.0])


@pytest.mark.parametrize(
    ("scores", "is_positive", "expected"),
    [
        ([0.1, 0.4, 0.35, 0.8], [False, False, True, True], 0.75),
        ([1, 2, 3], [False, True, True], 1.0),
        ([3, 2, 1], [False, True, True], 0.0),
        ([1, 1, 1, 1], [True, False, True, False], 0.5),
        ([1, 1, 2], [True, False, True], 0.75),
        ([1, 2], [True, True], None),
        ([], [], None),
    ],
)
def test_auroc_of_small_cases(scores: list[float], is_positive: list[bool], expected: float | None) -> None:
    assert auroc(scores, is_positive) == expected


def test_auroc_is_the_share_of_pairs_in_order() -> None:
    draw = np.random.default_rng(5)
    scores, is_positive = draw.integers(6, size=60), draw.random(60) < 0.4
    pairs = list(itertools.product(scores[is_positive], scores[~is_positive]))
    expected = sum(1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs) / len(pairs)
    assert auroc(scores.tolist(), is_positive.tolist()) == pytest.approx(expected)


def test_calibration_error_by_hand() -> None:
    # Two bins of two: |.2 - .5| and |.9 - 1|.
    confidences, is_right = [0.9, 0.1, 0.3, 0.9], [True, False, True, True]
    assert calibration_error(confidences, is_right, num_bins=2) == pytest.approx((2 * 0.3 + 2 * 0.1) / 4)
    assert calibration_error([1.0, 0.0], [True, False]) == 0.0
    assert calibration_error([], []) is None


def test_risk_and_coverage_by_hand() -> None:
    points = risk_coverage([0.9, 0.5, 0.7, 0.7], [True, False, True, False], num_questions=8)
    assert points == [RiskPoint(0.9, 1 / 8, 1.0), RiskPoint(0.7, 3 / 8, 2 / 3), RiskPoint(0.5, 4 / 8, 0.5)]
    # Widths 1, 2 and 1 of 4; risks 0, 1/3 and 1/2.
    assert risk_coverage_area(points) == pytest.approx((0 + 2 / 3 + 1 / 2) / 4)


def test_risk_and_coverage_of_no_answers() -> None:
    assert risk_coverage([], [], num_questions=3) == []
    assert risk_coverage_area([]) is None
