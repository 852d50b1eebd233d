"""Finds the passages for a question: both searches, one weighted sum, newer articles first when that is asked for.

Knows nothing of answers. The weights were tuned on development questions; docs/experiments.md has the figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from index.embedder import Embedder
from index.recency import recency
from index.snapshot import Snapshot
from index.types import Candidate, Filters, FloatArray, RetrievedPassage

_MIN_RANGE = 0.1


@dataclass(frozen=True, slots=True)
class FusionSettings:
    """How the two searches are weighed.

    ``depth``: passages asked of each search; ``dense_weight`` in [0, 1], BM25 gets the rest; ``recency_weight`` >= 0 is
    added for an article of the reference day; ``half_life_days`` > 0.
    """

    depth: int = 60
    dense_weight: float = 0.5
    recency_weight: float = 0.25
    half_life_days: float = 7.0


class Retriever:
    """Hybrid retrieval over one snapshot at a time."""

    def __init__(self, embedder: Embedder, settings: FusionSettings | None = None) -> None:
        self._embedder = embedder
        self._settings = settings or FusionSettings()

    def retrieve(
        self,
        snapshot: Snapshot,
        question: str,
        k: int,
        *,
        reference: date | None = None,
        filters: Filters | None = None,
    ) -> list[RetrievedPassage]:
        """The k best passages, best first; fewer when fewer are found.

        :param reference: The day newness counts from; None when it does not matter.
        """
        vector = self._embedder.embed_query(question)
        candidates = snapshot.search(question, vector, max(self._settings.depth, k), filters)
        if not candidates:
            return []
        scores = fuse(candidates, self._settings, reference)
        # Of equals the older passage first, so that a rebuilt index answers like the one it replaces.
        order = np.lexsort((np.array([candidate.passage_id for candidate in candidates]), -scores))[:k]
        chosen = [candidates[i] for i in order]
        passages = snapshot.fetch([candidate.passage_id for candidate in chosen])
        return [
            RetrievedPassage(
                passage, rank, float(scores[i]), "retrieval", cosine=candidates[i].cosine, bm25=candidates[i].bm25
            )
            for rank, (passage, i) in enumerate(zip(passages, order, strict=True), start=1)
        ]


def fuse(candidates: Sequence[Candidate], settings: FusionSettings, reference: date | None) -> FloatArray:
    """One score (n,) for each candidate, higher is better.

    BM25 is divided by its best, cosines are stretched from the worst to the best candidate, so that both lie in [0, 1]
    and keep the lead of the first (convex combination; Bruch et al., "An Analysis of Fusion Functions for Hybrid
    Retrieval", TOIS 2023). They are summed by weight, and the recency prior is added.
    """
    bm25 = np.array([candidate.bm25 for candidate in candidates], dtype=np.float32)
    cosine = np.array([max(candidate.cosine, 0.0) for candidate in candidates], dtype=np.float32)
    scores = settings.dense_weight * _stretched(cosine) + (1 - settings.dense_weight) * _by_best(bm25)
    if reference is not None and settings.recency_weight > 0:
        days = np.array([candidate.day for candidate in candidates], dtype=np.int64)
        scores = scores + settings.recency_weight * recency(days, reference, settings.half_life_days)
    return np.asarray(scores, dtype=np.float32)


def _by_best(scores: FloatArray) -> FloatArray:
    best = float(scores.max())
    return scores / best if best > 0 else scores


def _stretched(scores: FloatArray) -> FloatArray:
    """From the worst to the best candidate; differences far below ``_MIN_RANGE`` are noise and stay small."""
    lowest, best = float(scores.min()), float(scores.max())
    stretched: FloatArray = (scores - lowest) / max(best - lowest, _MIN_RANGE)
    return stretched
