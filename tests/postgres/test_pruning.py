"""What the boolean query of words leaves out cannot be among the best; what it lets through is not everything."""

from __future__ import annotations

import itertools
import re

from hypothesis import given
from hypothesis import strategies as st

from index.postgres.pruning import BoundedStem, query_for, rare_query

BOUNDS = st.lists(st.floats(0.01, 10), min_size=1, max_size=8)


def stems_of(bounds: list[float]) -> list[BoundedStem]:
    return [BoundedStem(f"'w{i}' | '=w{i}'", 10 * i + 1, bound) for i, bound in enumerate(bounds)]


def is_let_through(query: str | None, held: set[int]) -> bool:
    """The tsquery's value for a passage that holds some of the words, each in its text or in its title."""
    if query is None:
        return False
    values = re.sub(r"'(=?)w(\d+)'", lambda word: str(not word[1] and int(word[2]) in held), query)
    return bool(eval(values.replace("&", " and ").replace("|", " or ")))  # words and brackets of our own only


@given(BOUNDS, st.floats(0, 40))
def test_what_can_reach_the_score_is_let_through(bounds: list[float], score: float) -> None:
    query = query_for(stems_of(bounds), score)
    for size in range(1, len(bounds) + 1):
        for held in itertools.combinations(range(len(bounds)), size):
            if sum(bounds[i] for i in held) >= score:
                assert is_let_through(query, set(held)), (held, query)


@given(BOUNDS, st.floats(0.1, 40))
def test_up_to_its_depth_nothing_else_is_let_through(bounds: list[float], score: float) -> None:
    bounds = bounds[:4]
    query = query_for(stems_of(bounds), score)
    for size in range(1, len(bounds) + 1):
        for held in itertools.combinations(range(len(bounds)), size):
            if sum(bounds[i] for i in held) < 0.999 * score:
                assert not is_let_through(query, set(held)), (held, query)


def test_the_query_of_a_long_question_stays_short() -> None:
    query = query_for(stems_of([float(i % 7 + 1) for i in range(64)]), 60.0)
    assert query is not None and len(query) < 40_000


def test_a_score_that_nothing_reaches_finds_nothing() -> None:
    assert query_for(stems_of([1.0, 2.0]), 3.5) is None


def test_the_rarest_words_come_first_until_they_are_enough() -> None:
    stems = stems_of([1.0, 1.0, 1.0, 1.0])  # held by 1, 11, 21 and 31 passages
    assert rare_query(stems, 15) == "('w0' | '=w0' | 'w1' | '=w1')"
    assert rare_query(stems[::-1], 15) == "('w0' | '=w0' | 'w1' | '=w1')"
    assert rare_query(stems[2:], 5) == "('w2' | '=w2')"  # one in any case
    assert rare_query(stems, 1000) is None
