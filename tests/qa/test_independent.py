"""Near-copies of one story are one witness, however many outlets print it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.retriever import Retriever
from index.types import ClusterMember, RetrievedPassage
from qa.evaluation.absent import WithoutRevisions
from qa.evidence import Reading, ScoredSpan
from qa.independent import clusters_of, independent, log_sum
from qa.pipeline import Pipeline, PipelineSettings
from qa.span_answer import EvidenceWeights, SpanAnswer, choose_answer, priors
from qa.types import Citation, Done, also_in_json, passage_json
from tests.fakes import HashEmbedder
from tests.index.stories import outlet_article, story
from tests.qa.helpers import LIBRARY, PIER, found, make_collection, make_passage
from tests.qa.sentence_reader import SentenceReader

QUESTION = "Who opened the pier?"
PLAIN = EvidenceWeights(retrieval=0.0, echo=0.0, misfit=0.0)

Vote = tuple[int, float]
"""A revision and log-odds."""


def _independent(votes: Sequence[Vote], clusters: dict[int, int]) -> list[Vote]:
    return independent(votes, lambda vote: vote[0], lambda vote: vote[1], clusters)


def test_of_a_cluster_the_best_article_counts() -> None:
    assert _independent([(1, 0.0), (2, 1.0), (3, 0.5), (4, 0.1)], {1: 1, 2: 1, 3: 1}) == [(2, 1.0), (4, 0.1)]


def test_what_one_article_gives_twice_counts_together() -> None:
    assert _independent([(1, 0.9), (2, 0.5), (2, 0.5)], {1: 1, 2: 1}) == [(2, 0.5), (2, 0.5)]


def test_two_clusters_are_two_witnesses() -> None:
    assert _independent([(1, 0.0), (2, 1.0), (3, 0.5), (4, 2.0)], {1: 1, 2: 1, 3: 3, 4: 3}) == [(2, 1.0), (4, 2.0)]


_VOTES = st.lists(st.tuples(st.integers(1, 8), st.floats(-20, 20)), max_size=12)


@given(_VOTES)
def test_without_clusters_all_count(votes: list[Vote]) -> None:
    assert _independent(votes, {}) == votes


@given(_VOTES, st.dictionaries(st.integers(1, 8), st.integers(1, 3)))
def test_each_cluster_counts_by_one_article_and_none_counts_for_nothing(
    votes: list[Vote], clusters: dict[int, int]
) -> None:
    counted = {revision_id for revision_id, _ in _independent(votes, clusters)}
    of = [clusters.get(revision_id, -revision_id) for revision_id in counted]
    assert len(of) == len(set(of))


def test_log_odds_are_summed_without_overflow() -> None:
    assert log_sum([1000.0, 1000.0]) == pytest.approx(1000.0 + math.log(2))


# In an answer


def _passages(*texts: str) -> list[RetrievedPassage]:
    return found(*[make_passage(text, number=number) for number, text in enumerate(texts, start=1)])


def _read(passage: RetrievedPassage, words: str, log_odds: float) -> Reading:
    start = passage.passage.text.index(words)
    return Reading(log_odds, (ScoredSpan(start, start + len(words), log_odds),))


def _chosen(passages: Sequence[RetrievedPassage], readings: Sequence[Reading], clusters: dict[int, int]) -> SpanAnswer:
    log_odds = priors(passages, PLAIN)
    answer = choose_answer(QUESTION, passages, readings, log_odds, PLAIN, clusters=clusters)
    assert answer is not None
    return answer


COPIES = _passages("Ada Holm opened it.", "Here: Ada Holm opened it.", "Ada Holm opened it, it says.", "Tom Reyes did.")
READINGS = [_read(some, "Ada Holm", 0.0) for some in COPIES[:3]] + [_read(COPIES[3], "Tom Reyes", 0.5)]


def test_three_copies_do_not_outvote_one_better_article() -> None:
    assert _chosen(COPIES, READINGS, {}).text == "Ada Holm"
    answer = _chosen(COPIES, READINGS, {1: 1, 2: 1, 3: 1})
    assert answer.text == "Tom Reyes"
    assert answer.margin == pytest.approx(0.5)


def test_copies_raise_neither_the_odds_nor_the_relevance() -> None:
    single = _chosen(COPIES[:1], READINGS[:1], {})
    copied = _chosen(COPIES[:3], READINGS[:3], {1: 1, 2: 1, 3: 1})
    assert (copied.log_odds, copied.relevance) == (single.log_odds, single.relevance)
    assert (copied.num_passages, _chosen(COPIES[:3], READINGS[:3], {}).num_passages) == (1, 3)


def test_two_independent_articles_still_agree() -> None:
    answer = _chosen(COPIES, READINGS, {1: 1, 2: 1})
    assert answer.text == "Ada Holm"
    assert answer.log_odds == pytest.approx(math.log(2))


def test_clusters_come_with_what_was_retrieved() -> None:
    assert clusters_of([replace(COPIES[0], cluster=1), replace(COPIES[1], cluster=1), COPIES[2]]) == {1: 1, 2: 1}


# In JSON


def test_a_passage_and_a_citation_say_where_else_the_story_is() -> None:
    member = ClusterMember(9, "article-9", "A copy", "https://post.example/a", "Post", "2024-03-05")
    expected = [
        {
            "article_id": "article-9",
            "title": "A copy",
            "url": "https://post.example/a",
            "source": "Post",
            "published_at": "2024-03-05",
        }
    ]
    assert also_in_json([member]) == expected
    retrieved = replace(COPIES[0], also_in=(member,))
    assert passage_json(retrieved)["also_in"] == expected
    assert passage_json(COPIES[1])["also_in"] == []
    assert Citation(1, retrieved, 0, 8).retrieved.also_in == (member,)


def test_an_answer_counts_a_reprint_once_and_names_its_outlet(tmp_path: Path) -> None:
    wire = outlet_article(f"{PIER.text}\n\n{story(1)}", "The Wire")
    reprint = outlet_article(f"As printed elsewhere.\n\n{wire.text}", "Reprints Weekly")
    embedder = HashEmbedder()
    pipeline = Pipeline(
        make_collection(tmp_path, [wire, LIBRARY, reprint]),
        Retriever(embedder),
        SentenceReader(embedder),
        None,
        embedder_id=embedder.model_id,
        settings=PipelineSettings(min_fast_confidence=0.0),
    )
    (*_, done) = pipeline.ask("What did the pier cost?", mode="fast")
    assert isinstance(done, Done)
    (citation,) = done.answer.to_json()["citations"]
    assert "12 million" in citation["quote"]
    assert {citation["source"], *(other["source"] for other in citation["also_in"])} == {
        "The Wire",
        "Reprints Weekly",
    }
    assert sum("12 million" in some.passage.text for some in done.answer.passages) == 1


def test_articles_that_are_kept_away_are_not_named_either(tmp_path: Path) -> None:
    articles = [outlet_article(f"In {outlet}.\n\n{story(1)}", outlet) for outlet in ("The Wire", "Post", "Star")]
    collection = make_collection(tmp_path, articles)
    first, second, third = (collection.article(article.article_id).revision_id for article in articles)
    snapshot = collection.snapshot()
    assert snapshot is not None
    left = WithoutRevisions(snapshot, frozenset([second]))
    assert [member.revision_id for member in left.also_in(first)] == [third]
    assert left.cluster_of(third) == first
