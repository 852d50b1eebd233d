"""The store on PostgreSQL does what every store of passages must: on one server, on three, and by the graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar

import pytest

from index.protocols import PassageSnapshot
from index.types import Article, make_article
from scripts.cluster.postgres_server import PostgresServer
from tests.fakes import numbered_articles
from tests.index.test_snapshot_contract import PassageSnapshotContract
from tests.postgres.fixtures import made_database
from tests.postgres.stores import EMBEDDER, open_store, publish

pytestmark = pytest.mark.slow


class _PostgresContract(PassageSnapshotContract):
    """Stores in databases that are gone with the class."""

    embedder = EMBEDDER
    num_shards = 1
    settings: ClassVar[dict[str, object]] = {}

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def databases(cls, postgres_server: PostgresServer) -> Iterator[None]:
        with ExitStack() as stack:
            cls.stack = stack
            cls.new_database = staticmethod(lambda: stack.enter_context(made_database(postgres_server)))
            yield

    stack: ExitStack
    new_database: Callable[[], str]

    @classmethod
    def make_snapshot(cls, folder: Path, articles: Sequence[Article]) -> PassageSnapshot:
        urls = [cls.new_database() for _ in range(cls.num_shards)]
        store = cls.stack.enter_context(open_store(urls, **cls.settings))
        numbered = list(enumerate(articles, start=1))
        for first in range(0, len(numbered), 5):
            publish(store, numbered[first : first + 5])
        current = store.current()
        assert current is not None
        return store.open(current)


class TestOneServer(_PostgresContract):
    """Exact search."""


class TestThreeShards(_PostgresContract):
    """Passages spread over three servers."""

    num_shards = 3


class TestByTheGraph(_PostgresContract):
    """Vectors searched approximately, on two shards."""

    num_shards = 2
    settings: ClassVar[dict[str, object]] = {"flat_limit": 1}


class TestAfterChanges(_PostgresContract):
    """What came in one generation, went in another and came back; on three shards."""

    num_shards = 3

    @classmethod
    def make_snapshot(cls, folder: Path, articles: Sequence[Article]) -> PassageSnapshot:
        store = cls.stack.enter_context(open_store([cls.new_database() for _ in range(cls.num_shards)]))
        others = list(enumerate(numbered_articles(10, first=100), start=1000))
        old = [(i, make_article("Old text.", url=a.url, article_id=a.article_id)) for i, a in enumerate(articles, 500)]
        new = list(enumerate(articles, start=1))
        first = publish(store, [*others, *old, *new])
        publish(store, drop=[i for i, _ in new])
        publish(store, new[::2], drop=[i for i, _ in others], erase=[i for i, _ in old])
        store.rollback_to(publish(store, new[1::2]))
        assert first not in store.names()
        current = store.current()
        assert current is not None
        return store.open(current)
