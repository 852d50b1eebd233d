"""BM25 from PostgreSQL's word counts is BM25: the formula's values, and those of the embedded index."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from index.postgres.words import (
    Lengths,
    PassageWords,
    RankedWords,
    TermStatistics,
    idf,
    passage_words,
    question_terms,
    with_titles,
)
from index.types import make_article, passage_of
from tests.fakes import TITLE_WEIGHT, numbered_articles, open_parts
from tests.postgres.stores import EMBEDDER, open_store, publish

pytestmark = pytest.mark.slow

LENGTHS = Lengths(num_passages=100, num_words=2000, num_title_words=600)


def statistics(num_holding: Mapping[str, int]) -> dict[str, TermStatistics]:
    return {term: TermStatistics(num, 1.0) for term, num in num_holding.items()}


def score(url: str, ranked: RankedWords, words: PassageWords) -> float:
    statement = sql.SQL(
        "SELECT {}, p.words @@ {}::tsquery "
        "FROM (SELECT {}::tsvector AS words, {} AS num_words, {} AS num_title_words) p"
    ).format(
        ranked.score("p"),
        sql.Literal(ranked.query()),
        sql.Literal(words.to_tsvector()),
        sql.Literal(words.num_words),
        sql.Literal(words.num_title_words),
    )
    with psycopg.connect(url) as connection:
        row = connection.execute(statement).fetchone()
    assert row is not None
    assert row[1] == (row[0] > 0)  # what has a score is found, and nothing else
    return float(row[0])


def bm25(count: int, length: int, mean_length: float, holding: int, num: int) -> float:
    """The formula as its paper has it."""
    rarity = math.log(1 + (num - holding + 0.5) / (holding + 0.5))
    return rarity * count * 2.2 / (count + 1.2 * (1 - 0.75 + 0.75 * length / mean_length))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 40, 254, 255])
def test_a_word_is_counted_exactly(database_url: str, count: int) -> None:
    ranked = RankedWords(statistics({"bank": 5}), LENGTHS, title_weight=TITLE_WEIGHT)
    words = PassageWords({"other": 3, **({"bank": count} if count else {})}, 30 + count, 4)
    assert score(database_url, ranked, words) == pytest.approx(bm25(count, 30 + count, 20.0, 5, 100), rel=1e-9)


def test_texts_and_titles_have_counts_and_lengths_of_their_own(database_url: str) -> None:
    passage = passage_of(make_article("The bank of the river bank.", title="Banks and rivers"), 1, 0, 0, 27)
    words = passage_words(passage)
    assert words.counts == {"the": 2, "bank": 2, "of": 1, "river": 1, "=bank": 1, "=and": 1, "=river": 1}
    ranked = RankedWords(statistics({"bank": 5, "=bank": 2}), LENGTHS, title_weight=0.3)
    expected = bm25(2, 6, 20.0, 5, 100) + 0.3 * bm25(1, 3, 6.0, 2, 100)
    assert score(database_url, ranked, words) == pytest.approx(expected, rel=1e-9)
    without = RankedWords(statistics({"bank": 5, "=bank": 2}), LENGTHS, title_weight=0)
    assert score(database_url, without, words) == pytest.approx(bm25(2, 6, 20.0, 5, 100), rel=1e-9)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1), st.integers(1, 9)
    )
)
def test_any_word_is_quoted(database_url: str, counts: dict[str, int]) -> None:
    words = PassageWords({"always": 1, **counts}, 10, 0)
    ranked = RankedWords(statistics(dict.fromkeys(words.counts, 3)), LENGTHS, title_weight=1)
    expected = sum(
        bm25(count, 0 if term.startswith("=") else 10, 6.0 if term.startswith("=") else 20.0, 3, 100)
        for term, count in words.counts.items()
    )
    assert score(database_url, ranked, words) == pytest.approx(expected, rel=1e-9)


def test_a_word_that_no_passage_holds_is_left_out() -> None:
    assert not RankedWords(statistics({"zeppelin": 0, "=zeppelin": 0}), LENGTHS, title_weight=1)
    assert idf(100, 100) > 0


def test_scores_are_those_of_the_embedded_index(tmp_path: Path, database_url: str) -> None:
    """Of short passages, whose lengths tantivy keeps exactly; of longer ones it keeps one of some values."""
    articles = numbered_articles(30)
    embedded = open_parts(tmp_path).collection
    embedded.add(articles)
    expected = embedded.snapshot()
    assert expected is not None
    with open_store([database_url]) as store:
        snapshot = store.open(publish(store, list(enumerate(articles, start=1))))
        for question in (
            "Who objected to subject7 in place3?",
            "the council of the meetings",
            "who was he",
            "plan 2024",
        ):
            assert snapshot.question_terms(question) == expected.question_terms(question) == question_terms(question)
            vector = EMBEDDER.embed_query(question)
            ours, theirs = (
                {c.passage_id: c.bm25 for c in some.search(question, vector, 1000)} for some in (snapshot, expected)
            )
            assert ours == pytest.approx(theirs, rel=1e-5)


def test_terms_in_titles_are_told_apart() -> None:
    assert with_titles(["bank"]) == ["bank", "=bank"]
