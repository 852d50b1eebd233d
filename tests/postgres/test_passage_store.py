"""Generations on PostgreSQL: published whole or not at all, pinned for their readers, gone back to, pruned, erased."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import psycopg
import pytest

from index.clusters import Clusters
from index.errors import BadInputError, BuilderBusyError, ConfigError, StorageError
from index.postgres.generation_rows import ManifestFields
from index.postgres.passages import PassageStore
from index.postgres.shard import GenerationPrunedError
from index.postgres.snapshot import PostgresSnapshot
from index.types import Article, ClusterMember, Filters
from tests.fakes import numbered_article, numbered_articles
from tests.postgres.stores import EMBEDDER, FIELDS, open_store, passages_of, publish, put, vectors_of

pytestmark = pytest.mark.slow

Numbered = list[tuple[int, Article]]


@pytest.fixture
def urls(new_database: Callable[[], str]) -> list[str]:
    return [new_database() for _ in range(3)]


@pytest.fixture
def store(urls: list[str]) -> Iterator[PassageStore]:
    with open_store(urls, grace_seconds=0) as store:
        yield store


def articles(*numbers: int) -> Numbered:
    """Articles whose revisions have their numbers."""
    return [(number, numbered_article(number)) for number in numbers]


def found_in(snapshot: PostgresSnapshot) -> set[int]:
    """The revisions that a search by words, one by meaning and the listing find: the same ones."""
    question = "council plan hall meeting"
    by_both = snapshot.search(question, EMBEDDER.embed_query(question), 1000)
    listed = {passage.revision_id for passage in snapshot.all_passages()}
    assert {candidate.passage_id // 65536 for candidate in by_both} == listed == snapshot.revision_ids()
    assert snapshot.manifest.num_passages == len(snapshot.all_passages()) == len(by_both)
    assert snapshot.manifest.num_articles == len(listed)
    return listed


def scores_in(snapshot: PostgresSnapshot, question: str = "Who objected to subject3 in the hall?") -> dict[int, float]:
    return {c.passage_id: c.bm25 for c in snapshot.search(question, EMBEDDER.embed_query(question), 1000)}


def rows_left(urls: list[str], table: str) -> int:
    """Rows of all tables on all servers whose names begin so."""
    total = 0
    for url in urls:
        with psycopg.connect(url) as connection:
            names = connection.execute("SELECT tablename FROM pg_tables WHERE tablename ^@ %s", (table,)).fetchall()
            for (name,) in names:
                row = connection.execute(f"SELECT count(*) FROM {name}").fetchone()
                total += row[0] if row else 0
    return total


def test_an_empty_store_has_no_generation(store: PassageStore) -> None:
    assert (store.current(), store.names(), store.held_revision_ids()) == (None, [], set())
    with pytest.raises(BadInputError, match="there are none"):
        store.open("gen-000001")


def test_each_generation_finds_what_it_found_when_it_was_live(store: PassageStore) -> None:
    names = [publish(store, articles(1, 2, 3, 4)), publish(store, articles(5), drop=[2]), publish(store, drop=[1, 5])]
    assert names == store.names() == ["gen-000001", "gen-000002", "gen-000003"]
    assert [found_in(store.open(name)) for name in names] == [{1, 2, 3, 4}, {1, 3, 4, 5}, {3, 4}]
    assert store.current() == names[-1]


def test_what_is_loaded_is_found_only_when_it_is_committed(store: PassageStore) -> None:
    publish(store, articles(1, 2))
    before = store.open("gen-000001")
    scores = scores_in(before)
    with store.loading("gen-000001", dim=EMBEDDER.dim) as load:
        put(load, articles(3, 4))
        load.drop([1])
        assert store.current() == "gen-000001"
        assert (found_in(before), scores_in(before)) == ({1, 2}, scores)
        load.commit(FIELDS)
    assert store.current() == load.name == "gen-000002"
    assert (found_in(before), scores_in(before)) == ({1, 2}, scores)
    assert found_in(store.open("gen-000002")) == {2, 3, 4}


def test_a_load_that_is_not_committed_leaves_nothing_and_its_number_is_not_used_again(
    store: PassageStore, urls: list[str]
) -> None:
    publish(store, articles(1, 2))
    num_rows = rows_left(urls, "passage_words")
    with pytest.raises(KeyError), store.loading("gen-000001", dim=EMBEDDER.dim) as load:
        put(load, articles(3))
        load.drop([1])
        raise KeyError("the builder fails")
    assert rows_left(urls, "passage_words") == num_rows
    assert rows_left(urls, "shard_gaps") == rows_left(urls, "shard_loads") == 0
    assert publish(store, articles(3)) == "gen-000003"
    assert found_in(store.open("gen-000003")) == {1, 2, 3}


def test_statistics_are_those_of_a_store_built_at_once(store: PassageStore, new_database: Callable[[], str]) -> None:
    publish(store, articles(*range(20)))
    publish(store, articles(20, 21), drop=range(0, 10))
    publish(store, articles(3, 4), drop=[15])  # which come back
    with open_store([new_database()]) as other:
        publish(other, articles(3, 4, *range(10, 15), *range(16, 22)))
        expected = scores_in(other.open("gen-000001"))
    scores = scores_in(store.open("gen-000003"))
    assert scores.keys() == expected.keys()
    assert scores == pytest.approx(expected, abs=0)  # to the last bit, though on three servers


def test_going_back_and_on_from_there(store: PassageStore) -> None:
    publish(store, articles(1, 2, 3))
    publish(store, articles(4), drop=[1])
    publish(store, articles(5), drop=[2, 4])
    store.rollback_to("gen-000001")
    assert store.current() == "gen-000001"
    publish(store, articles(6))
    assert found_in(store.open("gen-000004")) == {1, 2, 3, 6}
    assert found_in(store.open("gen-000003")) == {3, 5}
    publish(store, articles(5), parent="gen-000002")  # an older one that is not live
    assert found_in(store.open("gen-000005")) == {2, 3, 4, 5}
    with pytest.raises(BadInputError, match="gen-000099"):
        store.rollback_to("gen-000099")


def test_starting_from_nothing_leaves_the_old_ones_as_they_are(store: PassageStore) -> None:
    publish(store, articles(1, 2))
    with store.loading(None, dim=2) as load:  # of another embedder
        passages = [passage for number, article in articles(2, 3) for passage in passages_of(number, article)]
        load.put(passages, np.tile(np.array([0.6, 0.8], dtype=np.float32), (len(passages), 1)))
        load.commit(ManifestFields("another", {"max_tokens": 1}))
    snapshot = store.open("gen-000002")
    assert snapshot.manifest.parent is None and snapshot.has_vectors_of("another")
    assert {p.revision_id for p in snapshot.all_passages()} == {2, 3}
    assert found_in(store.open("gen-000001")) == {1, 2}
    with pytest.raises(ValueError, match="2 dimensions, not 64"), store.loading("gen-000002", dim=64):
        pytest.fail("vectors of other lengths")


def test_pruning_deletes_what_no_kept_generation_finds(store: PassageStore, urls: list[str]) -> None:
    publish(store, articles(*range(10)))
    publish(store, articles(10), drop=range(5))
    publish(store, articles(1, 11), drop=[6])
    pinned = store.open("gen-000001")
    assert store.prune(2) == ["gen-000001"]
    assert store.names() == ["gen-000002", "gen-000003"]
    assert store.held_revision_ids() == {1, *range(5, 12)}
    assert [found_in(store.open(name)) for name in store.names()] == [{5, 6, 7, 8, 9, 10}, {1, 5, 7, 8, 9, 10, 11}]
    with pytest.raises(GenerationPrunedError, match="gen-000001 was pruned"):
        scores_in(pinned)
    publish(store, articles(0))
    assert found_in(store.open("gen-000004")) == {0, 1, 5, 7, 8, 9, 10, 11}
    assert store.prune(1) == ["gen-000002", "gen-000003"]
    assert (found_in(store.open("gen-000004")), rows_left(urls, "shard_gaps")) == ({0, 1, 5, 7, 8, 9, 10, 11}, 0)


def test_pruning_keeps_the_live_one_and_what_was_live_a_moment_ago(urls: list[str]) -> None:
    with open_store(urls, grace_seconds=600) as patient:
        for number in range(4):
            publish(patient, articles(number))
        assert patient.prune(1) == []
    with open_store(urls, grace_seconds=0) as store:
        store.rollback_to("gen-000002")
        assert store.prune(1) == ["gen-000001", "gen-000003"]
        assert (store.current(), found_in(store.open("gen-000002"))) == ("gen-000002", {0, 1})


def test_an_epoch_that_nothing_needs_goes_with_its_tables(store: PassageStore, urls: list[str]) -> None:
    publish(store, articles(1, 2))
    publish(store, articles(2, 3), parent=None)
    assert store.prune(1) == ["gen-000001"]
    assert rows_left(urls, "passage_words_1") == 0 < rows_left(urls, "passage_words_2")
    assert rows_left(urls, "shard_epochs") == 3


def test_term_counts_stay_true_when_many_generations_were_pruned(
    store: PassageStore, urls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.postgres.upkeep._LOADS_PER_COMPACTION", 4)
    publish(store, articles(*range(6)))
    for number in range(6, 18):
        publish(store, articles(number), drop=[number - 3])
        store.prune(2)
    scores = scores_in(store.open(str(store.current())))
    publish(store, articles(0, 1, 2, 15, 16, 17), parent=None)
    assert scores_in(store.open(str(store.current()))) == scores
    with psycopg.connect(urls[0]) as connection:
        row = connection.execute("SELECT max(n) FROM (SELECT count(*) n FROM passage_terms GROUP BY epoch, term) t")
        assert row.fetchone()[0] < 10  # type: ignore[index]


def test_erased_text_is_in_no_generation_and_in_no_row(store: PassageStore, urls: list[str]) -> None:
    publish(store, articles(1, 2))
    publish(store, articles(3))
    publish(store, drop=[3])
    member = [ClusterMember(n, f"a{n}", "Retold", None, None, None) for n in (2, 3)]
    with store.loading("gen-000003", dim=EMBEDDER.dim) as load:
        load.commit(ManifestFields(FIELDS.embedder, FIELDS.chunker, Clusters([member])))
    publish(store, articles(4), erase=[3])
    # The first never held it, the third no more; the second found it, and the fourth names it in a cluster.
    assert store.names() == ["gen-000001", "gen-000003", "gen-000005"]
    assert store.held_revision_ids() == {1, 2, 4}
    assert found_in(store.open("gen-000005")) == {1, 2, 4}
    for table in ("passage_texts", "passage_words", "passage_vectors"):
        assert rows_left(urls, table) == 9
    assert rows_left(urls, "passage_clusters") == 1
    assert store.pending_erasures() == []


def test_a_search_goes_on_while_its_text_is_erased(store: PassageStore) -> None:
    publish(store, articles(1, 2, 3))
    reader = store.open("gen-000001")
    gone = next(passage.passage_id for passage in reader.all_passages() if passage.revision_id == 2)
    publish(store, erase=[2])
    assert {passage_id // 65536 for passage_id in scores_in(reader)} == {1, 3}
    with pytest.raises(StorageError, match="was removed"):
        reader.fetch([gone])


def test_an_erasure_that_a_server_did_not_do_is_done_by_the_next_build(
    store: PassageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(store, articles(1, 2))

    def fails(*_: object) -> None:
        raise StorageError("no answer")

    with monkeypatch.context() as patched:
        patched.setattr("index.postgres.erasing._delete_rows", fails)
        with pytest.raises(StorageError, match="no answer"):
            publish(store, erase=[2])
    assert (store.names(), store.pending_erasures()) == (["gen-000002"], [2])
    assert store.held_revision_ids() == {1, 2}
    with store.building():
        assert (store.pending_erasures(), store.held_revision_ids()) == ([], {1})


def test_clusters_belong_to_their_generation(store: PassageStore) -> None:
    publish(store, articles(1, 2))
    members = [ClusterMember(n, f"a{n}", "Retold", f"https://{n}.example/", None, "2024-01-01") for n in (1, 2)]
    with store.loading("gen-000001", dim=EMBEDDER.dim) as load:
        load.commit(ManifestFields(FIELDS.embedder, FIELDS.chunker, Clusters([members])))
    snapshot = store.open("gen-000002")
    assert (snapshot.also_in(2), snapshot.cluster_of(2)) == ((members[0],), 1)
    assert store.open("gen-000001").also_in(2) == ()


# One builder


def test_two_do_not_build_at_once(store: PassageStore, urls: list[str]) -> None:
    with open_store(urls) as other, store.loading(None, dim=EMBEDDER.dim) as load:
        with pytest.raises(BuilderBusyError), other.loading(None, dim=EMBEDDER.dim):
            pytest.fail("two build")
        load.commit(FIELDS)
    assert store.current() == "gen-000001"


def test_a_builder_that_lost_its_lock_publishes_nothing(store: PassageStore, urls: list[str]) -> None:
    publish(store, articles(1))
    with open_store(urls) as other:
        late = store.loading("gen-000001", dim=EMBEDDER.dim)
        load = late.__enter__()
        put(load, articles(2, 3))
        with psycopg.connect(urls[0], autocommit=True) as connection:  # the network loses the lock's connection
            connection.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory'")
        publish(other, articles(4))
        with pytest.raises(BuilderBusyError, match="took over"):
            put(load, articles(5, 6, 7, 8))
        with pytest.raises(StorageError, match="could not be loaded"):
            load.commit(FIELDS)
        load._is_broken = False  # even one that knows of nothing
        with pytest.raises(BuilderBusyError, match="took over"):
            load.commit(FIELDS)
        with other.loading("gen-000003", dim=EMBEDDER.dim) as running:
            put(running, articles(8))
            late.__exit__(None, None, None)  # which takes nothing of another one's
            running.commit(FIELDS)
        assert found_in(other.open("gen-000004")) == {1, 4, 8} == other.held_revision_ids()


def test_what_is_there_cannot_be_loaded_again(store: PassageStore) -> None:
    publish(store, articles(1))
    with pytest.raises(ValueError, match="in the index already"):
        publish(store, articles(1))
    passages = passages_of(2, numbered_article(2))
    with pytest.raises(ValueError, match="not \\(n, 64\\)"), store.loading("gen-000001", dim=64) as load:
        load.put(passages, vectors_of(passages)[:, :32])
    assert found_in(store.open("gen-000001")) == {1}


# Servers


def test_one_server_under_two_addresses_is_an_error(urls: list[str]) -> None:
    with pytest.raises(ConfigError, match="same database"), open_store([urls[0], urls[0] + "?connect_timeout=3"]):
        pytest.fail("each passage would be found twice")


def test_a_server_can_be_added_and_none_taken_away(urls: list[str]) -> None:
    with open_store(urls[:2]) as store:
        publish(store, articles(*range(8)))
    with open_store(urls) as store:
        assert found_in(store.open("gen-000001")) == set(range(8))
        publish(store, articles(*range(8, 20)), drop=[0, 1])
        publish(store, articles(0), drop=[19])
        assert found_in(store.open("gen-000003")) == {0, *range(2, 19)}
    with (
        open_store(urls[:2]) as store,
        pytest.raises(StorageError, match=r"1 servers that are not among index\.shards"),
    ):
        store.open("gen-000003")


def test_filters_reach_all_servers_and_many_hidden_rows_hide_nothing_else(urls: list[str]) -> None:
    some = list(enumerate(numbered_articles(60), start=1))
    with open_store(urls, flat_limit=1) as store:
        publish(store, some)
        publish(store, drop=range(1, 56))
        snapshot = store.open("gen-000002")
        assert found_in(snapshot) == set(range(56, 61))
        day = some[57][1].published_at
        found = snapshot.search("council", EMBEDDER.embed_query("council"), 10, Filters(day, day))
        assert {candidate.passage_id // 65536 for candidate in found} == {58}
