"""Turns what is known of an answer into the probability that it is right; knows nothing of how it was made.

Logistic regression on a few signals. The default weights were fitted by ``scripts/calibrate.py`` on development
questions; docs/experiments.md has the data, the figures and the calibration error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signals:
    """``yes_no``: log P(Yes) - log P(No) of "do the passages state the answer?". ``cosine``: of the best passage with
    the question, in [-1, 1]. ``support``: share of the short answer's words in its evidence, in [0, 1]."""

    yes_no: float
    cosine: float
    support: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """P(right) = 1 / (1 + exp(-(intercept + weights . signals)))."""

    intercept: float = -1.0
    yes_no: float = 1.0
    cosine: float = 1.0
    support: float = 1.0

    def probability(self, signals: Signals) -> float:
        z = (
            self.intercept
            + self.yes_no * signals.yes_no
            + self.cosine * signals.cosine
            + self.support * signals.support
        )
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, z))))
