"""Picks passages that hold different evidence: what one article of a cluster told, another need not tell again.

Knows nothing of scores or questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from index.near_duplicates import Shingles, containment, shingles_of, words
from index.protocols import PassageSnapshot
from index.types import Passage

MIN_REPEATED = 0.7
"""From this share of its shingles on, a passage repeats what was told."""


def different_passages(snapshot: PassageSnapshot, ranked: Sequence[int], k: int) -> list[Passage]:
    """The first k of ``ranked`` (passage ids) that do not repeat an earlier one of the same cluster; fewer if there are
    fewer."""
    kept: list[Passage] = []
    told: dict[int, _Told] = {}
    position = 0
    while len(kept) < k and position < len(ranked):
        some = ranked[position : position + k - len(kept)]
        position += len(some)
        kept += [passage for passage in snapshot.fetch(some) if not _is_repeated(snapshot, passage, told)]
    return kept


@dataclass(slots=True)
class _Told:
    """What the passages kept of one cluster say."""

    shingles: Shingles
    numbers: set[str]


def _is_repeated(snapshot: PassageSnapshot, passage: Passage, told: dict[int, _Told]) -> bool:
    """Whether ``told`` holds the passage already; if not, it is added."""
    if not snapshot.also_in(passage.revision_id):
        return False
    cluster = snapshot.cluster_of(passage.revision_id)
    its_words = words(passage.text)
    some, numbers = shingles_of(its_words), {word for word in its_words if any(map(str.isdigit, word))}
    known = told.get(cluster)
    if known is None:
        told[cluster] = _Told(some, numbers)
        return False
    # A copy with another figure in it is an update, and other evidence.
    if containment(some, known.shingles) >= MIN_REPEATED and numbers <= known.numbers:
        return True
    told[cluster] = _Told(np.union1d(known.shingles, some), known.numbers | numbers)
    return False
