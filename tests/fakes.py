"""An embedder without a model, articles with known words, and an index put together in a temporary folder."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from index.builder import Builder
from index.chunker import Chunker, ChunkerSettings
from index.collection import Collection
from index.database import Database
from index.embedder import Embedder
from index.embedding_cache import EmbeddingCache
from index.generations import Generations
from index.library import Library
from index.types import Article, FloatArray, make_article

SMALL_PASSAGES = ChunkerSettings(min_tokens=6, max_tokens=12)
TITLE_WEIGHT = 0.3
_WORD = re.compile(r"\w+")


class HashEmbedder:
    """The sum of one SHA-seeded unit vector a word, normalised: texts that share words are close, others are not.

    The same text gives the same vector on every machine. ``embedded`` records every passage ever embedded.
    """

    def __init__(self, *, dim: int = 64, model_id: str = "hash-words") -> None:
        self._dim = dim
        self._model_id = model_id
        self.embedded: list[str] = []

    @property
    def model_id(self) -> str:
        return self._model_id

    @property
    def dim(self) -> int:
        return self._dim

    def embed_query(self, text: str) -> FloatArray:
        return text_vector(text, self._dim)

    def embed_passages(self, texts: Sequence[str]) -> FloatArray:
        self.embedded.extend(texts)
        return np.array([text_vector(text, self._dim) for text in texts], dtype=np.float32).reshape(-1, self._dim)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]


def text_vector(text: str, dim: int = 64) -> FloatArray:
    """(dim,) float32, unit norm."""
    words = _WORD.findall(text.lower()) or [""]
    total = np.sum([_word_vector(word, dim) for word in words], axis=0)
    return np.asarray(total / np.linalg.norm(total), dtype=np.float32)


@cache
def _word_vector(word: str, dim: int) -> FloatArray:
    seed = int.from_bytes(hashlib.sha256(word.encode("utf-8")).digest()[:8], "big")
    vector = np.random.default_rng(seed).standard_normal(dim)
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Parts:
    """An index and the objects it is made of, all on one folder."""

    folder: Path
    database: Database
    library: Library
    generations: Generations
    embedder: Embedder
    builder: Builder
    collection: Collection

    def reopened(self) -> Collection:
        """Another collection on the same folder, as a new process would open it."""
        return open_parts(self.folder, embedder=self.embedder).collection

    @property
    def live_folder(self) -> Path:
        name = self.generations.current()
        assert name is not None
        return self.generations.path(name)


def open_parts(
    folder: Path,
    *,
    embedder: Embedder | None = None,
    settings: ChunkerSettings = SMALL_PASSAGES,
    flat_limit: int = 100_000,
    keep: int = 3,
    lock_timeout_seconds: float = 5.0,
    index_name: str = "index",
) -> Parts:
    """Open, or begin, an index in ``folder``."""
    embedder = embedder or HashEmbedder()
    database = Database(folder / "library.sqlite")
    library = Library(database)
    generations = Generations(folder / index_name, keep=keep)
    cache = EmbeddingCache(database, model_id=embedder.model_id, dim=embedder.dim)
    chunker = Chunker(embedder.count_tokens, settings)
    builder = Builder(library, generations, cache, embedder, chunker, flat_limit=flat_limit)
    collection = Collection(
        library, generations, builder, title_weight=TITLE_WEIGHT, lock_timeout_seconds=lock_timeout_seconds
    )
    return Parts(folder, database, library, generations, embedder, builder, collection)


def numbered_article(number: int, *, version: int = 1) -> Article:
    """Article ``number`` of a series; only it holds the words "subject<number>" and "place<number>".

    Three passages under ``SMALL_PASSAGES``. Sources alternate between two names, and each is a day newer than the last.
    """
    text = (
        f"The council of place{number} met to speak about subject{number} again today.\n\n"
        f"Version{version} of the plan was read aloud in place{number} by its author.\n\n"
        f"Nobody in the hall objected to subject{number} before the meeting ended."
    )
    return make_article(
        text,
        title=f"Meeting about subject{number}",
        url=f"https://news.example/{number}",
        source=("Morning Post", "Evening Star")[number % 2],
        published_at=f"2024-{1 + number // 28 % 12:02d}-{1 + number % 28:02d}",
    )


def numbered_articles(count: int, *, first: int = 0) -> list[Article]:
    return [numbered_article(number) for number in range(first, first + count)]


def retitled(article: Article, title: str) -> Article:
    """The same text under another title: another content hash, the same text hash."""
    changed = make_article(
        article.text,
        title=title,
        url=article.url,
        source=article.source,
        published_at=article.published_at,
        article_id=article.article_id,
    )
    assert changed.text_hash == article.text_hash
    return replace(changed, metadata=article.metadata)
