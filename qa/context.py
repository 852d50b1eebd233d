"""Chooses the passages that the model is shown; knows nothing of how they were found or what is asked of them."""

from __future__ import annotations

from collections.abc import Sequence

from index.protocols import PassageSnapshot
from index.types import Passage, RetrievedPassage
from qa.prompts import passage_header


def whole_collection(snapshot: PassageSnapshot, max_chars: int) -> list[Passage] | None:
    """Every passage in fixed order when all of them and their headers have at most ``max_chars``, else None."""
    # A passage has at least one character: a cheap bound before anything is read.
    if snapshot.num_passages > max_chars // 40:
        return None
    passages = snapshot.all_passages()
    headers = {passage.revision_id: len(passage_header(passage)) for passage in passages}
    num_chars = sum(len(passage.text) for passage in passages) + sum(headers.values())
    return passages if num_chars <= max_chars else None


def in_fixed_order(found: Sequence[RetrievedPassage], whole: Sequence[Passage]) -> list[RetrievedPassage]:
    """The whole collection in its own order; passages that were not found rank behind those that were."""
    by_id = {retrieved.passage.passage_id: retrieved for retrieved in found}
    last = len(found)
    return [
        by_id.get(passage.passage_id)
        or RetrievedPassage(passage, last + 1 + place, 0.0, "whole collection", cosine=0.0, bm25=0.0)
        for place, passage in enumerate(whole)
    ]
