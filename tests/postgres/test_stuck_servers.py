"""Real servers whose processes are stopped, as on a machine that hangs: nobody waits for ever, and reads go on."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from index.chunker import Chunker
from index.errors import PartialResultsError, StorageError
from index.postgres.servers import UnavailableError
from index.postgres.snapshot import PostgresSnapshot
from qa.config import Config, IndexConfig
from qa.configured_postgres import collection_of
from scripts.cluster.postgres_server import PostgresServer
from scripts.cluster.replicated_pair import ReplicatedPair
from tests.fakes import SMALL_PASSAGES, HashEmbedder, numbered_article, numbered_articles
from tests.postgres.collections import open_on
from tests.postgres.fixtures import folder_for_servers
from tests.postgres.stores import EMBEDDER, open_store, publish

pytestmark = pytest.mark.slow

QUESTION = "council of place7 and plan"
ANSWER_SECONDS = 0.5
LONGEST_SECONDS = 4.0  # for one answer after a time-out, another try and much noise
AT_ONCE_SECONDS = 0.4
T = TypeVar("T")


@pytest.fixture(scope="module")
def servers() -> Iterator[list[PostgresServer]]:
    with ExitStack() as stack:
        settings = {"shared_buffers": "16MB", "fsync": "off"}
        yield [
            stack.enter_context(PostgresServer.create(settings=settings, parent=folder_for_servers())) for _ in range(2)
        ]


@pytest.fixture(scope="module")
def filled(servers: list[PostgresServer]) -> str:
    """The name of a generation of 30 articles on the two servers."""
    with open_store(urls_of(servers)) as store:
        return publish(store, enumerate(numbered_articles(30), start=1))


@pytest.fixture(autouse=True)
def _short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.postgres.silence._PAUSE_SECONDS", 1.5)


def urls_of(servers: Sequence[PostgresServer], database: str = "postgres") -> list[str]:
    return [server.url(database) for server in servers]


def search(snapshot: PostgresSnapshot) -> set[int]:
    found = snapshot.search(QUESTION, EMBEDDER.embed_query(QUESTION), 1000)
    return {candidate.passage_id for candidate in found}


@contextmanager
def stopped(server: PostgresServer) -> Iterator[None]:
    assert server.process_id is not None
    parent = psutil.Process(server.process_id)
    parent.suspend()  # it starts no process while they are listed
    processes = [parent, *parent.children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


def within(seconds: float, work: Callable[[], T]) -> T:
    """What ``work`` gives or raises; a failure if it takes longer, also if it never ends."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:  # noqa: BLE001 - raised by result()
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future.result(seconds)


def test_a_stuck_shard_costs_one_question_its_time_and_not_the_others(
    servers: list[PostgresServer], filled: str
) -> None:
    with open_store(urls_of(servers), answer_seconds=ANSWER_SECONDS, allow_partial=True) as store:
        snapshot = store.open(filled)
        everything = search(snapshot.for_question())

        def partial() -> int:
            question = snapshot.for_question()
            assert 0 < len(search(question)) < len(everything)
            (problem,) = question.problems
            assert str(servers[1].port) in problem
            return 1

        with stopped(servers[1]):
            assert within(LONGEST_SECONDS, partial) == 1
            for _ in range(3):
                within(AT_ONCE_SECONDS, partial)
            time.sleep(1.6)  # one of many asks again
            with ThreadPoolExecutor(20) as many:
                assert within(LONGEST_SECONDS, lambda: sum(many.map(lambda _: partial(), range(20)))) == 20
            gc.collect()  # what could not be connected goes with its error
            assert not [c for c in psutil.Process().net_connections() if c.raddr and c.raddr.port == servers[1].port]
        time.sleep(1.6)
        again = snapshot.for_question()
        assert (search(again), again.problems) == (everything, ())


