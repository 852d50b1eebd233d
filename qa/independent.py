"""Counts articles that tell one story nearly word for word as one witness; knows nothing of what they say."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from index.types import RetrievedPassage

Item = TypeVar("Item")


def independent(
    items: Sequence[Item],
    revision_of: Callable[[Item], int],
    log_odds_of: Callable[[Item], float],
    clusters: Mapping[int, int],
) -> list[Item]:
    """Of each cluster only what its best article gives, by summed odds; all that is in no cluster. The order stays.

    :param clusters: Cluster of a revision; those that are not in it are clusters of their own.
    """
    by_revision: dict[int, list[float]] = {}
    for item in items:
        by_revision.setdefault(revision_of(item), []).append(log_odds_of(item))
    best: dict[int, tuple[float, int]] = {}
    for revision_id, values in by_revision.items():
        cluster = clusters.get(revision_id, revision_id)
        best[cluster] = max(best.get(cluster, (-math.inf, revision_id)), (log_sum(values), revision_id))
    counted = {revision_id for _, revision_id in best.values()}
    return [item for item in items if revision_of(item) in counted]


def clusters_of(passages: Sequence[RetrievedPassage]) -> dict[int, int]:
    """The clusters of the revisions that are in one, as they were retrieved."""
    return {some.passage.revision_id: some.cluster for some in passages if some.cluster is not None}


def log_sum(values: Sequence[float]) -> float:
    """log(sum(exp(values))), without overflow."""
    highest = max(values)
    return highest + math.log(sum(math.exp(value - highest) for value in values))
