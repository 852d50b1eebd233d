"""An evidence reader for tests that needs no model: it picks the sentence closest to the question."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from index.embedder import Embedder
from index.sentences import split_sentences
from index.types import Passage
from index.words import content_stems, stems
from qa.evidence import Reading, ScoredSpan

_WORD_WEIGHT = 0.5


class SentenceReader:
    """Scores each sentence by its cosine to the question plus half the share of the question's words that it holds.

    The score, in [0, 1], is taken for the probability that the sentence answers.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    @property
    def model_id(self) -> str:
        return f"sentence-similarity:{self._embedder.model_id}"

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """See :class:`qa.evidence.EvidenceReader`; passages must not be empty of sentences."""
        spans = [[(s.start, s.end) for s in split_sentences(passage.text)] for passage in passages]
        texts = [p.text[a:b] for p, some in zip(passages, spans, strict=True) for a, b in some]
        if not texts:
            return []
        cosines = self._embedder.embed_passages(texts) @ self._embedder.embed_query(question)
        wanted = content_stems(question)
        shares = np.array([_share(wanted, text) for text in texts])
        scores = (np.clip(cosines, 0.0, 1.0) + _WORD_WEIGHT * shares) / (1.0 + _WORD_WEIGHT)
        readings = []
        first = 0
        for some in spans:
            own = scores[first : first + len(some)]
            best = int(np.argmax(own))
            log_odds = _logit(float(own[best]))
            readings.append(Reading(log_odds, (ScoredSpan(some[best][0], some[best][1], log_odds),)))
            first += len(some)
        return readings


def _logit(probability: float) -> float:
    probability = min(max(probability, 1e-6), 1 - 1e-6)
    return math.log(probability / (1 - probability))


def _share(wanted: Sequence[str], text: str) -> float:
    """Share, in [0, 1], of the wanted stems in a text."""
    if not wanted:
        return 0.0
    present = set(stems(text))
    return sum(stem in present for stem in wanted) / len(wanted)
