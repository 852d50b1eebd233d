"""Looking for more and sifting it finds the same, with the same scores, as looking under the filters does."""

from __future__ import annotations

import pytest

import index.snapshot as snapshot_module
from index.snapshot import Snapshot
from index.types import Filters, make_article
from tests.fakes import open_parts


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Articles of three sources over 60 days; "rare" stands in the oldest only, "star" in the Evening Star only."""
    articles = []
    for number in range(120):
        star = " Our star reporter was there." * (number % 3 == 0)
        rare = " A rare visitor came." * (number < 12)
        text = f"{'Rain. ' * (number % 7)}The council spoke of the harbour and plan {number}.{rare}{star}"
        articles.append(
            make_article(
                text,
                title=f"Council meeting {number}",
                url=f"https://news.example/{number}",
                source=("Evening Star", "Morning Post", "Daily")[number % 3],
                published_at=f"2024-{1 + number // 60:02d}-{1 + number % 28:02d}" if number % 10 else None,
            )
        )
    collection = open_parts(tmp_path_factory.mktemp("sifting")).collection
    collection.add(articles)
    collection.remove([articles[40].article_id, articles[41].article_id])
    found = collection.snapshot()
    assert found is not None
    return found


@pytest.mark.parametrize("k", [1, 5, 20, 200])
@pytest.mark.parametrize("question", ["council harbour plan", "a rare visitor", "star reporter", "plan 17", "nothing"])
@pytest.mark.parametrize(
    "filters",
    [
        Filters(source="Morning Post"),
        Filters(source="Nobody"),
        Filters(published_after="2024-02-01"),
        Filters(published_before="2024-01-20"),
        Filters(published_after="2024-01-03", published_before="2024-02-25", source="Daily"),
        Filters(published_after="2024-01-02", published_before="2024-02-27"),
    ],
)
def test_the_same_is_found(
    snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch, filters: Filters, question: str, k: int
) -> None:
    monkeypatch.setattr(snapshot_module, "_MIN_SIFTED_SHARE", 0.001)
    sifted = {candidate.passage_id: candidate for candidate in snapshot.search(question, None, k, filters)}
    monkeypatch.setattr(snapshot_module, "_MIN_SIFTED_SHARE", 2.0)
    reference = {candidate.passage_id: candidate for candidate in snapshot.search(question, None, 1000, filters)}
    assert all(reference[passage_id] == candidate for passage_id, candidate in sifted.items())
    scores = sorted((candidate.bm25 for candidate in reference.values()), reverse=True)
    assert sorted((candidate.bm25 for candidate in sifted.values()), reverse=True) == scores[:k]


def test_little_that_is_left_is_looked_for_under_the_filters(
    snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the passages are left, but none of those with the words: what was sifted away is not all there is."""
    asked: list[tuple[int, bool]] = []
    search = snapshot.lexical.search

    def noted(text: str, k: int, filters: Filters) -> dict[int, float]:
        asked.append((k, filters.is_empty))
        return search(text, k, filters)

    monkeypatch.setattr(snapshot.lexical, "search", noted)
    late = Filters(published_after="2024-02-01")
    assert snapshot.search("rare visitor", None, 2, late) == []
    assert [is_empty for _, is_empty in asked] == [True, False]
    asked.clear()
    assert len(snapshot.search("plan 100 101 102", None, 2, late)) == 2
    assert [is_empty for _, is_empty in asked] == [True] and asked[0][0] > 2