def test_a_program_ends_after_the_error_about_a_stuck_shard(servers: list[PostgresServer], filled: str) -> None:
    program = (
        "import sys\n"
        "from tests.postgres.test_stuck_servers import ANSWER_SECONDS, open_store, search\n"
        "with open_store(sys.argv[2:], answer_seconds=ANSWER_SECONDS) as store:\n"
        "    snapshot = store.open(sys.argv[1])\n"
        "    print(len(search(snapshot)), flush=True)\n"
        "    sys.stdin.readline()\n"
        "    search(snapshot)\n"
    )
    command = [sys.executable, "-c", program, filled, *urls_of(servers)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as asking:
        assert asking.stdin is not None and asking.stdout is not None
        try:
            assert int(asking.stdout.readline()) > 0
            with stopped(servers[1]):
                _, errors = asking.communicate("go\n", timeout=LONGEST_SECONDS)
        finally:
            asking.kill()
    assert asking.returncode == 1
    assert "PartialResultsError: 1 of 2 servers" in errors and "no answer within" in errors


def test_a_stuck_main_server_is_an_error_in_time_and_then_at_once(servers: list[PostgresServer], filled: str) -> None:
    with open_store(urls_of(servers), answer_seconds=ANSWER_SECONDS) as store:
        snapshot = store.open(filled)
        assert store.current() == filled
        with stopped(servers[0]):
            with pytest.raises(UnavailableError, match="no answer within"):
                within(LONGEST_SECONDS, store.current)
            for ask in (store.current, lambda: store.open(filled), lambda: search(snapshot.for_question())):
                with pytest.raises(StorageError, match=r"did not answer a moment ago; asked again in [12] s"):
                    within(AT_ONCE_SECONDS, ask)
        time.sleep(1.6)
        assert search(snapshot.for_question())


def test_a_stuck_server_that_holds_everything_is_an_error_in_time(
    servers: list[PostgresServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    servers[1].sql("CREATE DATABASE alone")
    with open_store([servers[1].url("alone")], answer_seconds=ANSWER_SECONDS) as store:
        name = publish(store, [(1, numbered_article(1))])
        snapshot = store.open(name)
        search(snapshot)  # the words' statistics are known: only the passages are asked for
        with stopped(servers[1]), pytest.raises(PartialResultsError, match="no answer within"):
            within(LONGEST_SECONDS, lambda: search(snapshot))


def test_a_program_starts_while_a_shard_is_down_and_finds_it_when_it_is_back(
    servers: list[PostgresServer], tmp_path: Path
) -> None:
    for server in servers:
        server.sql("CREATE DATABASE started")
    urls = urls_of(servers, "started")
    main, shard = urls
    opened = open_on([main, main, shard])  # what a main server has beside passages does not matter here
    opened.collection.add(numbered_articles(10))
    whole = opened.collection.snapshot()
    assert whole is not None
    everything = search(whole)
    opened.store.close()
    embedder = HashEmbedder()
    chunker = Chunker(embedder.count_tokens, SMALL_PASSAGES)

    def configured(*, allow_partial: bool) -> PostgresSnapshot:
        index = IndexConfig(url=main, shards=(main, shard), allow_partial=allow_partial)
        snapshot = collection_of(Config(data_dir=tmp_path, index=index), embedder, chunker).snapshot()
        assert snapshot is not None
        return snapshot

    servers[1].kill()
    try:
        with pytest.raises(UnavailableError, match=str(servers[1].port)):
            configured(allow_partial=False)
        question = within(LONGEST_SECONDS, lambda: configured(allow_partial=True))
        found = search(question)
        assert 0 < len(found) < len(everything)
        (problem,) = question.problems
        assert str(servers[1].port) in problem and "left out" in problem
        assert len(question.fetch(list(found))) == len(found)
        with pytest.raises(PartialResultsError, match="1 of 2 servers"):
            question.fetch(list(everything))
        with pytest.raises(PartialResultsError):  # a builder would load again what it misses
            question.revision_ids()
    finally:
        servers[1].start()
    again = configured(allow_partial=True)
    assert (search(again), again.problems) == (everything, ())
    assert len(again.revision_ids()) == 10


def test_questions_are_answered_while_writes_wait_for_a_standby() -> None:
    with ReplicatedPair.create(parent=folder_for_servers()) as pair:
        opened = open_on([pair.url()], patience_seconds=20.0)
        opened.collection.add(numbered_articles(3))
        with ThreadPoolExecutor(8) as writers:
            with stopped(pair.standby):
                waiting = [writers.submit(opened.collection.add, [numbered_article(n)]) for n in range(100, 108)]
                time.sleep(1.0)
                assert not any(some.done() for some in waiting)
                for _ in range(3):
                    snapshot = within(AT_ONCE_SECONDS, opened.collection.snapshot)
                    assert snapshot is not None
                    assert within(AT_ONCE_SECONDS, lambda asked=snapshot: search(asked))
                assert within(AT_ONCE_SECONDS, opened.library.counts).num_articles == 3
                within(LONGEST_SECONDS, lambda: open_on([pair.url()]).store.close())  # another program starts
            for some in waiting:
                some.result(30)
        assert opened.library.counts().num_articles == 11
        opened.store.close()
