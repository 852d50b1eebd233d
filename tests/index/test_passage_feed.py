"""What is handed out to be embedded ahead are the batches that one process would embed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from index.chunker import Chunker
from index.embedding_cache import EmbeddingCache
from index.passage_feed import Batch, EmbedAhead, Keep, PassageFeed, Unit
from index.types import Article, FloatArray, make_article
from tests.fakes import SMALL_PASSAGES, HashEmbedder, Parts, numbered_article, numbered_articles, open_parts

_PASSAGES_PER_BATCH = 6  # two articles


class Recording(HashEmbedder):
    """Remembers what was embedded together."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, ...]] = []

    def embed_passages(self, texts: Sequence[str]) -> FloatArray:
        self.calls.append(tuple(texts))
        return super().embed_passages(texts)


class Shuffled:
    """Takes a few units at once and keeps them in another order; remembers them."""

    def __init__(self, at_once: int, leave_out: int = -1) -> None:
        self.units: list[Unit] = []
        self.num_articles = 0
        self._at_once, self._leave_out = at_once, leave_out

    def embed(self, units: Iterator[Unit], keep: Keep, num_articles: int) -> None:
        self.num_articles = num_articles
        chance, waiting = random.Random(3), list[Unit]()
        for unit in units:
            self.units.append(unit)
            waiting.append(unit)
            if len(waiting) == self._at_once:
                self._keep(chance, waiting, keep)
        self._keep(chance, waiting, keep)

    def _keep(self, chance: random.Random, waiting: list[Unit], keep: Keep) -> None:
        chance.shuffle(waiting)
        for unit in waiting:
            if self.units.index(unit) != self._leave_out:
                keep(unit, HashEmbedder().embed_passages(unit.texts))
        waiting.clear()


def _feed(parts: Parts, embedder: HashEmbedder, ahead: EmbedAhead | None = None) -> PassageFeed:
    cache = EmbeddingCache(parts.database, model_id=embedder.model_id, dim=embedder.dim)
    return PassageFeed(parts.library, cache, embedder, Chunker(embedder.count_tokens, SMALL_PASSAGES), ahead)


def _batches(parts: Parts, embedder: HashEmbedder, ahead: EmbedAhead | None = None) -> list[Batch]:
    ids = parts.library.indexable_revision_ids()
    return list(_feed(parts, embedder, ahead).batches(ids, _PASSAGES_PER_BATCH))


@pytest.fixture
def library(tmp_path: Path) -> Parts:
    """Twenty articles of three passages; five more share passages with earlier ones, some in the batch before."""
    parts = open_parts(tmp_path / "some")
    parts.collection.accept(numbered_articles(20))
    for number in (3, 4, 12, 18, 19):
        one = numbered_article(number)
        text = f"{one.text}\n\nWhat was said there was printed as number {number} too."
        parts.collection.accept([_copy(one, text, number)])
    return parts


def _copy(one: Article, text: str, number: int) -> Article:
    return make_article(text, title=one.title, url=f"https://copy.example/{number}")


@pytest.mark.parametrize("at_once", [1, 2, 5, 100])
def test_units_are_what_one_process_embeds_together(library: Parts, tmp_path: Path, at_once: int) -> None:
    alone = Recording()
    other = open_parts(tmp_path / "other")
    other.collection.accept([r.article for r in library.library.revisions(library.library.indexable_revision_ids())])
    _batches(other, alone)
    ahead, none = Shuffled(at_once), Recording()
    _batches(library, none, ahead)
    assert [unit.texts for unit in ahead.units] == alone.calls
    assert none.calls == []
    texts = [text for unit in ahead.units for text in unit.texts]
    assert len(texts) == len(set(texts)) == 20 * 3 + 5
    assert (ahead.units[-1].num_done, ahead.num_articles) == (25, 25)


def test_batches_are_the_same_with_and_without_help(library: Parts) -> None:
    helped = _batches(library, Recording(), Shuffled(4))
    alone = _batches(library, Recording())
    assert [batch.passages for batch in helped] == [batch.passages for batch in alone]
    assert [batch.num_done for batch in helped] == [batch.num_done for batch in alone]
    for some, same in zip(helped, alone, strict=True):
        np.testing.assert_array_equal(some.vectors, same.vectors)


def test_what_was_left_out_is_embedded_here(library: Parts) -> None:
    ahead, here = Shuffled(4, leave_out=2), Recording()
    _batches(library, here, ahead)
    assert here.calls == [ahead.units[2].texts]


def test_what_is_cached_is_not_handed_out_again(library: Parts) -> None:
    _batches(library, Recording(), Shuffled(4))
    again = Shuffled(4)
    _batches(library, Recording(), again)
    assert again.units == []


def test_a_unit_says_whose_its_texts_are(library: Parts) -> None:
    ahead = Shuffled(1)
    _batches(library, Recording(), ahead)
    article = numbered_article(0)
    assert ahead.units[0].article_ids[:3] == (article.article_id,) * 3
    assert all(text.startswith(f"{article.title}\n") for text in ahead.units[0].texts[:3])


def test_vectors_of_an_article_that_goes_meanwhile_are_not_kept(library: Parts) -> None:
    class RemovesFirst(Shuffled):
        def _keep(self, chance: random.Random, waiting: list[Unit], keep: Keep) -> None:
            library.library.remove([numbered_article(0).article_id])
            super()._keep(chance, waiting, keep)

    _batches(library, Recording(), RemovesFirst(100))
    cache = EmbeddingCache(library.database, model_id="hash-words", dim=64)
    title = numbered_article(0).title
    with library.database.read() as connection:
        rows = connection.execute(
            "SELECT COUNT(*) FROM embeddings WHERE article_id = ?", (numbered_article(0).article_id,)
        )
        assert rows.fetchone()[0] == 0
    assert cache.get([f"{title}\nVersion1 of the plan was read aloud in place0 by its author."]) == [None]
