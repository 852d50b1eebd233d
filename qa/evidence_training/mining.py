"""Finds contexts that look right but may not be, with the project's own word search; knows nothing of training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from index.chunker import Chunker
from index.lexical import LexicalIndex, LexicalWriter
from index.types import Article, Filters, Passage, passage_of

_TITLE_WEIGHT = 0.2


def passages_of(articles: Sequence[Article], chunker: Chunker) -> Iterator[Passage]:
    """Every passage of every article; an article's position serves as its revision id."""
    for number, article in enumerate(articles):
        for ordinal, span in enumerate(chunker.chunk(article.text)):
            yield passage_of(article, number, ordinal, span.start, span.end)


@contextmanager
def searchable(passages: Iterable[Passage]) -> Iterator[Callable[[str, int], list[tuple[Passage, float]]]]:
    """A function (query, k) -> the k best passages with their BM25, best first, over passages kept for this block."""
    # The search engine may still write to its folder when it is let go.
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        writer = LexicalWriter(Path(folder))
        for passage in passages:
            writer.add(passage)
        writer.commit()
        index = LexicalIndex(Path(folder), title_weight=_TITLE_WEIGHT)

        def search(query: str, k: int) -> list[tuple[Passage, float]]:
            hits = index.search(query, k, Filters())
            ids = sorted(hits, key=lambda passage_id: (-hits[passage_id], passage_id))
            return [(p, hits[p.passage_id]) for p in index.fetch(ids)]

        yield search
