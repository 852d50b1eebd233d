"""What holds for every collection, whatever keeps it: adding, removing, following, going back.

Each test runs on files and on a real PostgreSQL server; what is peculiar to files is in :mod:`test_collection`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator

import pytest

from index.base_collection import BaseCollection
from index.errors import BadInputError, BuilderBusyError
from index.protocols import PassageSnapshot
from index.retriever import Retriever
from index.types import AddReport, Article, Rejection, make_article
from tests.databases import Opened
from tests.fakes import HashEmbedder, numbered_article, numbered_articles


def _snapshot(collection: BaseCollection) -> PassageSnapshot:
    snapshot = collection.snapshot()
    assert snapshot is not None
    return snapshot


def _finds(collection: BaseCollection, number: int) -> bool:
    """Whether a question about article ``number`` brings it up."""
    found = Retriever(HashEmbedder()).retrieve(_snapshot(collection), f"Who objected to subject{number}?", 1)
    return bool(found) and f"subject{number} " in found[0].passage.text


def test_what_was_added_is_counted_and_found(opened_collection: Opened) -> None:
    first = opened_collection.collection.add(numbered_articles(3))
    assert first == AddReport(added=3, generation="gen-000001")
    rejection = Rejection("x.jsonl:4", "has no text")
    items = [
        numbered_article(0),
        numbered_article(1, version=2),
        rejection,
        numbered_article(3),
        make_article(numbered_article(3).text, url="https://copy.example"),
    ]
    second = opened_collection.collection.add(items)
    assert second == AddReport(1, 1, 1, 1, (rejection,), "gen-000002")
    assert all(_finds(opened_collection.collection, number) for number in range(4))


def test_adding_the_same_again_changes_nothing(opened_collection: Opened) -> None:
    opened_collection.collection.add(numbered_articles(3))
    assert opened_collection.collection.add(numbered_articles(3)) == AddReport(unchanged=3, generation="gen-000001")


def test_adding_nothing_to_nothing_gives_no_generation(opened_collection: Opened) -> None:
    assert opened_collection.collection.add([]) == AddReport(generation=None)
    assert opened_collection.collection.snapshot() is None


def test_what_was_read_before_a_reader_fails_is_kept(opened_collection: Opened) -> None:
    def items() -> Iterator[Article]:
        yield from numbered_articles(450)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        opened_collection.collection.add(items())
    assert opened_collection.library.counts().num_articles == 400


def test_accepted_articles_are_indexed_by_the_next_update(opened_collection: Opened) -> None:
    assert opened_collection.collection.accept(numbered_articles(2)) == AddReport(added=2)
    assert opened_collection.collection.snapshot() is None
    assert opened_collection.collection.update() == "gen-000001"
    assert _finds(opened_collection.collection, 1)


def test_adding_while_another_builds_is_told_and_loses_nothing(opened_collection: Opened) -> None:
    collection = opened_collection.reopened(0.0)
    with opened_collection.building(), pytest.raises(BuilderBusyError, match="safe"):
        collection.add(numbered_articles(2))
    assert collection.update() is not None
    assert _finds(collection, 1)


def test_adding_waits_for_another_builder(opened_collection: Opened) -> None:
    collection = opened_collection.reopened(10.0)
    released = threading.Event()

    def hold() -> None:
        with opened_collection.building():
            holding.set()
            released.wait(10)

    holding = threading.Event()
    other = threading.Thread(target=hold)
    other.start()
    assert holding.wait(10)
    threading.Timer(0.1, released.set).start()
    assert collection.add(numbered_articles(1)).generation == "gen-000001"
    assert released.is_set()
    other.join()


def test_a_rebuild_does_not_wait(opened_collection: Opened) -> None:
    collection = opened_collection.reopened(60.0)
    collection.accept(numbered_articles(1))
    started = time.monotonic()
    with opened_collection.building(), pytest.raises(BuilderBusyError):
        collection.rebuild()
    assert time.monotonic() - started < 30


def test_progress_tells_of_reading_and_indexing(opened_collection: Opened) -> None:
    steps: list[tuple[str, int, int]] = []
    opened_collection.collection.add(
        numbered_articles(250), progress=lambda stage, done, total: steps.append((stage, done, total)), total=250
    )
    reading = [step for step in steps if step[0] == "reading articles"]
    assert reading == [("reading articles", 200, 250), ("reading articles", 250, 250)]
    indexing = [done for stage, done, _ in steps if stage == "indexing articles"]
    assert indexing == sorted(indexing)
    assert indexing[-1] == 250


def test_a_removed_article_is_no_longer_found(opened_collection: Opened) -> None:
    opened_collection.collection.add(numbered_articles(3))
    assert opened_collection.collection.remove([numbered_article(1).article_id, "nobody"]) == [
        numbered_article(1).article_id
    ]
    assert [_finds(opened_collection.collection, number) for number in range(3)] == [True, False, True]
    with pytest.raises(BadInputError, match="no article"):
        opened_collection.collection.article(numbered_article(1).article_id)


def test_removing_what_is_not_there_is_told(opened_collection: Opened) -> None:
    opened_collection.collection.add(numbered_articles(1))
    with pytest.raises(BadInputError, match="no article 'nobody'; nothing was removed"):
        opened_collection.collection.remove(["nobody"])
    assert opened_collection.names() == ["gen-000001"]


def test_a_removed_article_can_be_added_and_found_again(opened_collection: Opened) -> None:
    opened_collection.collection.add(numbered_articles(2))
    opened_collection.collection.remove([numbered_article(1).article_id])
    assert opened_collection.collection.add([numbered_article(1)]).added == 1
    assert _finds(opened_collection.collection, 1)


def test_a_duplicate_is_found_once_its_original_is_removed(opened_collection: Opened) -> None:
    copy = make_article(numbered_article(0).text, title="Copy", url="https://copy.example")
    opened_collection.collection.add([numbered_article(0), copy])
    assert {p.title for p in _snapshot(opened_collection.collection).all_passages()} == {numbered_article(0).title}
    opened_collection.collection.remove([numbered_article(0).article_id])
    assert {p.title for p in _snapshot(opened_collection.collection).all_passages()} == {"Copy"}


def test_a_duplicate_is_found_once_its_original_is_revised(opened_collection: Opened) -> None:
    copy = make_article(numbered_article(0).text, title="Copy", url="https://copy.example")
    opened_collection.collection.add([numbered_article(0), copy])
    opened_collection.collection.add([numbered_article(0, version=2)])
    texts = {(p.title, "Version2" in p.text) for p in _snapshot(opened_collection.collection).all_passages()}
    assert {("Copy", False), (numbered_article(0).title, True)} <= texts


def test_articles_are_listed_with_their_histories(opened_collection: Opened) -> None:
    opened_collection.collection.add(numbered_articles(3))
    opened_collection.collection.add([numbered_article(1, version=2)])
    listed, total = opened_collection.collection.articles(limit=2)
    assert ([r.article.title for r in listed], total) == (["Meeting about subject2", "Meeting about subject1"], 3)
    assert opened_collection.collection.articles(query="subject1")[1] == 1
    article_id = numbered_article(1).article_id
    assert "Version2" in opened_collection.collection.article(article_id).article.text
    assert len(opened_collection.collection.history(article_id)) == 2
    assert opened_collection.collection.history("nobody") == []


def test_the_status_of_an_empty_index(opened_collection: Opened) -> None:
    status = opened_collection.collection.status()
    assert (status["generation"], status["num_articles"], status["num_passages"]) == (None, 0, 0)
    assert (status["newest_published_at"], status["problem"]) == (None, None)


def test_the_status_counts_what_is_served_and_what_is_kept(opened_collection: Opened) -> None:
    opened_collection.collection.add(numbered_articles(3))
    opened_collection.collection.remove([numbered_article(2).article_id])
    opened_collection.collection.add([numbered_article(0, version=2)])
    opened_collection.collection.accept([numbered_article(7)])
    status = opened_collection.collection.status()
    assert (status["generation"], status["num_articles"], status["num_passages"]) == ("gen-000003", 2, 6)
    assert status["newest_published_at"] == "2024-01-02"
    assert status["library"] == {"num_articles": 3, "num_revisions": 4, "num_removed": 1}
    assert json.loads(json.dumps(status)) == status


def test_a_new_generation_is_picked_up_from_another_process(opened_collection: Opened) -> None:
    other = opened_collection.reopened(5.0)
    assert other.snapshot() is None
    opened_collection.collection.add([numbered_article(0)])
    assert _snapshot(other).generation == "gen-000001"
    opened_collection.collection.add([numbered_article(1)])
    assert _snapshot(other).generation == "gen-000002"
    assert _finds(other, 1)


def test_rollback_serves_the_generation_before(opened_collection: Opened) -> None:
    opened_collection.collection.add([numbered_article(0)])
    opened_collection.collection.add([numbered_article(1)])
    assert opened_collection.collection.rollback() == "gen-000001"
    assert _finds(opened_collection.collection, 0)
    assert not _finds(opened_collection.collection, 1)
    assert opened_collection.collection.problem is None
    assert opened_collection.collection.rollback("gen-000002") == "gen-000002"
    assert _finds(opened_collection.collection, 1)


def test_after_going_back_the_next_update_catches_up(opened_collection: Opened) -> None:
    opened_collection.collection.add(numbered_articles(2))
    opened_collection.collection.add([numbered_article(2), numbered_article(0, version=2)])
    assert opened_collection.collection.rollback() == "gen-000001"
    opened_collection.collection.accept([numbered_article(3)])
    assert opened_collection.collection.update() == "gen-000003"
    assert all(_finds(opened_collection.collection, number) for number in range(4))
    status = opened_collection.collection.status()
    assert (status["num_articles"], status["num_passages"]) == (4, 12)
    texts = [passage.text for passage in _snapshot(opened_collection.collection).all_passages()]
    assert len(texts) == 12 and any("Version2 of the plan was read aloud in place0" in text for text in texts)
    assert opened_collection.collection.rollback("gen-000001") == "gen-000001"
    assert opened_collection.collection.update() == "gen-000004"
    assert opened_collection.collection.check().problems == ()


def test_building_again_at_once_finds_nobody_building(opened_collection: Opened) -> None:
    opened_collection.collection.add(numbered_articles(1))
    for _ in range(20):
        opened_collection.collection.rebuild()


def test_an_older_generation_opens_by_name_and_the_live_one_stays_served(opened_collection: Opened) -> None:
    opened_collection.collection.add(numbered_articles(2))
    opened_collection.collection.add(numbered_articles(2, first=2))
    older = opened_collection.collection.open_generation("gen-000001")
    assert (older.generation, older.manifest.num_articles) == ("gen-000001", 2)
    assert _snapshot(opened_collection.collection).generation == "gen-000002"


def test_rollback_while_another_builds_is_told(opened_collection: Opened) -> None:
    collection = opened_collection.reopened(0.0)
    collection.add([numbered_article(0)])
    collection.add([numbered_article(1)])
    with opened_collection.building(), pytest.raises(BuilderBusyError):
        collection.rollback()
    assert opened_collection.current() == "gen-000002"
