"""Three real servers, of which one is killed: a clear error, or an answer that says what it misses; never a gap."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from index.errors import PartialResultsError, StorageError
from index.postgres.snapshot import PostgresSnapshot
from index.types import Candidate
from scripts.cluster.postgres_server import PostgresServer
from tests.fakes import numbered_article, numbered_articles
from tests.postgres.fixtures import folder_for_servers
from tests.postgres.stores import EMBEDDER, FIELDS, open_store, publish, put

pytestmark = pytest.mark.slow

QUESTION = "council of place7 and plan"


@pytest.fixture(scope="module")
def servers() -> Iterator[list[PostgresServer]]:
    with ExitStack() as stack:
        settings = {"shared_buffers": "16MB"}
        yield [
            stack.enter_context(PostgresServer.create(settings=settings, parent=folder_for_servers())) for _ in range(3)
        ]


@pytest.fixture(scope="module")
def filled(servers: list[PostgresServer]) -> str:
    """The name of a generation of 30 articles on the three servers."""
    with open_store([server.url() for server in servers]) as store:
        return publish(store, enumerate(numbered_articles(30), start=1))


def search(snapshot: PostgresSnapshot) -> list[Candidate]:
    return snapshot.search(QUESTION, EMBEDDER.embed_query(QUESTION), 1000)


def by_id(candidates: list[Candidate]) -> dict[int, Candidate]:
    return {candidate.passage_id: candidate for candidate in candidates}


def test_a_server_that_is_down_is_an_error_at_once(servers: list[PostgresServer], filled: str) -> None:
    with open_store([server.url() for server in servers]) as store:
        snapshot = store.open(filled)
        everything = search(snapshot)
        servers[2].kill()
        try:
            began = time.monotonic()
            with pytest.raises(PartialResultsError, match=rf"1 of 3 servers.*:{servers[2].port}"):
                search(snapshot)
            with pytest.raises(PartialResultsError):
                snapshot.all_passages()
            assert time.monotonic() - began < 1.0
            with pytest.raises(StorageError):  # nothing is loaded into a part of the servers
                publish(store, [(99, numbered_article(99))])
        finally:
            servers[2].start()
        assert store.current() == filled
        assert by_id(search(snapshot)) == by_id(everything)


def test_an_answer_without_a_server_says_so_and_keeps_its_scores(servers: list[PostgresServer], filled: str) -> None:
    with open_store([server.url() for server in servers], allow_partial=True) as store:
        snapshot = store.open(filled)
        whole = snapshot.for_question()
        everything = by_id(search(whole))
        servers[1].kill()
        try:
            question = snapshot.for_question()
            found = by_id(search(question))
            assert 0 < len(found) < len(everything)
            assert found == {passage_id: everything[passage_id] for passage_id in found}
            (problem,) = question.problems
            assert str(servers[1].port) in problem and "left out" in problem
            assert [p.passage_id for p in question.fetch(list(found))] == list(found)
            missed = next(iter(everything.keys() - found.keys()))
            with pytest.raises(PartialResultsError):  # not "there is no such passage"
                question.fetch([missed])
            with pytest.raises(PartialResultsError):  # a builder would load again what it misses
                question.revision_ids()
            assert whole.problems == snapshot.problems == ()
        finally:
            servers[1].start()
        again = snapshot.for_question()
        assert (by_id(search(again)), again.problems) == (everything, ())


def test_a_load_goes_on_when_a_killed_server_is_back_and_holds_each_passage_once(
    servers: list[PostgresServer], filled: str
) -> None:
    with open_store([server.url() for server in servers]) as store:
        with store.loading(filled, dim=EMBEDDER.dim) as load:
            for number in range(100, 160):
                if number % 20 == 10:
                    killed = servers[1 + number // 20 % 2]
                    killed.kill()
                    killed.start()
                put(load, [(number, numbered_article(number))])
            name = load.commit(FIELDS)
        snapshot = store.open(name)
        passages = snapshot.all_passages()
        assert {p.revision_id for p in passages} == {*range(1, 31), *range(100, 160)}
        assert len(passages) == len({p.passage_id for p in passages}) == snapshot.num_passages == 270
        store.rollback_to(filled)
