"""Reads a damaged library as the app does and says how the damage was met; knows nothing of who damaged it."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from index.builder import embedding_input
from index.chunker import Chunker
from index.database import Database
from index.embedding_cache import EmbeddingCache
from index.errors import ArticleQAError
from index.library import Library, Revision
from index.library_listing import LibraryListing, ListFilters
from index.types import Article, FloatArray, passage_of
from tests.fakes import SMALL_PASSAGES, HashEmbedder, open_parts
from tests.torture.channel import Channel


class _Truth:
    """What a library holds while it is whole."""

    def __init__(self, folder: Path) -> None:
        library = Library(Database(folder / "library.sqlite"))
        self.revisions = {
            r.revision_id: r.article for r in LibraryListing(library.database).articles(ListFilters(), limit=1000)[0]
        }
        self.history = {
            r.revision_id: r.article for a in self.revisions.values() for r in library.history(a.article_id)
        }
        self.indexable = library.indexable_revision_ids()
        self.texts = _embedded_texts(self.revisions)
        self.vectors = _cache(folder).get(self.texts)


def _cache(folder: Path) -> EmbeddingCache:
    embedder = HashEmbedder()
    return EmbeddingCache(Database(folder / "library.sqlite"), model_id=embedder.model_id, dim=embedder.dim)


def _embedded_texts(articles: dict[int, Article]) -> list[str]:
    chunker = Chunker(HashEmbedder().count_tokens, SMALL_PASSAGES)
    return [
        embedding_input(passage_of(article, revision_id, ordinal, span.start, span.end))
        for revision_id, article in articles.items()
        for ordinal, span in enumerate(chunker.chunk(article.text))
    ]


def read_library(channel: Channel, *, whole: str, folder: str) -> None:
    """For every word received, read ``folder``'s library and compare it with the whole one's."""
    truth = _Truth(Path(whole))
    while True:
        channel.receive()
        channel.send(**_compare(truth, Path(folder)))


def _compare(truth: _Truth, folder: Path) -> dict[str, Any]:
    """``met``: "harmless" (all reads back equal), "refused" (an error), or "reported" (by the check)."""
    problems: list[str] = []
    refused: list[str] = []

    def tried(action: Callable[[], Any]) -> Any:
        try:
            return action()
        except ArticleQAError as error:
            refused.append(str(error))
        except Exception as error:  # noqa: BLE001 (the finding itself)
            problems.append(f"{type(error).__name__} instead of one clear line: {traceback.format_exc()[-1500:]}")
        return None

    library = tried(lambda: Library(Database(folder / "library.sqlite")))
    if library is None:
        return {"met": "refused", "problems": problems}
    listed = tried(lambda: LibraryListing(library.database).articles(ListFilters(), limit=1000)[0])
    indexable = tried(library.indexable_revision_ids)
    found = [r for i in truth.history for r in tried(lambda i=i: list(library.revisions([i]))) or []]  # type: ignore[misc]
    served = [*(listed or []), *found]
    problems += _changed(truth, served)
    problems += _changed_vectors(truth, tried(lambda: _cache(folder).get(truth.texts)))
    is_complete = listed is not None and {r.revision_id for r in listed} == set(truth.revisions)
    is_complete = is_complete and indexable == truth.indexable and len(found) == len(truth.history)
    if refused:
        return {"met": "refused", "problems": problems}
    if tried(library.check):
        return {"met": "reported", "problems": problems}
    if not is_complete:
        # An empty file is a new library to SQLite; the index must refuse to follow it.
        tried(lambda: open_parts(folder).collection.update())
        if refused:
            return {"met": "refused", "problems": problems}
        problems.append("articles are missing, no check says so, and the index follows")
    return {"met": "harmless", "problems": problems}


def _changed(truth: _Truth, served: Sequence[Revision]) -> list[str]:
    return [
        f"revision {revision.revision_id} was served changed: {revision.article}"
        for revision in served
        if truth.history.get(revision.revision_id) != revision.article
    ]


def _changed_vectors(truth: _Truth, vectors: Sequence[FloatArray | None] | None) -> list[str]:
    pairs = zip(truth.vectors, vectors or [None] * len(truth.vectors), strict=True)
    num_changed = sum(got is not None and want is not None and not np.array_equal(got, want) for want, got in pairs)
    return [f"{num_changed} cached vectors were served changed"] if num_changed else []
