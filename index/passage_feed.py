"""Turns revisions into passages with their vectors, a batch at a time; knows nothing of indexes or generations."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from index.chunker import Chunker
from index.embedder import Embedder
from index.embedding_cache import EmbeddingCache
from index.library import Library, Revision
from index.types import FloatArray, Passage, passage_of


@dataclass(frozen=True, slots=True)
class Batch:
    """Passages of whole articles with vectors (n, dim), and how many articles are done after it."""

    passages: list[Passage]
    vectors: FloatArray
    num_done: int


@dataclass(frozen=True, slots=True)
class Unit:
    """Texts (at least one, none twice) that the cache lacks, to be given to an embedder together and in this order.

    They are those that one process embeds together, since the rest of a batch can change a vector's last bits.
    ``article_ids`` says whose text each is; ``num_done`` how many articles are done after it.
    """

    texts: tuple[str, ...]
    article_ids: tuple[str, ...]
    num_done: int


Keep = Callable[[Unit, FloatArray], None]
"""Called with a unit and its vectors (n, dim), in any order of the units; they are safe in the cache afterwards."""


class EmbedAhead(Protocol):
    """Embeds before the feed asks for it, by other means than the feed's embedder."""

    def embed(self, units: Iterator[Unit], keep: Keep, num_articles: int) -> None:
        """Have each unit kept; ``units`` may be asked for more in a thread other than the one that calls ``keep``.

        :param num_articles: That ``Unit.num_done`` counts up to.
        """
        ...


class PassageFeed:
    """Reads from the library; embeds what the cache lacks, and keeps it there.

    :param ahead: Fills the cache before the batches are made; what it leaves out is embedded here.
    """

    def __init__(
        self,
        library: Library,
        cache: EmbeddingCache,
        embedder: Embedder,
        chunker: Chunker,
        ahead: EmbedAhead | None = None,
    ) -> None:
        self._library = library
        self._cache = cache
        self._embedder = embedder
        self._chunker = chunker
        self._ahead = ahead

    def batches(self, revision_ids: Sequence[int], passages_per_batch: int) -> Iterator[Batch]:
        """The passages of these revisions in their order.

        :param passages_per_batch: A batch ends with the article that reaches this many.
        """
        if self._ahead is not None:
            self._embed_ahead(self._ahead, revision_ids, passages_per_batch)
        for passages, num_done in self._groups(revision_ids, passages_per_batch):
            yield Batch(passages, self._embed(passages), num_done)

    def _embed_ahead(self, ahead: EmbedAhead, revision_ids: Sequence[int], passages_per_batch: int) -> None:
        in_work: set[str] = set()

        def units() -> Iterator[Unit]:
            for passages, num_done in self._groups(revision_ids, passages_per_batch):
                missing = self._missing(passages, in_work)
                if missing:
                    in_work.update(missing)
                    yield Unit(tuple(missing), tuple(missing.values()), num_done)

        def keep(unit: Unit, vectors: FloatArray) -> None:
            self._cache.put(unit.texts, vectors, unit.article_ids)
            in_work.difference_update(unit.texts)

        ahead.embed(units(), keep, len(revision_ids))

    def _groups(self, revision_ids: Sequence[int], passages_per_batch: int) -> Iterator[tuple[list[Passage], int]]:
        """The passages of each batch, and how many articles are done after it."""
        passages: list[Passage] = []
        num_done = 0
        for num_done, revision in enumerate(self._library.revisions(revision_ids), start=1):
            passages.extend(self._passages(revision))
            if len(passages) >= passages_per_batch:
                yield passages, num_done
                passages = []
        if passages:
            yield passages, num_done

    def _passages(self, revision: Revision) -> Iterator[Passage]:
        article = revision.article
        for ordinal, span in enumerate(self._chunker.chunk(article.text)):
            yield passage_of(article, revision.revision_id, ordinal, span.start, span.end)

    def _missing(self, passages: Sequence[Passage], in_work: Container[str]) -> dict[str, str]:
        """Each text that is neither in work nor in the cache, and the article it belongs to.

        In this order: what leaves ``in_work`` while this looks was put into the cache before.
        """
        article_ids = {text: p.article_id for p in passages if (text := embedding_input(p)) not in in_work}
        vectors = self._cache.get(list(article_ids))
        return {text: id_ for (text, id_), v in zip(article_ids.items(), vectors, strict=True) if v is None}

    def _embed(self, passages: Sequence[Passage]) -> FloatArray:
        """(n, dim), from the cache where it can; what had to be computed is committed to the cache at once."""
        texts = [embedding_input(passage) for passage in passages]
        vectors = self._cache.get(texts)
        missing = {text: i for i, (text, vector) in enumerate(zip(texts, vectors, strict=True)) if vector is None}
        if not missing:
            return np.stack([vector for vector in vectors if vector is not None])
        computed = self._embedder.embed_passages(list(missing))
        self._cache.put(list(missing), computed, [passages[i].article_id for i in missing.values()])
        new = dict(zip(missing, computed, strict=True))
        return np.stack([new[text] if vector is None else vector for text, vector in zip(texts, vectors, strict=True)])


def embedding_input(passage: Passage) -> str:
    """The text that stands for a passage in the dense index: its title in front helps, the lexical side has its own."""
    return f"{passage.title}\n{passage.text}"
