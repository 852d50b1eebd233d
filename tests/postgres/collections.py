"""Collections on a real PostgreSQL server with the fake embedder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from index.chunker import Chunker
from index.embedder import Embedder
from index.embedding_cache import EmbeddingCache
from index.passage_feed import PassageFeed
from index.postgres.builder import PostgresBuilder
from index.postgres.collection import PostgresCollection
from index.postgres.library import PostgresLibrary
from index.postgres.passages import PassageStore
from index.postgres.servers import Server
from index.protocols import NamesArticles
from tests.fakes import SMALL_PASSAGES, TITLE_WEIGHT, HashEmbedder


@dataclass(frozen=True, slots=True)
class OnServers:
    """A collection and what it is made of; closing the store closes all connections."""

    server: Server
    library: PostgresLibrary
    store: PassageStore
    builder: PostgresBuilder
    collection: PostgresCollection


def open_on(
    urls: Sequence[str],
    *,
    embedder: Embedder | None = None,
    lock_timeout_seconds: float = 5.0,
    keep: int = 3,
    grace_seconds: float = 0.0,
    patience_seconds: float = 5.0,
    mentions: Sequence[NamesArticles] = (),
) -> OnServers:
    """Open, or begin, a collection; the first address is the main server's, others hold the passages."""
    embedder = embedder or HashEmbedder()
    main, *shards = [Server(url, patience_seconds=patience_seconds) for url in urls]
    library = PostgresLibrary(main)
    store = PassageStore(main, shards, title_weight=TITLE_WEIGHT, grace_seconds=grace_seconds)
    store.prepare()
    cache = EmbeddingCache(library.database, model_id=embedder.model_id, dim=embedder.dim)
    chunker = Chunker(embedder.count_tokens, SMALL_PASSAGES)
    builder = PostgresBuilder(
        library,
        store,
        PassageFeed(library, cache, embedder, chunker),
        embedder_id=embedder.model_id,
        dim=embedder.dim,
        chunker=SMALL_PASSAGES.to_json(),
        keep=keep,
    )
    collection = PostgresCollection(
        library, store, builder, lock_timeout_seconds=lock_timeout_seconds, mentions=mentions
    )
    return OnServers(main, library, store, builder, collection)
