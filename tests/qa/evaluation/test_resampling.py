"""Bootstrap intervals against the textbook's, alone and in groups."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qa.evaluation.resampling import Floats, Weights, interval_of, mean_interval, paired_difference
from qa.evaluation.statistics import weighted_auroc, weighted_quantile


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


def width(interval: object) -> float:
    low, high = getattr(interval, "low"), getattr(interval, "high")  # noqa: B009  Either may be None by its type.
    assert isinstance(low, float) and isinstance(high, float)
    return high - low


def test_values_of_one_group_are_one_piece_of_evidence() -> None:
    # 20 groups of 25 equal values: as much as is known of 20 values.
    values = [float(group % 2) for group in range(20) for _ in range(25)]
    groups = [group for group in range(20) for _ in range(25)]
    alone, together = mean_interval(values), mean_interval(values, groups)
    assert together.value == alone.value == 0.5
    assert (together.n, alone.n) == (500, 500)
    assert width(together) == pytest.approx(2 * 1.96 * math.sqrt(0.25 / 20), rel=0.2)
    assert width(together) > 4 * width(alone)


def test_groups_of_one_are_as_no_groups() -> None:
    values = np.random.default_rng(4).random(40).tolist()
    assert mean_interval(values, list(range(40))) == mean_interval(values)


def test_a_mean_weighs_values_and_not_groups() -> None:
    interval = mean_interval([1.0, 1.0, 1.0, 0.0], ["a", "a", "a", "b"])
    assert (interval.value, interval.low, interval.high) == (0.75, 0.0, 1.0)


def test_differences_are_drawn_in_groups_as_well() -> None:
    ours, groups = [float(i // 10 % 2) for i in range(100)], [i // 10 for i in range(100)]
    theirs = [0.0] * 100
    assert width(paired_difference(ours, theirs, groups)) > 2 * width(paired_difference(ours, theirs))


def test_any_figure_has_an_interval_that_grows_with_its_groups() -> None:
    draw = np.random.default_rng(2)
    is_positive = (draw.random(200) < 0.5).tolist()
    scores = (np.array(is_positive) + draw.normal(size=200)).tolist()

    def area(weights: Weights) -> Floats:
        return weighted_auroc(scores, is_positive, weights)

    alone, together = interval_of(area, 200), interval_of(area, 200, [i // 20 for i in range(200)])
    assert alone.value == together.value
    assert alone.value is not None and alone.low is not None and alone.high is not None
    assert alone.low < alone.value < alone.high
    # Hanley and McNeil's standard error for an area of .76 over 100 and 100.
    assert width(alone) == pytest.approx(2 * 1.96 * 0.034, rel=0.25)
    assert interval_of(area, 200) == alone


def test_resamples_in_which_a_figure_is_undefined_are_left_out_of_its_interval() -> None:
    interval = interval_of(lambda weights: weighted_auroc([0.1, 0.9], [False, True], weights), 2)
    assert (interval.value, interval.low, interval.high, interval.n) == (1.0, 1.0, 1.0, 2)
    undefined = interval_of(lambda weights: weighted_auroc([0.1], [True], weights), 1)
    assert (undefined.value, undefined.low, undefined.high, undefined.n) == (None, None, None, 1)


def test_the_median_of_many_values_is_known_closely() -> None:
    values = np.random.default_rng(1).random(2000).tolist()
    median = interval_of(lambda weights: weighted_quantile(values, 0.5, weights), 2000)
    assert median.value == pytest.approx(np.median(values))
    # The standard error of a median is 1 / (2 * density * sqrt(n)).
    assert width(median) == pytest.approx(2 * 1.96 / (2 * math.sqrt(2000)), rel=0.3)
