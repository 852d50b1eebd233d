"""Which passages can be among the best, as a boolean query of words; knows nothing of how a score is computed.

The idea is WAND's (Broder et al., "Efficient Query Evaluation using a Two-Level Retrieval Process", CIKM 2003): for
each word the most that it contributes to any score is known. Once k passages with a score of at least s are known, only
passages whose words together can contribute s matter; PostgreSQL's inverted index finds those.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_MAX_CHARS = 3_000  # asking about more combinations takes longer than looking at the passages
_SLACK = 1e-9  # for sums added up in another order


@dataclass(frozen=True, slots=True)
class BoundedStem:
    """A word of a question: what finds it, how many passages hold it at most, and the most that it contributes."""

    query: str
    num_passages: int
    bound: float


def rare_query(stems: Sequence[BoundedStem], num_wanted: int) -> str | None:
    """A tsquery of the rarest words that some ``num_wanted`` passages hold; None when that leaves no word out."""
    chosen: list[BoundedStem] = []
    for stem in sorted(stems, key=lambda stem: stem.num_passages):
        if chosen and sum(some.num_passages for some in chosen) + stem.num_passages > num_wanted:
            break
        chosen.append(stem)
    return None if len(chosen) == len(stems) else _any_of(chosen)


def query_for(stems: Sequence[BoundedStem], score: float) -> str | None:
    """A tsquery of all passages that can have at least this score, and of some others; None when none can."""
    score -= _SLACK * sum(stem.bound for stem in stems)
    if score <= 0:
        return _any_of(stems)
    strongest_first = sorted(stems, key=lambda stem: -stem.bound)
    query: str | None = None
    for depth in range(len(stems) + 1):
        finer = _query_for(strongest_first, score, depth)
        if finer is None or (query is not None and len(finer) > _MAX_CHARS):
            return query
        query = finer
    return query


def _query_for(stems: Sequence[BoundedStem], score: float, depth: int) -> str | None:
    """:param stems: Strongest first, of which at least one must be held.
    :param depth: How many times a word is asked about by itself; after that any of those that are needed will do.
    """
    if sum(stem.bound for stem in stems) < score:
        return None
    needed = _needed(stems, score)
    if depth == 0 or all(stem.bound >= score for stem in needed):
        return _any_of(needed)
    first, others = stems[0], stems[1:]
    without = _query_for(others, score, depth - 1)
    if first.bound >= score:
        return f"{_any_of([first])} | {without}" if without else _any_of([first])
    rest = _query_for(others, score - first.bound, depth - 1)
    with_first = f"{_any_of([first])} & ({rest})" if rest else None
    return " | ".join(f"({part})" for part in (with_first, without) if part) or None


def _needed(stems: Sequence[BoundedStem], score: float) -> list[BoundedStem]:
    """The strongest words of which at least one must be held: all others together do not reach the score."""
    left = sum(stem.bound for stem in stems)
    needed = []
    for stem in stems:
        if left < score:
            break
        needed.append(stem)
        left -= stem.bound
    return needed


def _any_of(stems: Sequence[BoundedStem]) -> str:
    return "(" + " | ".join(stem.query for stem in stems) + ")"
