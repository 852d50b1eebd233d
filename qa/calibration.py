"""Turns what is known of an answer into the probability that it is right; knows nothing of how it was made.

Logistic regression on a few signals. The default weights were fitted on development questions by the method of
``scripts/calibrate.py``, except ``whole_collection``, which was set by hand;
docs/experiments.md has the data, the figures and the calibration error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signals:
    """``yes_no``: log P(Yes) - log P(No) of "do the passages state the answer?". ``cosine``: of the best passage with
    the question, in [-1, 1]. ``is_whole_collection``: the prompt held all articles there are, not the best passages."""

    yes_no: float
    cosine: float
    is_whole_collection: bool = False


@dataclass(frozen=True, slots=True)
class Calibration:
    """P(right) = 1 / (1 + exp(-(intercept + weights . signals))), for answers that the passages support."""

    intercept: float = -3.287
    yes_no: float = 1.819
    cosine: float = 1.932
    # Over a longer prompt the model says Yes less readily; measured on one article of 700 tokens only.
    whole_collection: float = 1.0

    def probability(self, signals: Signals) -> float:
        z = self.intercept + self.yes_no * signals.yes_no + self.cosine * signals.cosine
        z += self.whole_collection * signals.is_whole_collection
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, z))))
