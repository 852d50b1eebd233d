"""Turns what is known of an answer into the probability that it is right; knows nothing of how the answer was made.

Logistic regression on a few signals, one set of weights for each way an answer comes about. The default weights were
fitted on development questions by ``scripts/calibrate.py``; docs/experiments.md has the data, the figures and the
calibration error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class Signals:
    """What is known of one question's answers; log-odds and margins are cut off at ±10.

    ``relevance``: that any passage answers at all; ``log_odds``: of the reader's answer, summed over passages;
    ``margin``: its lead over the next; ``cosine``: of the best retrieved passage with the question, in [-1, 1]. Of
    the generator, 0 where none is asked: ``yes_no``: log P(Yes) - log P(No) of "is the answer written there?";
    ``agreement``: token F1, in [0, 1], of its answer with the reader's; ``whole_collection``: 1 when its prompt held
    all articles there are, else 0.
    """

    relevance: float
    log_odds: float
    margin: float
    cosine: float
    yes_no: float = 0.0
    agreement: float = 0.0
    whole_collection: float = 0.0

    def values(self) -> dict[str, float]:
        return {name: max(-10.0, min(10.0, value)) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Logistic:
    """P(right) = 1 / (1 + exp(-(intercept + weights . signals))); signals without a weight do not count."""

    intercept: float
    weights: Mapping[str, float]

    def probability(self, signals: Signals) -> float:
        """In (0, 1)."""
        values = signals.values()
        z = self.intercept + sum(weight * values[name] for name, weight in self.weights.items())
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, z))))


# Of a prompt with the whole collection the model says Yes less readily: seen on one article only, and set by hand.
_WHOLE_COLLECTION = 1.0
_READ = {
    "yes_no": 1.187,
    "relevance": -0.384,
    "log_odds": 0.465,
    "margin": 0.209,
    "agreement": 1.49,
    "whole_collection": _WHOLE_COLLECTION,
}
_WRITTEN = {
    "yes_no": 1.205,
    "relevance": -0.614,
    "log_odds": 0.685,
    "agreement": 0.871,
    "whole_collection": _WHOLE_COLLECTION,
}


@dataclass(frozen=True, slots=True)
class Calibration:
    """``fast``: the reader's answer when no generator is asked; ``read`` and ``written``: the reader's and the
    generator's answer when both are known."""

    fast: Logistic = field(
        default_factory=lambda: Logistic(-0.814, {"relevance": -0.221, "log_odds": 0.636, "margin": 0.302})
    )
    read: Logistic = field(default_factory=lambda: Logistic(-2.219, _READ))
    written: Logistic = field(default_factory=lambda: Logistic(-0.978, _WRITTEN))
