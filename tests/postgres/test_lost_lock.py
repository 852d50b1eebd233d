"""A builder whose lock was lost unnoticed, as in a failover, harms nothing of the one that took over.

Each test stops the first builder at one of its steps, lets the second one work, and goes on with the first.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest

from index.errors import BuilderBusyError
from index.postgres import upkeep
from index.postgres.loading import Loading
from index.postgres.passages import PassageStore
from index.postgres.shard import GenerationPrunedError
from tests.postgres.stores import EMBEDDER, FIELDS, open_store, publish, put
from tests.postgres.test_passage_store import articles, found_in, rows_left, scores_in

pytestmark = pytest.mark.slow


@pytest.fixture
def url(new_database: Callable[[], str]) -> str:
    return new_database()


@pytest.fixture
def first(url: str) -> Iterator[PassageStore]:
    with open_store([url], grace_seconds=0) as store:
        yield store


@pytest.fixture
def second(url: str) -> Iterator[PassageStore]:
    with open_store([url], grace_seconds=0) as store:
        yield store


def lose_the_lock(url: str) -> None:
    """The network loses the connection that holds the builder's lock."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory' "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )


@contextmanager
def before(target: Any, step: str, happens: Callable[[], object]) -> Iterator[None]:
    """Let something happen just before the next call of a step."""
    original = getattr(target, step)
    with pytest.MonkeyPatch.context() as patched:

        def delayed(*args: Any, **kwargs: Any) -> Any:
            patched.undo()
            happens()
            return original(*args, **kwargs)

        patched.setattr(target, step, delayed)
        yield
        assert getattr(target, step) is original, f"{step} was not called"


@pytest.mark.parametrize("parent", ["gen-000001", None])
def test_a_late_clearing_spares_what_was_published_after_it_was_decided(
    first: PassageStore, second: PassageStore, url: str, parent: str | None
) -> None:
    publish(first, articles(1))

    def taken_over() -> None:
        lose_the_lock(url)
        publish(second, articles(2), parent=parent)

    with before(upkeep, "_clear_shard", taken_over), first.building():
        pass
    assert found_in(second.open("gen-000002")) == ({1, 2} if parent else {2})


def test_a_late_clearing_spares_a_load_that_began_after_it_was_decided(
    first: PassageStore, second: PassageStore, url: str
) -> None:
    publish(first, articles(1))
    with ExitStack() as later:

        def taken_over() -> None:
            lose_the_lock(url)
            load = later.enter_context(second.loading("gen-000001", dim=EMBEDDER.dim))
            put(load, articles(2))
            loads.append(load)

        loads: list[Loading] = []
        with before(upkeep, "_clear_shard", taken_over), first.building():
            pass
        put(loads[0], articles(3))
        loads[0].commit(FIELDS)
    assert found_in(second.open("gen-000002")) == {1, 2, 3}


@pytest.mark.parametrize("parent", ["gen-000001", None])
def test_a_load_that_was_declared_dead_before_it_began_writes_nothing(
    first: PassageStore, second: PassageStore, url: str, parent: str | None
) -> None:
    publish(first, articles(1))

    def taken_over() -> None:
        lose_the_lock(url)
        assert publish(second, articles(3), parent="gen-000001") == "gen-000003"

    with (
        before(Loading, "begin", taken_over),
        pytest.raises(BuilderBusyError, match="took over"),
        first.loading(parent, dim=EMBEDDER.dim) as load,
    ):
        put(load, articles(2))
        pytest.fail("rows of generation 2 would be found in 3")
    assert found_in(second.open("gen-000003")) == {1, 3} == second.held_revision_ids()
    assert rows_left([url], "shard_epochs") == 1


def test_a_load_that_was_declared_dead_does_not_make_a_deleted_epoch_anew(
    first: PassageStore, second: PassageStore, url: str
) -> None:
    publish(first, articles(1))
    reader = first.open("gen-000001")

    def taken_over() -> None:
        lose_the_lock(url)
        publish(second, articles(3), parent=None)
        assert second.prune(1) == ["gen-000001"]

    with before(Loading, "begin", taken_over), pytest.raises(BuilderBusyError):
        publish(first, articles(2))
    with pytest.raises(GenerationPrunedError):  # and not an empty answer
        scores_in(reader)


@pytest.mark.parametrize("is_committed", [True, False])
def test_late_pruning_spares_an_epoch_that_came_after_it_was_decided(
    first: PassageStore, second: PassageStore, url: str, is_committed: bool
) -> None:
    publish(first, articles(1))
    publish(first, articles(2))
    with ExitStack() as later:

        def taken_over() -> None:
            lose_the_lock(url)
            load = later.enter_context(second.loading(None, dim=EMBEDDER.dim))
            put(load, articles(3))
            if is_committed:
                load.commit(FIELDS)
            loads.append(load)

        loads: list[Loading] = []
        with before(upkeep, "_prune_shard", taken_over):
            assert first.prune(1) == ["gen-000001"]
        if not is_committed:
            loads[0].commit(FIELDS)
    assert found_in(second.open("gen-000003")) == {3}


def test_pruning_that_is_decided_late_spares_an_epoch_that_is_being_loaded(
    first: PassageStore, second: PassageStore
) -> None:
    publish(first, articles(1))
    publish(first, articles(2))
    with second.loading(None, dim=EMBEDDER.dim) as load:
        put(load, articles(3))
        assert upkeep.prune(first._cluster, keep=1, grace_seconds=0) == [1]  # without the lock
        load.commit(FIELDS)
    assert found_in(second.open("gen-000003")) == {3}


def test_late_pruning_does_not_show_readers_what_is_no_longer_whole(
    first: PassageStore, second: PassageStore, url: str
) -> None:
    publish(first, articles(1, 2))
    publish(first, drop=[1])
    publish(first, drop=[2])
    reader = first.open("gen-000002")

    def taken_over() -> None:
        lose_the_lock(url)
        assert second.prune(1) == ["gen-000002"]

    with before(upkeep, "_prune_shard", taken_over):
        assert first.prune(2) == ["gen-000001"]
    with pytest.raises(GenerationPrunedError):
        scores_in(reader)


def test_what_starts_from_a_generation_that_was_pruned_meanwhile_is_not_published(
    first: PassageStore, second: PassageStore
) -> None:
    publish(first, articles(1, 2))
    publish(first, drop=[2])
    with second.loading("gen-000001", dim=EMBEDDER.dim) as load:
        assert upkeep.prune(first._cluster, keep=1, grace_seconds=0) == [1]  # without the lock
        with pytest.raises(BuilderBusyError, match="deleted the generation"):
            load.commit(FIELDS)
    assert second.names() == ["gen-000002"]


def test_pruning_waits_for_who_is_choosing_the_live_generation(first: PassageStore, url: str) -> None:
    publish(first, articles(1))
    publish(first, articles(2))
    pruning = threading.Thread(target=upkeep.prune, args=(first._cluster,), kwargs={"keep": 1, "grace_seconds": 0})
    with psycopg.connect(url) as choosing, psycopg.connect(url, autocommit=True) as watching:
        choosing.execute("UPDATE passage_state SET current = 1")
        pruning.start()
        while pruning.is_alive() and not watching.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
            time.sleep(0.01)
        choosing.commit()
    pruning.join()
    assert first.current() in first.names()
