"""Bootstrap intervals of means and of any other figure; knows nothing of what is measured.

Efron, "Bootstrap Methods: Another Look at the Jackknife" (Annals of Statistics, 1979); Efron and Tibshirani, "An
Introduction to the Bootstrap" (1993), chapter 13, percentile method. Values that belong together (questions on one
paragraph, citations of one answer) are drawn together, as a group: Field and Welsh, "Bootstrapping Clustered Data"
(Journal of the Royal Statistical Society B, 2007). Groups are resampled as if they were independent of each other.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Weights = npt.NDArray[np.int64]
"""(resamples, values): how often each value was drawn into each resample."""
Statistic = Callable[[Weights], Floats]
"""The figure in each resample, (resamples,); not a number where it is undefined."""

_RESAMPLES_OF_MEANS = 2000
_RESAMPLES = 500
_LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure over ``n`` values and the bounds between which 95% of its resamples lie; None of them where it is
    undefined."""

    value: float | None
    low: float | None
    high: float | None
    n: int

    def to_json(self) -> dict[str, float | int | None]:
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n}


def mean_interval(values: Sequence[float], groups: Sequence[Hashable] | None = None, *, seed: int = 0) -> Interval:
    """The mean with its interval.

    :param groups: Which group each value belongs to; None when each stands alone.
    """
    if len(values) == 0:
        return Interval(None, None, None, 0)
    sample = np.asarray(values, dtype=np.float64)
    group = _numbered(groups, len(sample))
    sums, sizes = np.asarray(np.bincount(group, sample), dtype=np.float64), np.bincount(group)
    low, high = _bounds(_resampled_means(sums, sizes, seed))
    return Interval(float(sample.mean()), low, high, len(sample))


def paired_difference(
    ours: Sequence[float], theirs: Sequence[float], groups: Sequence[Hashable] | None = None, *, seed: int = 0
) -> Interval:
    """The mean of ``ours - theirs`` over the same questions in the same order, with its bootstrap interval.

    Resampling pairs keeps what makes a question hard for both out of the interval (Koehn, "Statistical Significance
    Tests for Machine Translation Evaluation", EMNLP 2004).

    :raises ValueError: If the two differ in length.
    """
    return mean_interval([a - b for a, b in zip(ours, theirs, strict=True)], groups, seed=seed)


def interval_of(statistic: Statistic, num: int, groups: Sequence[Hashable] | None = None, *, seed: int = 0) -> Interval:
    """A figure over ``num`` values with its interval, over those resamples in which it is defined."""
    value = float(statistic(np.ones((1, num), dtype=np.int64))[0])
    if not np.isfinite(value):
        return Interval(None, None, None, num)
    resampled = statistic(_drawn(_numbered(groups, num), seed))
    low, high = _bounds(resampled[np.isfinite(resampled)])
    return Interval(value, low, high, num)


def _numbered(groups: Sequence[Hashable] | None, num: int) -> Weights:
    """(num,) int64: the groups as numbers from 0."""
    if groups is None:
        return np.arange(num)
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    return np.array([numbers[group] for group in groups], dtype=np.int64)


def _bounds(resampled: Floats) -> tuple[float | None, float | None]:
    if len(resampled) == 0:
        return None, None
    tail = (1 - _LEVEL) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return float(low), float(high)


def _resampled_means(sums: Floats, sizes: Weights, seed: int) -> Floats:
    """(resamples,) float64, from the sum and size of each group.

    How often each distinct pair is drawn is multinomial; scores have few distinct values.
    """
    pairs, counts = np.unique(np.stack([sums, sizes], axis=1), axis=0, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(len(sums), counts / len(sums), size=_RESAMPLES_OF_MEANS)
    means: Floats = (drawn @ pairs[:, 0]) / (drawn @ pairs[:, 1])
    return means


def _drawn(group: Weights, seed: int) -> Weights:
    """Resamples of as many groups as there are."""
    num_groups = int(group.max()) + 1
    picked = np.random.default_rng(seed).integers(num_groups, size=(_RESAMPLES, num_groups))
    places = picked + num_groups * np.arange(_RESAMPLES)[:, None]
    times = np.bincount(places.ravel(), minlength=_RESAMPLES * num_groups).reshape(_RESAMPLES, num_groups)
    drawn: Weights = times[:, group]
    return drawn
