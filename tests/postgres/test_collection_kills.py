"""The server is killed, for real, while articles are added: none that was acknowledged is lost or there twice."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator

import pytest

from index.errors import StorageError
from index.types import Article
from scripts.cluster.postgres_server import PostgresServer
from tests.fakes import numbered_article, numbered_articles
from tests.postgres.collections import OnServers, open_on
from tests.postgres.fixtures import folder_for_servers

pytestmark = pytest.mark.slow

_NUM_KILLS = 3
_NUM_WRITERS = 3
_ARTICLES_PER_BATCH = 5


@pytest.fixture
def mortal() -> Iterator[PostgresServer]:
    """A server of its own with the settings that it ships with: what it acknowledges is on disk."""
    with PostgresServer.create(parent=folder_for_servers()) as server:
        server.sql("CREATE DATABASE news")
        server.sql("CREATE EXTENSION vector", "news")
        yield server


class _Writer(threading.Thread):
    """Adds batches of its own articles, one after another, until it is told to stop."""

    def __init__(self, url: str, number: int) -> None:
        super().__init__()
        self._opened = open_on([url], patience_seconds=60.0)
        self._number = number
        self.acknowledged: list[Article] = []
        self.verdicts: set[str] = set()
        self.stopping = threading.Event()

    def run(self) -> None:
        first = 100_000 * (1 + self._number)
        while not self.stopping.is_set():
            batch = numbered_articles(_ARTICLES_PER_BATCH, first=first + len(self.acknowledged))
            self.verdicts.update(self._opened.library.accept(batch))
            self.acknowledged += batch
        self._opened.store.close()


def _kill_now_and_then(mortal: PostgresServer, writers: list[_Writer]) -> None:
    chance = random.Random(7)
    for _ in range(_NUM_KILLS):
        before = sum(len(writer.acknowledged) for writer in writers)
        while sum(len(writer.acknowledged) for writer in writers) < before + 4 * _ARTICLES_PER_BATCH:
            assert all(writer.is_alive() for writer in writers)
            time.sleep(0.01)
        time.sleep(chance.random() * 0.1)
        mortal.kill()
        time.sleep(chance.random() * 0.3)
        mortal.start()


def test_no_acknowledged_article_is_lost_or_done_twice(mortal: PostgresServer) -> None:
    url = mortal.url("news")
    writers = [_Writer(url, number) for number in range(_NUM_WRITERS)]
    for writer in writers:
        writer.start()
    _kill_now_and_then(mortal, writers)
    for writer in writers:
        writer.stopping.set()
    for writer in writers:
        writer.join(90)
        assert not writer.is_alive()
    # Doing a batch again after an uncertain commit would have found its articles unchanged.
    assert [writer.verdicts for writer in writers] == [{"added"}] * _NUM_WRITERS
    acknowledged = [article for writer in writers for article in writer.acknowledged]
    opened = open_on([url])
    counts = opened.library.counts()
    assert (counts.num_articles, counts.num_revisions) == (len(acknowledged), len(acknowledged))
    assert all(opened.library.article(article.article_id) is not None for article in acknowledged[:: len(writers)])
    assert opened.library.check() == []
    opened.store.close()


def _indexed(opened: OnServers) -> int:
    snapshot = opened.collection.snapshot()
    assert snapshot is not None
    return len(snapshot.revision_ids())


def test_a_build_whose_server_is_killed_leaves_the_old_generation_and_goes_through_the_next_time(
    mortal: PostgresServer,
) -> None:
    opened = open_on([mortal.url("news")], patience_seconds=1.0)
    opened.collection.add([numbered_article(0)])
    opened.collection.accept(numbered_articles(400, first=1))

    def kill(stage: str, done: int, total: int) -> None:
        if stage == "indexing articles" and done > 0 and mortal.running:
            mortal.kill()

    with pytest.raises(StorageError):
        opened.collection.update(progress=kill)
    mortal.start()
    assert _indexed(opened) == 1
    assert opened.collection.update() is not None
    assert _indexed(opened) == 401
    assert opened.store.held_revision_ids() == opened.store.revision_ids(opened.store.current() or "")
    opened.store.close()
