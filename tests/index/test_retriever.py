"""The weighted sum by hand, and what it does to the order of real passages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.recency import DayRange
from index.retriever import FusionSettings, Retriever, fuse, narrowed_filters
from index.snapshot import Snapshot
from index.types import Article, Candidate, Filters, make_article
from tests.fakes import HashEmbedder, numbered_articles, open_parts

_DAY = date(2024, 3, 28)


def _candidate(bm25: float, cosine: float, *, age: int | None = 0) -> Candidate:
    return Candidate(0, bm25, cosine, _DAY.toordinal() - age if age is not None else 0)


def _fused(
    *candidates: Candidate, dense: float = 0.5, recency: float = 0.0, reference: date | None = None
) -> list[float]:
    settings = FusionSettings(dense_weight=dense, recency_weight=recency, half_life_days=7.0)
    return [float(score) for score in fuse(candidates, settings, reference)]


# The formula


def test_bm25_is_divided_by_its_best() -> None:
    assert _fused(_candidate(8, 0.5), _candidate(2, 0.5), _candidate(0, 0.5), dense=0) == pytest.approx([1, 0.25, 0])


def test_cosines_are_stretched_from_worst_to_best() -> None:
    assert _fused(_candidate(1, 0.8), _candidate(1, 0.6), _candidate(1, 0.4), dense=1) == pytest.approx([1, 0.5, 0])


def test_negative_cosines_count_as_0() -> None:
    assert _fused(_candidate(1, 0.8), _candidate(1, 0.4), _candidate(1, -0.9), dense=1) == pytest.approx([1, 0.5, 0])


def test_both_are_summed_by_weight() -> None:
    scores = _fused(_candidate(4, 0.2), _candidate(1, 0.6), _candidate(2, 0.5), dense=0.3)
    assert scores == pytest.approx([0.7 * 1, 0.3 * 1 + 0.7 * 0.25, 0.3 * 0.75 + 0.7 * 0.5])


def test_without_any_known_word_meaning_decides() -> None:
    assert _fused(_candidate(0, 0.2), _candidate(0, 0.6), dense=0.5) == pytest.approx([0, 0.5])


def test_equal_cosines_decide_nothing() -> None:
    first, second = _fused(_candidate(4, 0.5), _candidate(2, 0.5), dense=0.5)
    assert first - second == pytest.approx(0.5 * 0.5)


def test_newness_is_added_by_weight() -> None:
    plain = [_candidate(4, 0.6, age=0), _candidate(2, 0.4, age=7), _candidate(1, 0.2, age=None)]
    without = _fused(*plain)
    scores = _fused(*plain, recency=0.2, reference=_DAY)
    assert [b - a for a, b in zip(without, scores, strict=True)] == pytest.approx([0.2, 0.1, 0])


def test_without_a_reference_newness_does_not_count() -> None:
    new, old = _candidate(1, 0.5, age=0), _candidate(1, 0.5, age=300)
    assert len(set(_fused(new, old, recency=0.5, reference=None))) == 1


def test_equal_cosines_decide_nothing_and_tiny_differences_next_to_nothing() -> None:
    assert _fused(_candidate(3, 0.5), _candidate(3, 0.5)) == pytest.approx([0.5, 0.5])
    first, second = _fused(_candidate(3, 0.5), _candidate(3, 0.5 + 1e-6))
    assert abs(first - second) < 1e-4


_CANDIDATES = st.lists(
    st.builds(Candidate, st.just(0), st.floats(0, 50), st.floats(-1, 1), st.integers(0, 800_000)), min_size=1
)


@given(_CANDIDATES, st.floats(0, 1), st.floats(0, 1))
def test_scores_stay_in_their_bounds_and_who_is_better_in_all_is_never_behind(
    candidates: Sequence[Candidate], dense: float, recency: float
) -> None:
    scores = _fused(*candidates, dense=dense, recency=recency, reference=_DAY)
    assert all(-1e-5 <= score <= 1 + recency + 1e-5 for score in scores)
    plain = _fused(*candidates, dense=dense)
    for one, score in zip(candidates, plain, strict=True):
        for other, other_score in zip(candidates, plain, strict=True):
            if one.bm25 >= other.bm25 and one.cosine >= other.cosine:
                assert score >= other_score - 1e-5


# Over an index


def _snapshot(folder: Path, articles: Sequence[Article]) -> Snapshot:
    collection = open_parts(folder).collection
    collection.add(articles)
    snapshot = collection.snapshot()
    assert snapshot is not None
    return snapshot


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return _snapshot(tmp_path_factory.mktemp("retriever"), numbered_articles(20))


@pytest.mark.parametrize("dense_weight", [0.0, 0.5, 1.0])
def test_a_question_finds_its_article(snapshot: Snapshot, dense_weight: float) -> None:
    retriever = Retriever(HashEmbedder(), FusionSettings(dense_weight=dense_weight))
    for number in (0, 7, 19):
        found = retriever.retrieve(snapshot, f"Who objected to subject{number} before the meeting ended?", 3)
        assert f"subject{number} " in found[0].passage.text


def test_ranks_count_from_1_and_scores_fall(snapshot: Snapshot) -> None:
    found = Retriever(HashEmbedder()).retrieve(snapshot, "plan of subject3 in place3", 10)
    assert [passage.rank for passage in found] == list(range(1, 11))
    assert [p.score for p in found] == sorted((p.score for p in found), reverse=True)
    assert {passage.stage for passage in found} == {"retrieval"}
    assert len({passage.passage.passage_id for passage in found}) == 10


def test_both_scores_are_carried_along(snapshot: Snapshot) -> None:
    embedder, question = HashEmbedder(), "plan of subject3"
    candidates = {c.passage_id: c for c in snapshot.search(question, embedder.embed_query(question), 60)}
    for passage in Retriever(embedder).retrieve(snapshot, question, 5):
        candidate = candidates[passage.passage.passage_id]
        assert (passage.bm25, passage.cosine) == pytest.approx((candidate.bm25, candidate.cosine))


def test_more_than_the_depth_can_be_asked_for(snapshot: Snapshot) -> None:
    retriever = Retriever(HashEmbedder(), FusionSettings(depth=2))
    assert len(retriever.retrieve(snapshot, "subject3", 50)) == 50
    assert len(retriever.retrieve(snapshot, "subject3", 1000)) == snapshot.num_passages


def test_filters_bound_what_is_retrieved(snapshot: Snapshot) -> None:
    filters = Filters(source="Evening Star", published_after="2024-01-10")
    found = Retriever(HashEmbedder()).retrieve(snapshot, "subject3", 100, filters=filters)
    assert found
    assert all(p.passage.source == "Evening Star" and str(p.passage.published_at) >= "2024-01-10" for p in found)
    assert Retriever(HashEmbedder()).retrieve(snapshot, "subject3", 5, filters=Filters(source="nobody")) == []


def test_an_empty_index_gives_nothing(tmp_path: Path) -> None:
    parts = open_parts(tmp_path)
    article = make_article("It rained.")
    parts.collection.add([article])
    parts.collection.remove([article.article_id])
    snapshot = parts.collection.snapshot()
    assert snapshot is not None
    assert Retriever(HashEmbedder()).retrieve(snapshot, "rain", 5) == []


def test_of_like_articles_the_one_nearest_to_the_reference_comes_first(tmp_path: Path) -> None:
    days = [_DAY - timedelta(days=age) for age in (300, 30, 0)]
    articles = [
        make_article(f"The price of oil is {n} dollars.", title="Oil price", url=f"u{n}", published_at=day.isoformat())
        for n, day in enumerate(days)
    ] + [make_article("The price of oil is unknown dollars.", title="Oil price", url="u")]
    snapshot = _snapshot(tmp_path, articles)
    retriever = Retriever(HashEmbedder(), FusionSettings(recency_weight=2.0))
    for reference, nearest in ((_DAY, 2), (_DAY - timedelta(days=31), 1), (_DAY - timedelta(days=299), 0)):
        found = retriever.retrieve(snapshot, "What is the price of oil?", 4, reference=reference)
        assert found[0].passage.published_at == days[nearest].isoformat()
        assert found[-1].passage.published_at is None


def test_a_slightly_newer_article_does_not_displace_the_right_one(tmp_path: Path) -> None:
    right = make_article("Subject5 costs nine dollars.", title="Subject5 price", published_at="2024-03-01")
    newer = make_article("A concert was given in the park.", title="Concert", published_at="2024-03-28")
    found = Retriever(HashEmbedder()).retrieve(
        _snapshot(tmp_path, [right, newer]), "What does subject5 cost?", 2, reference=_DAY
    )
    assert found[0].passage.title == "Subject5 price"


# Windows


def test_articles_of_the_window_come_first_and_others_are_found_too(tmp_path: Path) -> None:
    days = ["2023-03-10", "2023-09-10", "2024-03-28", None]
    articles = [
        make_article(f"The price of oil is {n} dollars.", title="Oil price", url=f"u{n}", published_at=day)
        for n, day in enumerate(days)
    ]
    window = DayRange(date(2023, 3, 1), date(2023, 3, 31), 2)
    found = Retriever(HashEmbedder()).retrieve(
        _snapshot(tmp_path, articles), "What is the price of oil?", 4, window=window
    )
    assert found[0].passage.published_at == "2023-03-10"
    assert {retrieved.passage.published_at for retrieved in found} == set(days)


def test_articles_of_the_window_are_found_behind_any_number_of_better_ones(tmp_path: Path) -> None:
    fitting = [
        make_article(f"The price of oil is {n} dollars.", title="Oil price", url=f"u{n}", published_at="2024-01-01")
        for n in range(40)
    ]
    inside = make_article("Oil was dear in spring, said a baker.", title="Bread", url="in", published_at="2023-03-10")
    retriever = Retriever(HashEmbedder(), FusionSettings(depth=5, recency_weight=2.0))
    snapshot = _snapshot(tmp_path, [*fitting, inside])
    window = DayRange(date(2023, 3, 1), date(2023, 3, 31))
    assert retriever.retrieve(snapshot, "the price of oil", 5, window=window)[0].passage.title == "Bread"
    assert "Bread" not in {r.passage.title for r in retriever.retrieve(snapshot, "the price of oil", 5)}


def test_filters_stay_hard_inside_a_window() -> None:
    window = DayRange(date(2023, 3, 1), date(2023, 3, 31), 2)
    narrowed = narrowed_filters(Filters("2023-03-15", None, "Star"), window)
    assert narrowed == Filters("2023-03-15", "2023-04-02", "Star")
    assert narrowed_filters(Filters(published_before="2023-03-10"), window) == Filters("2023-03-01", "2023-03-10")
    assert narrowed_filters(Filters(published_after="2024-01-01"), window) is None
    assert narrowed_filters(None, DayRange(None, date(2023, 3, 1))) == Filters(None, "2023-03-01")
    assert narrowed_filters(None, DayRange(date(2023, 3, 1), None)) == Filters("2023-03-01", None)
    assert narrowed_filters(None, DayRange(date(9999, 12, 1), date.max, 31)) == Filters("9999-12-01", None)
