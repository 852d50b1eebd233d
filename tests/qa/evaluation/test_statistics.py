"""Statistics against values worked out by hand, and over resamples against the same of the drawn values."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from qa.evaluation.resampling import Weights
from qa.evaluation.statistics import (
    RiskPoint,
    auroc,
    calibration_error,
    risk_coverage,
    risk_coverage_area,
    weighted_auroc,
    weighted_calibration_error,
    weighted_quantile,
    weighted_risk_coverage_area,
)


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
    assert risk_coverage_area([0.9, 0.5, 0.7, 0.7], [True, False, True, False]) == pytest.approx(
        (0 + 2 / 3 + 1 / 2) / 4
    )


def test_risk_and_coverage_of_no_answers() -> None:
    assert risk_coverage([], [], num_questions=3) == []
    assert risk_coverage_area([], []) is None


def draws(num: int, *, num_resamples: int = 40) -> Weights:
    """How often each of ``num`` values is drawn; the last resample draws the first value only."""
    draw = np.random.default_rng(11)
    weights = np.stack([np.bincount(draw.integers(num, size=num), minlength=num) for _ in range(num_resamples)])
    weights[-1] = 0
    weights[-1, 0] = 3
    return weights.astype(np.int64)


@pytest.mark.parametrize("num", [1, 7, 10, 63])
def test_a_weighted_figure_is_the_figure_of_the_values_as_often_as_they_are_drawn(num: int) -> None:
    draw = np.random.default_rng(num)
    # Few distinct values, so that many are tied.
    scores, flags, weights = draw.integers(8, size=num) / 8, draw.random(num) < 0.5, draws(num)
    area = weighted_risk_coverage_area(scores.tolist(), flags.tolist(), weights)
    order = weighted_auroc(scores.tolist(), flags.tolist(), weights)
    error = weighted_calibration_error([i / num for i in range(num)], flags.tolist(), weights)
    quantiles = [weighted_quantile(scores.tolist(), some, weights) for some in (0.5, 0.95)]
    for i, times in enumerate(weights):
        some, right = np.repeat(scores, times), np.repeat(flags, times).tolist()
        expected = auroc(some.tolist(), right)
        assert np.isnan(order[i]) if expected is None else order[i] == pytest.approx(expected)
        assert area[i] == pytest.approx(risk_coverage_area(some.tolist(), right))
        # The values are ascending already, so these are the drawn ones in the order of their bins.
        bins = np.array_split(np.arange(len(some)), min(10, len(some)))
        gaps = np.repeat(np.arange(num) / num - flags, times)
        assert error[i] == pytest.approx(sum(abs(gaps[b].sum()) for b in bins) / len(some))
        assert [q[i] for q in quantiles] == pytest.approx(np.quantile(some, [0.5, 0.95]).tolist())


def test_a_weighted_figure_of_nothing_is_no_number() -> None:
    none = np.zeros((2, 0), dtype=np.int64)
    for figure in (
        weighted_auroc([], [], none),
        weighted_calibration_error([], [], none),
        weighted_risk_coverage_area([], [], none),
        weighted_quantile([], 0.5, none),
        weighted_quantile([1.0], 0.5, np.zeros((2, 1), dtype=np.int64)),
    ):
        assert figure.shape == (2,) and np.isnan(figure).all()
