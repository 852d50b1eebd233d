"""What a reader says of passages, whatever the reader; knows nothing of models or of writing.

A reader gives every span of every passage odds against "this passage does not answer"; odds of different passages of
one question can be compared and added (see qa/span_scores.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from index.types import Passage


@dataclass(frozen=True, slots=True)
class ScoredSpan:
    """Offsets [start, end) into the passage's text, and the logarithm of the odds that this is the answer, against
    "no answer in this passage"."""

    start: int
    end: int
    log_odds: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader says of one passage.

    ``relevance``: log-odds that the passage answers at all, any real number, higher is better, comparable between
    passages of one question. ``spans``: the best few, best first, at least one.
    """

    relevance: float
    spans: tuple[ScoredSpan, ...]

    @property
    def start(self) -> int:
        return self.spans[0].start

    @property
    def end(self) -> int:
        return self.spans[0].end

    @property
    def span_score(self) -> float:
        """Probability, in [0, 1], that the best span is the answer, by this passage alone."""
        return math.exp(min(0.0, self.spans[0].log_odds - _log_one_plus_exp(self.relevance)))

    @property
    def no_answer_score(self) -> float:
        """Probability, in [0, 1], that the passage does not answer."""
        return math.exp(-_log_one_plus_exp(self.relevance))


class EvidenceReader(Protocol):
    @property
    def model_id(self) -> str: ...

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """One reading a passage, in order.

        :param passages: None of them may be blank.
        :raises ModelError: If the model fails.
        """
        ...


def _log_one_plus_exp(value: float) -> float:
    return value + math.log1p(math.exp(-value)) if value > 0 else math.log1p(math.exp(value))
