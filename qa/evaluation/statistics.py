"""Figures of merit over plain arrays of numbers; knows nothing of questions or answers.

Each takes ``weights``: how often each value counts, (resamples, values) whole numbers, and gives one figure a resample,
not a number where it is undefined (see :mod:`qa.evaluation.resampling`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qa.evaluation.resampling import Floats, Weights


@dataclass(frozen=True, slots=True)
class RiskPoint:
    """What happens when all answers of at least ``confidence`` are given.

    ``coverage``: share of all questions that are answered then; ``accuracy``: share of those answers that are right.
    """

    confidence: float
    coverage: float
    accuracy: float


def auroc(scores: Sequence[float], is_positive: Sequence[bool]) -> float | None:
    """P(score of a positive > score of a negative), ties counting half; None unless there are both."""
    return _single(weighted_auroc(scores, is_positive, _once(len(scores))))


def weighted_auroc(scores: Sequence[float], is_positive: Sequence[bool], weights: Weights) -> Floats:
    """:func:`auroc` of each resample.

    The Mann-Whitney U statistic: Hanley and McNeil, "The Meaning and Use of the Area under a Receiver Operating
    Characteristic (ROC) Curve" (Radiology, 1982).
    """
    if len(scores) == 0:
        return _undefined(weights)
    values, positive = np.asarray(scores, dtype=np.float64), np.asarray(is_positive, dtype=bool)
    order, starts = _tied(values)
    positives = np.add.reduceat((weights * positive)[:, order], starts, axis=1)
    negatives = np.add.reduceat((weights * ~positive)[:, order], starts, axis=1)
    below = np.cumsum(negatives, axis=1) - negatives / 2
    return _ratio((positives * below).sum(axis=1), positives.sum(axis=1) * negatives.sum(axis=1))


def calibration_error(confidences: Sequence[float], is_right: Sequence[bool], *, num_bins: int = 10) -> float | None:
    """Expected calibration error in [0, 1]: how far mean confidence and accuracy are apart, over bins of equal size;
    None for no answers."""
    weights = _once(len(confidences))
    return _single(weighted_calibration_error(confidences, is_right, weights, num_bins=num_bins))


def weighted_calibration_error(
    confidences: Sequence[float], is_right: Sequence[bool], weights: Weights, *, num_bins: int = 10
) -> Floats:
    """:func:`calibration_error` of each resample.

    Naeini, Cooper and Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning" (AAAI 2015), with
    as many answers in each bin instead of bins of equal width, so that none is nearly empty.
    """
    if len(confidences) == 0:
        return _undefined(weights)
    predicted, right = np.asarray(confidences, dtype=np.float64), np.asarray(is_right, dtype=np.float64)
    order = np.argsort(predicted, kind="stable")
    predicted, right, drawn = predicted[order], right[order], weights[:, order]
    upto = np.cumsum(drawn, axis=1)
    gaps = np.cumsum(drawn * (predicted - right), axis=1)
    total = upto[:, -1]
    num_used = np.minimum(num_bins, total)
    error = np.zeros(len(drawn))
    before = np.zeros(len(drawn))
    resample = np.arange(len(drawn))
    for number in range(1, num_bins + 1):
        # As numpy.array_split cuts: the first bins get one answer more when they do not divide evenly.
        each, more = np.divmod(total, np.maximum(num_used, 1))
        edge = np.where(number <= num_used, number * each + np.minimum(number, more), total)
        # The edge may fall between draws of one value: its share of them belongs to the bin below.
        place = np.minimum((upto < edge[:, None]).sum(axis=1), len(predicted) - 1)
        beyond = upto[resample, place] - edge
        here = gaps[resample, place] - beyond * (predicted - right)[place]
        error += np.abs(here - before)
        before = here
    return _ratio(error, total)


def risk_coverage(confidences: Sequence[float], is_right: Sequence[bool], num_questions: int) -> list[RiskPoint]:
    """One point for each confidence there is, most confident first.

    El-Yaniv and Wiener, "On the Foundations of Noise-free Selective Classification" (JMLR, 2010).

    :param confidences: Of the answers that were given; refused questions only count in ``num_questions``.
    """
    predicted, right = np.asarray(confidences, dtype=np.float64), np.asarray(is_right, dtype=np.float64)
    order = np.argsort(-predicted, kind="stable")
    predicted, num_right = predicted[order], np.cumsum(right[order])
    # Answers of one confidence are given or withheld together.
    is_last = np.append(predicted[1:] != predicted[:-1], True)[: len(predicted)]
    return [
        RiskPoint(float(predicted[i]), (i + 1) / num_questions, float(num_right[i]) / (i + 1))
        for i in np.flatnonzero(is_last).tolist()
    ]


def risk_coverage_area(confidences: Sequence[float], is_right: Sequence[bool]) -> float | None:
    """Mean risk (1 - accuracy) over the coverages reached, in [0, 1], lower is better; None for no answers."""
    return _single(weighted_risk_coverage_area(confidences, is_right, _once(len(confidences))))


def weighted_risk_coverage_area(confidences: Sequence[float], is_right: Sequence[bool], weights: Weights) -> Floats:
    """:func:`risk_coverage_area` of each resample.

    The AURC of Geifman, Uziel and El-Yaniv, "Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers" (ICLR
    2019), over the answers given: a step as wide as the coverage that each confidence adds.
    """
    if len(confidences) == 0:
        return _undefined(weights)
    wrong = ~np.asarray(is_right, dtype=bool)
    order, starts = _tied(-np.asarray(confidences, dtype=np.float64))
    given = np.add.reduceat(weights[:, order], starts, axis=1)
    num_wrong = np.cumsum(np.add.reduceat((weights * wrong)[:, order], starts, axis=1), axis=1)
    num_given = np.cumsum(given, axis=1)
    # Where nothing is given yet there is no risk, and the step has no width.
    risks = num_wrong / np.maximum(num_given, 1)
    return _ratio((given * risks).sum(axis=1), num_given[:, -1])


def weighted_quantile(values: Sequence[float], quantile: float, weights: Weights) -> Floats:
    """The quantile in [0, 1] of each resample, linear between values."""
    if len(values) == 0:
        return _undefined(weights)
    order = np.argsort(values, kind="stable")
    ascending, upto = np.asarray(values, dtype=np.float64)[order], np.cumsum(weights[:, order], axis=1)
    place = quantile * (upto[:, -1] - 1)
    low, high = (
        ascending[np.minimum((upto <= some[:, None]).sum(axis=1), len(ascending) - 1)]
        for some in (np.floor(place), np.ceil(place))
    )
    between: Floats = np.where(upto[:, -1] > 0, low + (place - np.floor(place)) * (high - low), np.nan)
    return between


def _tied(values: Floats) -> tuple[Weights, Weights]:
    """Places in ascending order, and where in it each run of equal values starts."""
    order = np.argsort(values, kind="stable")
    ascending = values[order]
    starts = np.flatnonzero(np.append(True, ascending[1:] != ascending[:-1]))
    return order, starts


def _once(num: int) -> Weights:
    return np.ones((1, num), dtype=np.int64)


def _undefined(weights: Weights) -> Floats:
    return np.full(len(weights), np.nan)


def _ratio(part: Floats, whole: Floats | Weights) -> Floats:
    """Not a number where there is nothing to divide by."""
    ratio: Floats = np.where(whole > 0, part / np.maximum(whole, 1), np.nan)
    return ratio


def _single(figure: Floats) -> float | None:
    return float(figure[0]) if np.isfinite(figure[0]) else None
