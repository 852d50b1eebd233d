"""Intervals and figures of merit over plain arrays of numbers; knows nothing of questions or answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_RESAMPLES = 2000
_LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over ``n`` values and the bounds between which 95% of its resamples lie; None of them for n = 0."""

    value: float | None
    low: float | None
    high: float | None
    n: int

    def to_json(self) -> dict[str, float | int | None]:
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n}


@dataclass(frozen=True, slots=True)
class RiskPoint:
    """What happens when all answers of at least ``confidence`` are given.

    ``coverage``: share of all questions that are answered then; ``accuracy``: share of those answers that are right.
    """

    confidence: float
    coverage: float
    accuracy: float


def mean_interval(values: Sequence[float], *, seed: int = 0) -> Interval:
    """The mean with its bootstrap interval, percentile method.

    Efron, "Bootstrap Methods: Another Look at the Jackknife" (Annals of Statistics, 1979); Efron and Tibshirani, "An
    Introduction to the Bootstrap" (1993), chapter 13. Questions are resampled as if they were independent.
    """
    sample = np.asarray(values, dtype=np.float64)
    if len(sample) == 0:
        return Interval(None, None, None, 0)
    tail = (1 - _LEVEL) / 2
    low, high = np.quantile(_resampled_means(sample, seed), [tail, 1 - tail])
    return Interval(float(sample.mean()), float(low), float(high), len(sample))


def paired_difference(ours: Sequence[float], theirs: Sequence[float], *, seed: int = 0) -> Interval:
    """The mean of ``ours - theirs`` over the same questions in the same order, with its bootstrap interval.

    Resampling pairs keeps what makes a question hard for both out of the interval (Koehn, "Statistical Significance
    Tests for Machine Translation Evaluation", EMNLP 2004).

    :raises ValueError: If the two differ in length.
    """
    return mean_interval([a - b for a, b in zip(ours, theirs, strict=True)], seed=seed)


def auroc(scores: Sequence[float], is_positive: Sequence[bool]) -> float | None:
    """P(score of a positive > score of a negative), ties counting half; None unless there are both.

    By ranks, as the Mann-Whitney U statistic: Hanley and McNeil, "The Meaning and Use of the Area under a Receiver
    Operating Characteristic (ROC) Curve" (Radiology, 1982).
    """
    positive = np.asarray(is_positive, dtype=bool)
    num_positive, num_negative = int(positive.sum()), int((~positive).sum())
    if num_positive == 0 or num_negative == 0:
        return None
    rank_sum = float(_mid_ranks(np.asarray(scores, dtype=np.float64))[positive].sum())
    return (rank_sum - num_positive * (num_positive + 1) / 2) / (num_positive * num_negative)


def calibration_error(confidences: Sequence[float], is_right: Sequence[bool], *, num_bins: int = 10) -> float | None:
    """Expected calibration error in [0, 1]: how far mean confidence and accuracy are apart, over bins of equal size.

    Naeini, Cooper and Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning" (AAAI 2015), with
    as many answers in each bin instead of bins of equal width, so that none is nearly empty. None for no answers.
    """
    if len(confidences) == 0:
        return None
    predicted, right = np.asarray(confidences, dtype=np.float64), np.asarray(is_right, dtype=np.float64)
    bins = np.array_split(np.argsort(predicted, kind="stable"), min(num_bins, len(predicted)))
    gaps = [len(b) * abs(float(predicted[b].mean() - right[b].mean())) for b in bins]
    return sum(gaps) / len(predicted)


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


def risk_coverage_area(points: Sequence[RiskPoint]) -> float | None:
    """Mean risk (1 - accuracy) over the coverages reached, in [0, 1], lower is better; None for no points.

    The AURC of Geifman, Uziel and El-Yaniv, "Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers" (ICLR
    2019), over the answers given: a step as wide as the coverage that each confidence adds.
    """
    if not points:
        return None
    widths = np.diff([0.0, *(point.coverage for point in points)])
    risks = np.array([1.0 - point.accuracy for point in points])
    return float(widths @ risks / points[-1].coverage)


def _resampled_means(sample: Floats, seed: int) -> Floats:
    """(resamples,) float64. How often each distinct value is drawn is multinomial; scores have few distinct values."""
    values, counts = np.unique(sample, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(len(sample), counts / len(sample), size=_RESAMPLES)
    means: Floats = drawn @ values / len(sample)
    return means


def _mid_ranks(scores: Floats) -> Floats:
    """1-based ranks (n,), ascending; equal scores share the mean of their ranks."""
    _, group, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Floats = (last - (counts - 1) / 2)[group]
    return ranks
