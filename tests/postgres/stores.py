"""Fills a store of passages with articles, as the builder does: chunked, embedded, loaded in several generations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from index.chunker import Chunker
from index.passage_feed import embedding_input
from index.postgres.generation_rows import ManifestFields
from index.postgres.loading import Loading
from index.postgres.passages import PassageStore
from index.postgres.servers import Server
from index.types import Article, FloatArray, Passage, passage_of
from tests.fakes import SMALL_PASSAGES, TITLE_WEIGHT, HashEmbedder

EMBEDDER = HashEmbedder()
FIELDS = ManifestFields(EMBEDDER.model_id, SMALL_PASSAGES.to_json())


@contextmanager
def open_store(urls: Sequence[str], *, answer_seconds: float = 20.0, **settings: object) -> Iterator[PassageStore]:
    """A store whose main server is the first address; with more than one all of them are its shards."""
    servers = [Server(url, patience_seconds=5, answer_seconds=answer_seconds) for url in urls]
    store = PassageStore(servers[0], servers if len(servers) > 1 else (), **{"title_weight": TITLE_WEIGHT, **settings})  # type: ignore[arg-type]
    store.prepare()
    try:
        yield store
    finally:
        store.close()


def passages_of(revision_id: int, article: Article) -> list[Passage]:
    spans = Chunker(EMBEDDER.count_tokens, SMALL_PASSAGES).chunk(article.text)
    return [passage_of(article, revision_id, ordinal, span.start, span.end) for ordinal, span in enumerate(spans)]


def vectors_of(passages: Sequence[Passage]) -> FloatArray:
    return HashEmbedder().embed_passages([embedding_input(passage) for passage in passages])


def put(load: Loading, articles: Iterable[tuple[int, Article]]) -> None:
    """Load articles, each with the id of its revision."""
    passages = [passage for revision_id, article in articles for passage in passages_of(revision_id, article)]
    load.put(passages, vectors_of(passages) if passages else np.zeros((0, EMBEDDER.dim), dtype=np.float32))


def publish(
    store: PassageStore,
    articles: Iterable[tuple[int, Article]] = (),
    *,
    drop: Sequence[int] = (),
    erase: Sequence[int] = (),
    parent: str | None = "current",
) -> str:
    """A generation with more and fewer articles than the live one, or than another parent."""
    parent = store.current() if parent == "current" else parent
    with store.loading(parent, dim=EMBEDDER.dim) as load:
        load.drop(drop)
        load.erase(erase)
        put(load, articles)
        return load.commit(FIELDS)
