"""What every store of passages must do, whoever implements it; the embedded index runs the suite below.

Another implementation inherits :class:`PassageSnapshotContract` and says how a snapshot of some articles is made.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from index.builder import embedding_input
from index.lexical import day_of
from index.protocols import PassageSnapshot
from index.types import Article, Candidate, Filters, Passage, make_article
from tests.fakes import HashEmbedder, numbered_article, numbered_articles, open_parts

_UNDATED = make_article(
    "An undated piece about subject3 from nobody in particular.", title="Undated piece", url="https://news.example/u"
)
_BARE = make_article("Bare words of subject4 without source or url.", title="Bare words", published_at="2024-01-05")
ARTICLES = [*numbered_articles(12), _UNDATED, _BARE]


class PassageSnapshotContract(ABC):
    """Tests of :class:`index.protocols.PassageSnapshot` over ``ARTICLES``, embedded with :class:`HashEmbedder`."""

    embedder = HashEmbedder()

    @classmethod
    @abstractmethod
    def make_snapshot(cls, folder: Path, articles: Sequence[Article]) -> PassageSnapshot:
        """A snapshot of an index that holds exactly these articles."""

    @pytest.fixture(scope="class")
    @classmethod
    def snapshot(cls, tmp_path_factory: pytest.TempPathFactory) -> PassageSnapshot:
        return cls.make_snapshot(tmp_path_factory.mktemp("snapshot"), ARTICLES)

    def _search(
        self, snapshot: PassageSnapshot, text: str, k: int = 10, filters: Filters | None = None
    ) -> dict[int, Candidate]:
        candidates = snapshot.search(text, self.embedder.embed_query(text), k, filters)
        assert len(candidates) <= 2 * k
        by_id = {candidate.passage_id: candidate for candidate in candidates}
        assert len(by_id) == len(candidates)
        return by_id

    def _found_articles(self, snapshot: PassageSnapshot, text: str, filters: Filters) -> set[str]:
        found = self._search(snapshot, text, 50, filters)
        return {passage.article_id for passage in snapshot.fetch(list(found))}

    # What it holds

    def test_it_has_a_name(self, snapshot: PassageSnapshot) -> None:
        assert isinstance(snapshot.generation, str)
        assert snapshot.generation == snapshot.manifest.generation != ""

    def test_the_counts_agree(self, snapshot: PassageSnapshot) -> None:
        passages = snapshot.all_passages()
        assert snapshot.num_passages == snapshot.manifest.num_passages == len(passages)
        assert snapshot.manifest.num_articles == len(ARTICLES) == len({p.article_id for p in passages})

    def test_the_manifest_names_the_embedder_and_the_newest_day(self, snapshot: PassageSnapshot) -> None:
        assert snapshot.manifest.embedder == self.embedder.model_id
        assert snapshot.manifest.newest_published_at == max(a.published_at for a in ARTICLES if a.published_at)

    def test_every_passage_lies_in_its_article_where_it_says(self, snapshot: PassageSnapshot) -> None:
        articles = {article.article_id: article for article in ARTICLES}
        for passage in snapshot.all_passages():
            article = articles[passage.article_id]
            assert article.text[passage.start : passage.end] == passage.text != ""
            for field in ("title", "url", "source", "published_at"):
                assert getattr(passage, field) == getattr(article, field)

    def test_passages_come_by_article_and_place(self, snapshot: PassageSnapshot) -> None:
        passages = snapshot.all_passages()
        assert [p.passage_id for p in passages] == sorted({p.passage_id for p in passages})
        for before, after in zip(passages, passages[1:], strict=False):
            if before.revision_id == after.revision_id:
                assert before.end <= after.start

    def test_every_word_of_every_article_is_in_a_passage(self, snapshot: PassageSnapshot) -> None:
        texts: dict[str, list[str]] = {}
        for passage in snapshot.all_passages():
            texts.setdefault(passage.article_id, []).extend(passage.text.split())
        assert texts == {article.article_id: article.text.split() for article in ARTICLES}

    def test_passages_are_fetched_in_the_order_asked_for(self, snapshot: PassageSnapshot) -> None:
        passages = snapshot.all_passages()[::-3]
        assert snapshot.fetch([passage.passage_id for passage in passages]) == passages

    def test_fetching_nothing_gives_nothing(self, snapshot: PassageSnapshot) -> None:
        assert snapshot.fetch([]) == []

    @pytest.mark.parametrize("unknown", [0, -1, 1 << 60])
    def test_fetching_an_unknown_passage_is_an_error(self, snapshot: PassageSnapshot, unknown: int) -> None:
        known = snapshot.all_passages()[0].passage_id
        with pytest.raises(KeyError):
            snapshot.fetch([known, unknown])

    def test_an_article_that_nobody_repeats_is_a_cluster_of_its_own(self, snapshot: PassageSnapshot) -> None:
        for passage in snapshot.all_passages():
            assert snapshot.also_in(passage.revision_id) == ()
            assert snapshot.cluster_of(passage.revision_id) == passage.revision_id

    # Searching

    def test_the_words_of_a_question_find_their_passages(self, snapshot: PassageSnapshot) -> None:
        found = self._search(snapshot, "Who objected to subject7?")
        best = max(found.values(), key=lambda candidate: candidate.bm25)
        (passage,) = snapshot.fetch([best.passage_id])
        assert "objected to subject7" in passage.text

    def test_the_meaning_of_a_question_finds_its_passages(self, snapshot: PassageSnapshot) -> None:
        found = self._search(snapshot, "Who objected to subject7?")
        best = max(found.values(), key=lambda candidate: candidate.cosine)
        (passage,) = snapshot.fetch([best.passage_id])
        assert "subject7" in f"{passage.title} {passage.text}"

    def test_the_cosine_is_that_of_the_embedded_title_and_text(self, snapshot: PassageSnapshot) -> None:
        question = "Which plan was read in place5?"
        vector = self.embedder.embed_query(question)
        found = self._search(snapshot, question, 5)
        for passage in snapshot.fetch(list(found)):
            (expected,) = HashEmbedder().embed_passages([embedding_input(passage)]) @ vector
            assert found[passage.passage_id].cosine == pytest.approx(float(expected), abs=1e-5)

    @pytest.mark.parametrize("k", [1, 3, 1000])
    def test_the_k_nearest_by_meaning_are_among_the_candidates(self, snapshot: PassageSnapshot, k: int) -> None:
        question = "The council of place5 and the plan of subject9"
        passages = snapshot.all_passages()
        vectors = HashEmbedder().embed_passages([embedding_input(passage) for passage in passages])
        cosines = vectors @ self.embedder.embed_query(question)
        nearest = {passages[i].passage_id for i in np.argsort(-cosines)[:k]}
        assert nearest <= set(self._search(snapshot, question, k))

    def test_a_passage_has_the_same_scores_however_it_was_found(self, snapshot: PassageSnapshot) -> None:
        question = "The council of place5 and the plan of subject9"
        everything = self._search(snapshot, question, 1000)
        few = self._search(snapshot, question, 2)
        assert len(few) < len(everything)
        for passage_id, candidate in few.items():
            assert candidate.bm25 == pytest.approx(everything[passage_id].bm25)
            assert candidate.cosine == pytest.approx(everything[passage_id].cosine, abs=1e-6)

    def test_without_a_known_word_only_meaning_finds(self, snapshot: PassageSnapshot) -> None:
        found = self._search(snapshot, "zeppelin", 4)
        assert len(found) == 4
        assert {candidate.bm25 for candidate in found.values()} == {0.0}

    def test_it_knows_whose_vectors_it_holds(self, snapshot: PassageSnapshot) -> None:
        assert snapshot.has_vectors_of(self.embedder.model_id)
        assert not snapshot.has_vectors_of("another embedder")

    def test_without_a_vector_only_words_find_and_every_cosine_is_0(self, snapshot: PassageSnapshot) -> None:
        by_both = self._search(snapshot, "Who objected to subject3?")
        by_words = snapshot.search("Who objected to subject3?", None, 10)
        assert by_words
        assert all(candidate.cosine == 0 and candidate.bm25 > 0 for candidate in by_words)
        for candidate in by_words:
            found = by_both[candidate.passage_id]
            assert (candidate.bm25, candidate.day) == (found.bm25, found.day)
        assert snapshot.search("zeppelin", None, 10) == []

    def test_candidates_carry_the_day_of_their_article(self, snapshot: PassageSnapshot) -> None:
        found = self._search(snapshot, "subject3 subject4", 1000)
        for passage in snapshot.fetch(list(found)):
            assert found[passage.passage_id].day == day_of(passage.published_at)
        assert {found[p.passage_id].day for p in snapshot.fetch(list(found)) if p.title == _UNDATED.title} == {0}

    @pytest.mark.parametrize(
        "question", ["", "?", "title:subject3 AND NOT (", '"', "\x00", "é😀", "subject3 " * 2000, "*"]
    )
    def test_no_question_breaks_the_search(self, snapshot: PassageSnapshot, question: str) -> None:
        for candidate in self._search(snapshot, question, 5).values():
            assert candidate.bm25 >= 0
            assert -1.0001 <= candidate.cosine <= 1.0001

    def test_question_terms_carry_meaning_and_come_once(self, snapshot: PassageSnapshot) -> None:
        assert snapshot.question_terms("What did the council say of the councils?") == ["council", "say"]

    # Filters

    @pytest.mark.parametrize(
        ("filters", "expected"),
        [
            (Filters(), ARTICLES),
            (Filters(published_after="2024-01-06"), ARTICLES[5:12]),
            (Filters(published_before="2024-01-02"), ARTICLES[:2]),
            (Filters(published_after="2024-01-03", published_before="2024-01-03"), ARTICLES[2:3]),
            (Filters(published_after="2024-01-03", published_before="2024-01-02"), []),
            (Filters(published_after="2030-01-01"), []),
            (Filters(published_after="1900-01-01"), [a for a in ARTICLES if a.published_at]),
            (Filters(published_before="2100-01-01"), [a for a in ARTICLES if a.published_at]),
            (Filters(source="Morning Post"), ARTICLES[0:12:2]),
            (Filters(source="Morning"), []),
            (Filters(source="nobody"), []),
            (Filters(source="Evening Star", published_before="2024-01-02"), ARTICLES[1:2]),
        ],
    )
    @pytest.mark.parametrize("question", ["subject3 council plan piece words", "zeppelin"])
    def test_only_what_the_filters_allow_is_found(
        self, snapshot: PassageSnapshot, question: str, filters: Filters, expected: list[Article]
    ) -> None:
        found = self._found_articles(snapshot, question, filters)
        assert found == {article.article_id for article in expected}

    def test_a_filter_does_not_change_the_scores(self, snapshot: PassageSnapshot) -> None:
        everything = self._search(snapshot, "subject3 council", 1000)
        filtered = self._search(snapshot, "subject3 council", 1000, Filters(source="Evening Star"))
        assert 0 < len(filtered) < len(everything)
        for passage_id, candidate in filtered.items():
            assert candidate.bm25 == pytest.approx(everything[passage_id].bm25)
            assert candidate.cosine == pytest.approx(everything[passage_id].cosine, abs=1e-6)

    # Few articles

    def test_an_index_of_one_article_finds_it(self, tmp_path: Path) -> None:
        snapshot = self.make_snapshot(tmp_path, [numbered_article(1)])
        assert {p.article_id for p in snapshot.fetch(list(self._search(snapshot, "subject1")))} == {
            numbered_article(1).article_id
        }

    def test_an_article_as_long_as_many_is_held_whole(self, tmp_path: Path) -> None:
        text = " ".join(f"Sentence number{n} stands here alone." for n in range(600))
        snapshot = self.make_snapshot(tmp_path, [make_article(text, title="Long")])
        assert " ".join(p.text for p in snapshot.all_passages()) == text
        assert _only(snapshot, self._search(snapshot, "number417"), "number417")


def _only(snapshot: PassageSnapshot, found: dict[int, Candidate], word: str) -> Passage:
    """The one passage with the word."""
    (passage,) = [p for p in snapshot.fetch(list(found)) if word in p.text]
    return passage


class TestEmbeddedIndex(PassageSnapshotContract):
    """library.sqlite and immutable generations; see :mod:`index.collection`."""

    @classmethod
    def make_snapshot(cls, folder: Path, articles: Sequence[Article]) -> PassageSnapshot:
        collection = open_parts(folder, embedder=cls.embedder).collection
        # In several generations, so that what is tested is also what was carried over.
        for first in range(0, len(articles), 5):
            collection.add(articles[first : first + 5])
        snapshot = collection.snapshot()
        assert snapshot is not None
        return snapshot


class TestEmbeddedIndexAfterChanges(PassageSnapshotContract):
    """The same after other articles came and went, and all of these were revised."""

    @classmethod
    def make_snapshot(cls, folder: Path, articles: Sequence[Article]) -> PassageSnapshot:
        collection = open_parts(folder, embedder=cls.embedder).collection
        others = numbered_articles(10, first=100)
        collection.add([*others, *(make_article("Old text.", url=a.url, article_id=a.article_id) for a in articles)])
        collection.add(articles)
        collection.remove([article.article_id for article in others])
        snapshot = collection.snapshot()
        assert snapshot is not None
        return snapshot
