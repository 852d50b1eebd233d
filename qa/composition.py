"""The composition root: turns configuration into the objects that do the work; the only place that reads it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from index.add_reports import AddReports
from index.base_collection import BaseCollection
from index.builder import Builder
from index.chunker import Chunker, ChunkerSettings
from index.collection import Collection
from index.database import Database
from index.embedder import Embedder
from index.embedding_cache import EmbeddingCache
from index.fetching import AddressPolicy, Fetcher, FetchLimits, PoliteFetcher, WebFetcher
from index.generation_list import FolderHistory, History
from index.generations import Generations
from index.library import Library
from index.model_files import find_embedder, hidden_size, weights_sha256
from index.passage_feed import EmbedAhead
from index.protocols import NamesArticles, PassageSnapshot
from index.sources.fetch_log import FetchLog
from index.sources.intake import AddressIntake, Taken
from index.sql import SqlDatabase
from qa.common import Common
from qa.config import Config, EmbedderConfig, FetchConfig, ReaderConfig
from qa.configured_generator import LoadProgress, build_generator, no_load_progress
from qa.configured_pipeline import build_pipeline
from qa.evidence import EvidenceReader
from qa.generators.protocol import Generator
from qa.kept import Kept
from qa.kept_file import KeptFile, KeptStore
from qa.lazy_embedder import LazyEmbedder
from qa.lazy_reader import LazyReader
from qa.packaged_reader import PACKAGED_READER_ID, packaged_reader_path
from qa.pipeline import Pipeline
from qa.probes import probe_verifier
from qa.source_schedule import ScheduledSource, SourceSchedule
from qa.source_status import SourceStatusFile
from qa.users import USERS_FILE, BaseUsers, Users
from qa.web_addresses import WebAddresses

MakeEmbedAhead = Callable[[Embedder], EmbedAhead]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a running Article QA is made of; ``generator`` is None for evidence only."""

    collection: BaseCollection
    pipeline: Pipeline
    embedder: Embedder
    generator: Generator | None


def build_parts(
    config: Config,
    *,
    with_embedder: bool = True,
    with_reader: bool = True,
    with_generator: bool = True,
    progress: LoadProgress = no_load_progress,
    embed_ahead: MakeEmbedAhead | None = None,
) -> Parts:
    """Load the models and open the index.

    :param with_embedder: False to load the embedder only when something is embedded.
    :param with_reader: False to load the evidence reader only when something is read.
    :param embed_ahead: Makes what embeds new articles when the index is built, instead of this process.
    :raises ArticleQAError: If a model or the data folder is not usable.
    """
    progress("opening the library", 0, 1)
    build_library_database(config)  # first: what is wrong with it shows before models are loaded
    progress("loading the embedding model", 0, 1)
    embedder = build_embedder(config.embedder) if with_embedder else lazy_embedder(config.embedder)
    collection = open_collection(config, embedder, embed_ahead(embedder) if embed_ahead is not None else None)
    progress("opening the index", 0, 1)
    collection.snapshot()
    progress("loading the evidence reader", 0, 1)
    reader = build_reader(config.reader) if with_reader else lazy_reader(config.reader)
    generator = build_generator(config.generator, config.cache_dir, progress) if with_generator else None
    pipeline = build_pipeline(config, collection, embedder, reader, generator, collection.revised_on)
    return Parts(collection, pipeline, embedder, generator)


def build_history(config: Config) -> History:
    """The library and the generations alone, for commands that need no model."""
    if config.index.url is not None:
        # Imported here: it needs an extra that only those install who configure it.
        from qa.configured_postgres import history_of

        return history_of(config)
    library = Library(build_library_database(config))
    return FolderHistory(library, Generations(config.data_dir / "index", keep=config.index.keep_generations))


