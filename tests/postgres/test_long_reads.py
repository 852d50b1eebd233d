"""What goes through whole tables is not given up as a question is: neither by a build nor by a check."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from index.near_duplicate_store import NearDuplicateStore
from index.postgres import erasing
from index.postgres.library import PostgresLibrary
from index.postgres.search_statements import Place
from index.postgres.servers import Server
from index.postgres.shard import Shard
from index.postgres.shard_loading import ShardLoad
from tests.fakes import numbered_article
from tests.postgres.stores import EMBEDDER, open_store, publish

pytestmark = pytest.mark.slow

TIMEOUT_SECONDS = 0.5
TABLES = "articles, signatures, near_duplicates, passage_texts_1, passage_words_1"


def test_long_reads_outlast_the_time_limit_of_questions(database_url: str) -> None:
    with open_store([database_url]) as store:
        publish(store, [(1, numbered_article(1))])
    patient = Server(database_url)
    PostgresLibrary(patient).accept([numbered_article(1)])
    patient.close()
    server = Server(database_url, statement_timeout_seconds=TIMEOUT_SECONDS)
    library = PostgresLibrary(server)
    store_of_pairs = NearDuplicateStore(library.database)
    place = Place(1, 1, EMBEDDER.dim)
    reads: dict[str, Callable[[], object]] = {
        "live texts": library.live_texts,
        "check": library.check,
        "compared": store_of_pairs.compared,
        "pairs": store_of_pairs.pairs,
        "revisions found": lambda: Shard(server).revision_ids(place),
        "revisions held": lambda: erasing.revisions_on(server),
        "newest day": lambda: ShardLoad(server, number=1, epoch=1).newest_day() > 0,
    }
    with psycopg.connect(database_url) as slow, ThreadPoolExecutor(len(reads)) as executor:
        slow.execute(f"LOCK TABLE {TABLES} IN ACCESS EXCLUSIVE MODE")
        jobs = {name: executor.submit(read) for name, read in reads.items()}
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        with psycopg.connect(database_url, autocommit=True) as watching:
            while sum(not job.done() for job in jobs.values()) > watching.execute(waiting).fetchone()[0]:  # type: ignore[index]
                time.sleep(0.01)
        time.sleep(1.5 * TIMEOUT_SECONDS)
        slow.rollback()
        found = {name: job.exception() or job.result() for name, job in jobs.items()}
    server.close()
    assert found == {
        "live texts": {1: ()},
        "check": [],
        "compared": set(),
        "pairs": [],
        "revisions found": {1},
        "revisions held": {1},
        "newest day": True,
    }
