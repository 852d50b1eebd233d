"""Finds the passages for a question: both searches, one weighted sum, newer articles first when that is asked for.

Knows nothing of answers. The weights were tuned on development questions; docs/experiments.md has the figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from index.different_passages import different_passages
from index.embedder import QueryEmbedder
from index.lexical import day_of
from index.protocols import PassageSnapshot
from index.recency import DayRange, date_prior
from index.types import Candidate, Filters, FloatArray, Passage, RetrievedPassage

_MIN_RANGE = 0.1


@dataclass(frozen=True, slots=True)
class FusionSettings:
    """How the two searches are weighed.

    ``depth``: passages asked of each search; ``dense_weight`` in [0, 1], BM25 gets the rest; ``recency_weight`` >= 0 is
    added for an article of the reference day, or of the days the question speaks of; ``half_life_days`` > 0.
    """

    depth: int = 60
    dense_weight: float = 0.5
    recency_weight: float = 0.25
    half_life_days: float = 7.0


class Retriever:
    """Hybrid retrieval over one snapshot at a time."""

    def __init__(self, embedder: QueryEmbedder, settings: FusionSettings | None = None) -> None:
        self._embedder = embedder
        self._settings = settings or FusionSettings()

    def retrieve(
        self,
        snapshot: PassageSnapshot,
        question: str,
        k: int,
        *,
        reference: date | None = None,
        filters: Filters | None = None,
        window: DayRange | None = None,
    ) -> list[RetrievedPassage]:
        """The k best passages, best first; fewer when fewer are found.

        :param reference: The day newness counts from; None when it does not matter.
        :param window: Days the question speaks of: their articles are looked for once more by themselves, and count
            for more; others are found too.
        """
        # Vectors of two embedders cannot be compared: a generation of another one is searched by words only.
        can_compare = snapshot.has_vectors_of(self._embedder.model_id)
        vector = self._embedder.embed_query(question) if can_compare else None
        depth = max(self._settings.depth, k)
        candidates = snapshot.search(question, vector, depth, filters)
        narrowed = narrowed_filters(filters, window) if window is not None else None
        if narrowed is not None:
            found = {candidate.passage_id for candidate in candidates}
            inside = snapshot.search(question, vector, depth, narrowed)
            candidates += [candidate for candidate in inside if candidate.passage_id not in found]
        if not candidates:
            return []
        scores = fuse(candidates, self._settings, reference, window)
        # Of equals the older passage first, so that a rebuilt index answers like the one it replaces.
        order = np.lexsort((np.array([candidate.passage_id for candidate in candidates]), -scores))
        scored = {candidates[i].passage_id: (candidates[i], float(scores[i])) for i in order}
        passages = different_passages(snapshot, list(scored), k)
        return [
            _retrieved(snapshot, passage, rank, *scored[passage.passage_id])
            for rank, passage in enumerate(passages, start=1)
        ]


def _retrieved(
    snapshot: PassageSnapshot, passage: Passage, rank: int, candidate: Candidate, score: float
) -> RetrievedPassage:
    also_in = snapshot.also_in(passage.revision_id)
    return RetrievedPassage(
        passage,
        rank,
        score,
        "retrieval",
        cosine=candidate.cosine,
        bm25=candidate.bm25,
        also_in=also_in,
        cluster=snapshot.cluster_of(passage.revision_id) if also_in else None,
    )


def narrowed_filters(filters: Filters | None, window: DayRange) -> Filters | None:
    """What a caller's filters leave of a window; None when that is nothing."""
    filters = filters or Filters()
    first, last = window.ordinals
    if filters.published_after is not None:
        first = max(first, day_of(filters.published_after))
    if filters.published_before is not None:
        last = min(last, day_of(filters.published_before))
    if first > last:
        return None
    return replace(filters, published_after=_iso(first), published_before=_iso(last))


def fuse(
    candidates: Sequence[Candidate],
    settings: FusionSettings,
    reference: date | None,
    window: DayRange | None = None,
) -> FloatArray:
    """One score (n,) for each candidate, higher is better.

    BM25 is divided by its best, cosines are stretched from the worst to the best candidate, so that both lie in [0, 1]
    and keep the lead of the first (convex combination; Bruch et al., "An Analysis of Fusion Functions for Hybrid
    Retrieval", TOIS 2023). They are summed by weight, and the prior for the article's date is added.
    """
    bm25 = np.array([candidate.bm25 for candidate in candidates], dtype=np.float32)
    cosine = np.array([max(candidate.cosine, 0.0) for candidate in candidates], dtype=np.float32)
    scores = settings.dense_weight * _stretched(cosine) + (1 - settings.dense_weight) * _by_best(bm25)
    days = np.array([candidate.day for candidate in candidates], dtype=np.int64)
    dated = date_prior(days, reference, window, settings.half_life_days)
    if dated is not None:
        scores = scores + settings.recency_weight * dated
    return np.asarray(scores, dtype=np.float32)


def _iso(ordinal: float) -> str | None:
    """A day as filters have it; the open ends of a window stay open."""
    if not 1 <= ordinal <= date.max.toordinal():
        return None
    return date.fromordinal(int(ordinal)).isoformat()


def _by_best(scores: FloatArray) -> FloatArray:
    best = float(scores.max())
    return scores / best if best > 0 else scores


def _stretched(scores: FloatArray) -> FloatArray:
    """From the worst to the best candidate; differences far below ``_MIN_RANGE`` are noise and stay small."""
    lowest, best = float(scores.min()), float(scores.max())
    stretched: FloatArray = (scores - lowest) / max(best - lowest, _MIN_RANGE)
    return stretched
