"""Turns the configuration into the stores on PostgreSQL; imported only where ``index.url`` is set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from index.builder import Progress
from index.chunker import Chunker
from index.database import Database
from index.embedder import Embedder
from index.embedding_cache import EmbeddingCache
from index.errors import ConfigError
from index.passage_feed import EmbedAhead, PassageFeed
from index.postgres.builder import Check, PostgresBuilder
from index.postgres.collection import PostgresCollection
from index.postgres.history import PostgresHistory
from index.postgres.library import PostgresLibrary
from index.postgres.library_schema import LIBRARY_TABLES, highest_revision, keep_numbering
from index.postgres.passages import PassageStore
from index.postgres.servers import Connection, Server
from index.postgres.table_copy import copy_tables
from index.protocols import NamesArticles
from index.sql import SqlDatabase
from qa.common import Common
from qa.config import Config
from qa.kept_file import SCHEMA as KEPT_SCHEMA
from qa.kept_file import KeptStore
from qa.shared.kept import KeptTables
from qa.shared.keyed_replies import TableOfReplies
from qa.shared.request_counts import TableOfCounts
from qa.shared.schema import KEPT_TABLES
from qa.shared.users import UsersTable, take_over
from qa.users import USERS_FILE, Users


def library_of(config: Config) -> PostgresLibrary:
    """The library on the main server, and its tables made where there are none."""
    return _library(_url(config))


def database_of(config: Config) -> SqlDatabase:
    """What else is kept beside the library."""
    return library_of(config).database


def history_of(config: Config) -> PostgresHistory:
    """The library and the generations alone, for commands that need no model."""
    return PostgresHistory(library_of(config), _store(config))


def collection_of(
    config: Config,
    embedder: Embedder,
    chunker: Chunker,
    *,
    ahead: EmbedAhead | None = None,
    verify: Check | None = None,
    mentions: Sequence[NamesArticles] = (),
) -> PostgresCollection:
    """See :class:`index.postgres.collection.PostgresCollection`."""
    library, store = library_of(config), _store(config)
    cache = EmbeddingCache(library.database, model_id=embedder.model_id, dim=embedder.dim)
    settings: Mapping[str, int] = chunker.settings.to_json()
    builder = PostgresBuilder(
        library,
        store,
        PassageFeed(library, cache, embedder, chunker, ahead),
        embedder_id=embedder.model_id,
        dim=embedder.dim,
        chunker=settings,
        keep=config.index.keep_generations,
    )
    return PostgresCollection(library, store, builder, verify=verify, mentions=mentions)


def kept_of(config: Config) -> KeptStore:
    """Where conversations and feedback are kept."""
    return _kept(_url(config))


def common_of(config: Config) -> Common:
    """What app processes on one index share."""
    url = _url(config)
    counts = Server(
        url,
        max_connections=2,
        max_writers=2,
        connect_timeout_seconds=2.0,
        statement_timeout_seconds=2.0,
        patience_seconds=0.0,
    )
    return Common(UsersTable(_server(url)), TableOfCounts(counts), TableOfReplies(_server(url)))


def copy_from_files(config: Config, progress: Progress) -> dict[str, int]:
    """Copy the library, the conversations and the users of the data folder, all or none; how many of what.

    :raises BadInputError: If the server holds any already, or they hold what it cannot.
    """
    folder = config.data_dir
    library_of(config), kept_of(config)  # makes the tables
    users = Users(folder / USERS_FILE).all()
    library = Database(folder / "library.sqlite")
    sources: dict[Database, Sequence[str]] = {library: LIBRARY_TABLES}
    if (folder / "conversations.sqlite").exists():
        sources[Database(folder / "conversations.sqlite", KEPT_SCHEMA)] = KEPT_TABLES
    highest = highest_revision(library)

    def first(connection: Connection) -> None:
        take_over(users, connection)
        keep_numbering(highest, connection)

    counts = dict.fromkeys(KEPT_TABLES, 0) | copy_tables(sources, _server(_url(config)), progress, first)
    return counts | {"users": len(users)}


def _store(config: Config) -> PassageStore:
    index = config.index
    return _passages(
        _url(config),
        index.shards,
        title_weight=config.retrieval.title_weight,
        flat_limit=index.flat_limit,
        allow_partial=index.allow_partial,
    )


def _url(config: Config) -> str:
    """:raises ConfigError: If there is none."""
    if config.index.url is None:
        raise ConfigError("index.url is not set")
    return config.index.url


# One pool of connections for each server in a process, however many objects use it.
@cache
def _server(url: str) -> Server:
    return Server(url)


@cache
def _library(url: str) -> PostgresLibrary:
    return PostgresLibrary(_server(url))


@cache
def _kept(url: str) -> KeptTables:
    return KeptTables(_server(url))


@cache
def _passages(
    url: str, shards: tuple[str, ...], *, title_weight: float, flat_limit: int, allow_partial: bool
) -> PassageStore:
    store = PassageStore(
        _server(url),
        [_server(shard) for shard in shards],
        title_weight=title_weight,
        flat_limit=flat_limit,
        allow_partial=allow_partial,
    )
    store.prepare()
    return store
