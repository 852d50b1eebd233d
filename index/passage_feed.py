"""Turns revisions into passages with their vectors, a batch at a time; knows nothing of indexes or generations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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


class PassageFeed:
    """Reads from the library; embeds what the cache lacks, and keeps it there."""

    def __init__(self, library: Library, cache: EmbeddingCache, embedder: Embedder, chunker: Chunker) -> None:
        self._library = library
        self._cache = cache
        self._embedder = embedder
        self._chunker = chunker

    def batches(self, revision_ids: Sequence[int], passages_per_batch: int) -> Iterator[Batch]:
        """The passages of these revisions in their order.

        :param passages_per_batch: A batch ends with the article that reaches this many.
        """
        passages: list[Passage] = []
        num_done = 0
        for num_done, revision in enumerate(self._library.revisions(revision_ids), start=1):
            passages.extend(self._passages(revision))
            if len(passages) >= passages_per_batch:
                yield Batch(passages, self._embed(passages), num_done)
                passages = []
        if passages:
            yield Batch(passages, self._embed(passages), num_done)

    def _passages(self, revision: Revision) -> Iterator[Passage]:
        article = revision.article
        for ordinal, span in enumerate(self._chunker.chunk(article.text)):
            yield passage_of(article, revision.revision_id, ordinal, span.start, span.end)

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