def build_embedder(config: EmbedderConfig, *, num_cores: int | None = None) -> Embedder:
    """
    :param num_cores: How many to use of a machine that others use too; None for all.
    :raises ModelError: If the model is missing, damaged or of a kind the engine does not run.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    path, model_id = find_embedder(config.model, config.query_prefix, config.passage_prefix)
    # Imported here: they bring torch, which takes seconds.
    if config.engine == "torch":
        from index.embedder import SentenceTransformerEmbedder as Engine
    else:
        from index.embedder_openvino import OpenVinoEmbedder as Engine  # type: ignore[assignment]  # same constructor
    options: dict[str, Any] = {"query_prefix": config.query_prefix, "passage_prefix": config.passage_prefix}
    if num_cores is not None and config.engine != "torch":  # torch keeps to what Ray gives the process
        options |= {"num_streams": num_cores, "num_threads": num_cores}
    return Engine(path, model_id=model_id, **options)


def lazy_embedder(config: EmbedderConfig) -> Embedder:
    """:raises ModelError: If the model is missing or damaged; all else shows when something is embedded."""
    if config.engine == "torch":
        return build_embedder(config)  # how it pools, and so the size of its vectors, only loading tells
    path, model_id = find_embedder(config.model, config.query_prefix, config.passage_prefix)
    return LazyEmbedder(model_id, hidden_size(path), lambda: build_embedder(config))


def build_library_database(config: Config) -> SqlDatabase:
    """What holds the articles, and what else is kept about them.

    :raises StorageError: If it cannot be opened or reached.
    """
    if config.index.url is not None:
        from qa.configured_postgres import database_of

        return database_of(config)
    return Database(config.data_dir / "library.sqlite")


def open_collection(config: Config, embedder: Embedder, ahead: EmbedAhead | None = None) -> BaseCollection:
    """The articles and the index, wherever the configuration says that they are."""
    if config.index.url is None:
        return build_collection(config, Database(config.data_dir / "library.sqlite"), embedder, ahead)
    from qa.configured_postgres import collection_of

    chunker, verify = _chunker(config, embedder), _verifier(config, embedder)
    return collection_of(config, embedder, chunker, ahead=ahead, verify=verify, mentions=_mentions(config))


def build_collection(
    config: Config, database: Database, embedder: Embedder, ahead: EmbedAhead | None = None
) -> Collection:
    """The embedded collection, whatever the configuration says of servers."""
    library = Library(database)
    generations = Generations(config.data_dir / "index", keep=config.index.keep_generations)
    builder = Builder(
        library,
        generations,
        EmbeddingCache(database, model_id=embedder.model_id, dim=embedder.dim),
        embedder,
        _chunker(config, embedder),
        flat_limit=config.index.flat_limit,
        ahead=ahead,
    )
    return Collection(
        library,
        generations,
        builder,
        title_weight=config.retrieval.title_weight,
        verify=_verifier(config, embedder),
        mentions=_mentions(config),
    )


def _chunker(config: Config, embedder: Embedder) -> Chunker:
    return Chunker(embedder.count_tokens, ChunkerSettings(config.chunker.min_tokens, config.chunker.max_tokens))


def _verifier(config: Config, embedder: Embedder) -> Callable[[PassageSnapshot], list[str]]:
    return probe_verifier(
        config.data_dir / "probes.jsonl",
        lambda source: build_pipeline(config, source, embedder, lazy_reader(config.reader), None),
    )


def _mentions(config: Config) -> Sequence[NamesArticles]:
    return (build_reports(config), build_kept(config).removal)


def build_reports(config: Config) -> AddReports:
    """Where `add` says what became of every item."""
    return AddReports(config.data_dir / "reports")


def build_kept(config: Config) -> Kept:
    """What people keep beside the library: conversations and feedback."""
    store: KeptStore = KeptFile(config.data_dir / "conversations.sqlite")
    if config.index.url is not None:
        from qa.configured_postgres import kept_of

        store = kept_of(config)
    return Kept.over(
        store,
        is_on=config.serve.keep_conversations,
        max_conversations=config.serve.max_conversations,
        max_days=config.serve.keep_conversations_days,
    )


def build_users(config: Config) -> BaseUsers:
    """Who may use a served Article QA."""
    common = build_common(config)
    return Users(config.data_dir / USERS_FILE) if common is None else common.users


def build_common(config: Config) -> Common | None:
    """What app processes on one index share; None where the index is in files and one process serves it."""
    if config.index.url is None:
        return None
    from qa.configured_postgres import common_of

    return common_of(config)


def build_fetcher(config: FetchConfig) -> WebFetcher:
    """A fetcher that keeps to robots.txt, and to the public internet but for the networks that are listed."""
    max_bytes = config.max_mb << 20
    limits = FetchLimits(
        max_bytes=max_bytes,
        max_wire_bytes=max(FetchLimits().max_wire_bytes, 2 * max_bytes),
        total_seconds=config.timeout_seconds,
    )
    return PoliteFetcher(Fetcher(policy=AddressPolicy(config.ports, config.allowed_networks), limits=limits))


def build_intake(config: Config, collection: BaseCollection) -> AddressIntake:
    """What reads web addresses into the collection."""
    fetch_log = FetchLog(build_library_database(config))
    return AddressIntake(collection, build_fetcher(config.fetch), fetch_log)


def configured_sources(config: Config) -> tuple[ScheduledSource, ...]:
    return tuple(
        ScheduledSource(source.address, source.name, source.interval_minutes * 60, source.limit)
        for source in config.sources
    )


def source_statuses(config: Config) -> SourceStatusFile:
    return SourceStatusFile(config.data_dir / "sources.json")


def build_schedule(
    config: Config,
    collection: BaseCollection,
    sources: Sequence[ScheduledSource],
    on_taken: Callable[[ScheduledSource, Taken], None] = lambda source, taken: None,
) -> SourceSchedule:
    """What reads these sources when they are due, once started."""
    intake = build_intake(config, collection)
    return SourceSchedule(sources, collection, intake, source_statuses(config), on_taken=on_taken)


def build_addresses(
    config: Config, collection: BaseCollection, sources: Sequence[ScheduledSource] = ()
) -> WebAddresses:
    """What reads addresses that people enter.

    :param sources: Those that are read again already.
    """
    intake, statuses = build_intake(config, collection), source_statuses(config)
    return WebAddresses(
        intake.take,
        lambda source: SourceSchedule([source], collection, intake, statuses),
        config.data_dir / "kept-sources.json",
        [source.address for source in sources],
    )


def build_reader(config: ReaderConfig) -> EvidenceReader:
    """:raises ModelError: If the model is missing, damaged or not extractive."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    # Imported here: it brings torch, which takes seconds.
    from qa.extractive_reader import ExtractiveReader

    path = packaged_reader_path() if config.model == "packaged" else config.model
    return ExtractiveReader(path, model_id=_reader_id(config), engine=config.engine)


def lazy_reader(config: ReaderConfig) -> EvidenceReader:
    """:raises ModelError: If a local model has no weights; all else shows at the first reading."""
    return LazyReader(_reader_id(config), lambda: build_reader(config))


def _reader_id(config: ReaderConfig) -> str:
    """A folder's name and weights, since its path says nothing elsewhere; a Hub id as it is."""
    path = Path(config.model)
    if config.model == "packaged":
        return PACKAGED_READER_ID
    return f"{path.name}@{weights_sha256(path)[:12]}" if path.is_dir() else config.model
