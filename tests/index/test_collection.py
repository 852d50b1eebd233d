"""Adding, removing, serving and mending through the one object that entry points use."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import index.snapshot
from index.collection import Collection
from index.errors import BadInputError, BuilderBusyError, DamagedIndexError, StorageError
from index.manifest import verify_files
from index.retriever import Retriever
from index.snapshot import Snapshot
from index.types import AddReport, Article, Rejection, make_article
from tests.fakes import TITLE_WEIGHT, HashEmbedder, Parts, numbered_article, numbered_articles, open_parts


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return open_parts(tmp_path)


def _snapshot(collection: Collection) -> Snapshot:
    snapshot = collection.snapshot()
    assert snapshot is not None
    return snapshot


def _finds(collection: Collection, number: int) -> bool:
    """Whether a question about article ``number`` brings it up."""
    found = Retriever(HashEmbedder()).retrieve(_snapshot(collection), f"Who objected to subject{number}?", 1)
    return bool(found) and f"subject{number} " in found[0].passage.text


def _damage(parts: Parts, name: str, file: str = "dense.faiss") -> None:
    path = parts.generations.path(name) / file
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


# Adding


def test_what_was_added_is_counted_and_found(parts: Parts) -> None:
    first = parts.collection.add(numbered_articles(3))
    assert first == AddReport(added=3, generation="gen-000001")
    rejection = Rejection("x.jsonl:4", "has no text")
    items = [
        numbered_article(0),
        numbered_article(1, version=2),
        rejection,
        numbered_article(3),
        make_article(numbered_article(3).text, url="https://copy.example"),
    ]
    second = parts.collection.add(items)
    assert second == AddReport(1, 1, 1, 1, (rejection,), "gen-000002")
    assert all(_finds(parts.collection, number) for number in range(4))


def test_adding_the_same_again_changes_nothing(parts: Parts) -> None:
    parts.collection.add(numbered_articles(3))
    assert parts.collection.add(numbered_articles(3)) == AddReport(unchanged=3, generation="gen-000001")


def test_adding_nothing_to_nothing_gives_no_generation(parts: Parts) -> None:
    assert parts.collection.add([]) == AddReport(generation=None)
    assert parts.collection.snapshot() is None


def test_what_was_read_before_a_reader_fails_is_kept(parts: Parts) -> None:
    def items() -> Iterator[Article]:
        yield from numbered_articles(450)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        parts.collection.add(items())
    assert parts.library.counts().num_articles == 400


def test_accepted_articles_are_indexed_by_the_next_update(parts: Parts) -> None:
    assert parts.collection.accept(numbered_articles(2)) == AddReport(added=2)
    assert parts.collection.snapshot() is None
    assert parts.collection.update() == "gen-000001"
    assert _finds(parts.collection, 1)


def test_adding_while_another_builds_is_told_and_loses_nothing(tmp_path: Path) -> None:
    parts = open_parts(tmp_path, lock_timeout_seconds=0)
    with parts.generations.building(0), pytest.raises(BuilderBusyError, match="safe"):
        parts.collection.add(numbered_articles(2))
    assert parts.collection.update() is not None
    assert _finds(parts.collection, 1)


def test_adding_waits_for_another_builder(tmp_path: Path) -> None:
    parts = open_parts(tmp_path, lock_timeout_seconds=10)
    released = threading.Event()

    def hold() -> None:
        with parts.generations.building(0):
            holding.set()
            released.wait(10)

    holding = threading.Event()
    other = threading.Thread(target=hold)
    other.start()
    assert holding.wait(10)
    threading.Timer(0.1, released.set).start()
    assert parts.collection.add(numbered_articles(1)).generation == "gen-000001"
    assert released.is_set()
    other.join()


def test_a_rebuild_does_not_wait(tmp_path: Path) -> None:
    parts = open_parts(tmp_path, lock_timeout_seconds=60)
    parts.collection.accept(numbered_articles(1))
    started = time.monotonic()
    with parts.generations.building(0), pytest.raises(BuilderBusyError):
        parts.collection.rebuild()
    assert time.monotonic() - started < 30


def test_progress_tells_of_reading_and_indexing(parts: Parts) -> None:
    steps: list[tuple[str, int, int]] = []
    parts.collection.add(
        numbered_articles(250), progress=lambda stage, done, total: steps.append((stage, done, total)), total=250
    )
    reading = [step for step in steps if step[0] == "reading articles"]
    assert reading == [("reading articles", 200, 250), ("reading articles", 250, 250)]
    indexing = [done for stage, done, _ in steps if stage == "indexing articles"]
    assert indexing == sorted(indexing)
    assert indexing[-1] == 250


# Removing


def test_a_removed_article_is_no_longer_found(parts: Parts) -> None:
    parts.collection.add(numbered_articles(3))
    assert parts.collection.remove([numbered_article(1).article_id, "nobody"]) == [numbered_article(1).article_id]
    assert [_finds(parts.collection, number) for number in range(3)] == [True, False, True]
    with pytest.raises(BadInputError, match="no article"):
        parts.collection.article(numbered_article(1).article_id)


def test_removing_what_is_not_there_is_told(parts: Parts) -> None:
    parts.collection.add(numbered_articles(1))
    with pytest.raises(BadInputError, match="no article 'nobody'; nothing was removed"):
        parts.collection.remove(["nobody"])
    assert parts.generations.names() == ["gen-000001"]


def test_a_removed_article_can_be_added_and_found_again(parts: Parts) -> None:
    parts.collection.add(numbered_articles(2))
    parts.collection.remove([numbered_article(1).article_id])
    assert parts.collection.add([numbered_article(1)]).added == 1
    assert _finds(parts.collection, 1)


def test_a_duplicate_is_found_once_its_original_is_removed(parts: Parts) -> None:
    copy = make_article(numbered_article(0).text, title="Copy", url="https://copy.example")
    parts.collection.add([numbered_article(0), copy])
    assert {p.title for p in _snapshot(parts.collection).all_passages()} == {numbered_article(0).title}
    parts.collection.remove([numbered_article(0).article_id])
    assert {p.title for p in _snapshot(parts.collection).all_passages()} == {"Copy"}


def test_a_duplicate_is_found_once_its_original_is_revised(parts: Parts) -> None:
    copy = make_article(numbered_article(0).text, title="Copy", url="https://copy.example")
    parts.collection.add([numbered_article(0), copy])
    parts.collection.add([numbered_article(0, version=2)])
    texts = {(p.title, "Version2" in p.text) for p in _snapshot(parts.collection).all_passages()}
    assert {("Copy", False), (numbered_article(0).title, True)} <= texts


# Articles and status


def test_articles_are_listed_with_their_histories(parts: Parts) -> None:
    parts.collection.add(numbered_articles(3))
    parts.collection.add([numbered_article(1, version=2)])
    listed, total = parts.collection.articles(limit=2)
    assert ([r.article.title for r in listed], total) == (["Meeting about subject2", "Meeting about subject1"], 3)
    assert parts.collection.articles(query="subject1")[1] == 1
    article_id = numbered_article(1).article_id
    assert "Version2" in parts.collection.article(article_id).article.text
    assert len(parts.collection.history(article_id)) == 2
    assert parts.collection.history("nobody") == []


def test_the_status_of_an_empty_index(parts: Parts) -> None:
    status = parts.collection.status()
    assert (status["generation"], status["num_articles"], status["num_passages"]) == (None, 0, 0)
    assert (status["newest_published_at"], status["problem"]) == (None, None)


def test_the_status_counts_what_is_served_and_what_is_kept(parts: Parts) -> None:
    parts.collection.add(numbered_articles(3))
    parts.collection.remove([numbered_article(2).article_id])
    parts.collection.add([numbered_article(0, version=2)])
    parts.collection.accept([numbered_article(7)])
    status = parts.collection.status()
    assert (status["generation"], status["num_articles"], status["num_passages"]) == ("gen-000003", 2, 6)
    assert status["newest_published_at"] == "2024-01-02"
    assert status["library"] == {"num_articles": 3, "num_revisions": 4, "num_removed": 1}
    assert json.loads(json.dumps(status)) == status


# Serving


def test_a_new_generation_is_picked_up_from_another_process(parts: Parts) -> None:
    other = parts.reopened()
    assert other.snapshot() is None
    parts.collection.add([numbered_article(0)])
    assert _snapshot(other).generation == "gen-000001"
    parts.collection.add([numbered_article(1)])
    assert _snapshot(other).generation == "gen-000002"
    assert _finds(other, 1)


def test_the_same_snapshot_serves_until_there_is_a_new_generation(parts: Parts) -> None:
    parts.collection.add([numbered_article(0)])
    assert parts.collection.snapshot() is parts.collection.snapshot()


def test_a_snapshot_stays_as_it_is_even_after_its_files_are_gone(parts: Parts) -> None:
    parts.collection.add(numbered_articles(3))
    pinned = _snapshot(parts.collection)
    passages = pinned.all_passages()
    for version in range(2, 7):
        parts.collection.add([numbered_article(number, version=version) for number in range(3)])
    assert pinned.generation not in parts.generations.names()
    assert pinned.all_passages() == passages
    for found in Retriever(HashEmbedder()).retrieve(pinned, "Which plan was read in place1?", 9):
        assert found.passage in passages


def test_a_damaged_generation_is_passed_over_for_the_one_before(parts: Parts) -> None:
    parts.collection.add([numbered_article(0)])
    parts.collection.add([numbered_article(1)])
    _damage(parts, "gen-000002")
    reopened = parts.reopened()
    assert _snapshot(reopened).generation == "gen-000001"
    assert _finds(reopened, 0)
    assert reopened.problem is not None
    assert "gen-000002: dense.faiss is damaged" in reopened.problem
    assert "serving gen-000001 until the index is rebuilt" in reopened.problem
    assert reopened.status()["problem"] == reopened.problem


@pytest.mark.parametrize("full", [False, True])
def test_rebuilding_mends_a_damaged_generation(parts: Parts, full: bool) -> None:
    parts.collection.add([numbered_article(0)])
    parts.collection.add([numbered_article(1)])
    _damage(parts, "gen-000002")
    reopened = parts.reopened()
    _snapshot(reopened)
    assert reopened.rebuild(full=full) == "gen-000003"
    assert reopened.problem is None
    assert _finds(reopened, 0)
    assert _finds(reopened, 1)


def test_when_no_generation_is_whole_it_says_what_to_do(parts: Parts) -> None:
    parts.collection.add([numbered_article(0)])
    _damage(parts, "gen-000001")
    reopened = parts.reopened()
    assert reopened.snapshot() is None
    assert reopened.problem is not None
    assert "rebuild --full" in reopened.problem
    assert reopened.status()["num_articles"] == 0
    reopened.rebuild(full=True)
    assert reopened.problem is None
    assert _finds(reopened, 0)


def test_a_lost_current_does_not_lose_the_index(parts: Parts) -> None:
    parts.collection.add([numbered_article(0)])
    (parts.generations.folder / "CURRENT").unlink()
    assert _finds(parts.reopened(), 0)


def test_a_damaged_current_is_told_and_the_newest_is_served(parts: Parts) -> None:
    parts.collection.add([numbered_article(0)])
    parts.collection.add([numbered_article(1)])
    (parts.generations.folder / "CURRENT").write_text("gen-0000")
    reopened = parts.reopened()
    assert _snapshot(reopened).generation == "gen-000002"
    assert reopened.problem is not None
    assert "CURRENT names 'gen-0000'" in reopened.problem
    assert reopened.update() == "gen-000003"
    assert reopened.problem is None


def test_a_problem_that_another_process_mended_is_forgotten(parts: Parts) -> None:
    parts.collection.add([numbered_article(0)])
    parts.collection.add([numbered_article(1)])
    _damage(parts, "gen-000002")
    reopened = parts.reopened()
    _snapshot(reopened)
    assert reopened.problem is not None
    parts.collection.rebuild()
    assert _snapshot(reopened).generation == "gen-000003"
    assert reopened.problem is None


def test_a_generation_pruned_while_it_is_opened_gives_way_to_the_new_one(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts.collection.add([numbered_article(0)])
    reopened = parts.reopened()

    def replace_after_verifying(folder: Path, manifest: Any, proven: Any) -> None:
        verify_files(folder, manifest, proven)
        monkeypatch.undo()
        parts.collection.add([numbered_article(1)])
        shutil.rmtree(folder)

    monkeypatch.setattr(index.snapshot, "verify_files", replace_after_verifying)
    assert _snapshot(reopened).generation == "gen-000002"
    assert reopened.problem is None


@pytest.mark.parametrize("file", ["dense.faiss", "rows.npy", "sources.json", "lexical/meta.json"])
def test_a_file_that_goes_after_it_was_verified_is_damage(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    parts.collection.add([numbered_article(0)])
    monkeypatch.setattr(index.snapshot, "verify_files", lambda folder, *_: (folder / file).unlink())
    with pytest.raises(DamagedIndexError, match="gen-000001"):
        Snapshot(parts.live_folder, title_weight=TITLE_WEIGHT)


# Going back


def test_rollback_serves_the_generation_before(parts: Parts) -> None:
    parts.collection.add([numbered_article(0)])
    parts.collection.add([numbered_article(1)])
    assert parts.collection.rollback() == "gen-000001"
    assert _finds(parts.collection, 0)
    assert not _finds(parts.collection, 1)
    assert parts.collection.problem is None
    assert parts.collection.rollback("gen-000002") == "gen-000002"
    assert _finds(parts.collection, 1)


def test_an_older_generation_opens_by_name_and_the_live_one_stays_served(parts: Parts) -> None:
    parts.collection.add(numbered_articles(2))
    parts.collection.add(numbered_articles(2, first=2))
    older = parts.collection.open_generation("gen-000001")
    assert (older.generation, older.manifest.num_articles) == ("gen-000001", 2)
    assert _snapshot(parts.collection).generation == "gen-000002"


def test_opening_a_generation_that_is_not_there_or_damaged_is_told(parts: Parts) -> None:
    with pytest.raises(BadInputError, match="no generation 'gen-000001'; there are none"):
        parts.collection.open_generation("gen-000001")
    parts.collection.add(numbered_articles(2))
    (parts.live_folder / "sources.json").write_text("[]")
    with pytest.raises(DamagedIndexError):
        parts.collection.open_generation("gen-000001")


def test_rollback_while_another_builds_is_told(tmp_path: Path) -> None:
    parts = open_parts(tmp_path, lock_timeout_seconds=0)
    parts.collection.add([numbered_article(0)])
    parts.collection.add([numbered_article(1)])
    with parts.generations.building(0), pytest.raises(BuilderBusyError):
        parts.collection.rollback()
    assert parts.generations.current() == "gen-000002"


# Checking


def test_a_whole_index_has_no_problems(parts: Parts) -> None:
    parts.collection.add([numbered_article(0)])
    parts.collection.add([numbered_article(1)])
    report = parts.collection.check()
    assert report.to_json() == {"ok": True, "generations": ["gen-000001", "gen-000002"], "problems": []}


def test_every_damage_is_reported(parts: Parts) -> None:
    parts.collection.add([numbered_article(0)])
    parts.collection.add([numbered_article(1)])
    parts.collection.add([numbered_article(2)])
    _damage(parts, "gen-000001", "rows.npy")
    _damage(parts, "gen-000003", "manifest.json")
    (parts.generations.folder / "CURRENT").write_text("nothing")
    with parts.database.write() as connection:
        connection.execute("UPDATE revisions SET text = 'x' WHERE article_id = ?", (numbered_article(1).article_id,))
    report = parts.collection.check()
    assert not report.to_json()["ok"]
    expected = [numbered_article(1).article_id, "CURRENT", "gen-000001: rows.npy", "gen-000003: manifest.json"]
    assert len(report.problems) == len(expected)
    for problem, part in zip(report.problems, expected, strict=True):
        assert part in problem
        assert "\n" not in problem


def test_a_damaged_library_file_is_one_line(parts: Parts) -> None:
    parts.collection.add(numbered_articles(20))
    path = parts.folder / "library.sqlite"
    data = bytearray(path.read_bytes())
    data[4096:12288] = b"\xa5" * 8192
    path.write_bytes(data)
    try:
        problems = list(parts.collection.check().problems)
    except StorageError as error:
        problems = [str(error)]
    assert problems
    assert all("\n" not in problem for problem in problems)


# Many readers while the index is rebuilt


class _Reader(threading.Thread):
    """Asks again and again, and notes for every answer the generation and the versions of the articles in it."""

    def __init__(self, collection: Collection, stop: threading.Event) -> None:
        super().__init__()
        self._collection = collection
        self._stop_asking = stop
        self.seen: list[tuple[str, frozenset[str]]] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            while not self._stop_asking.is_set():
                self._ask()
        except BaseException as error:  # noqa: BLE001  The test looks at it.
            self.error = error

    def _ask(self) -> None:
        snapshot = _snapshot(self._collection)
        found = Retriever(HashEmbedder()).retrieve(snapshot, "Which plan was read aloud by its author?", 4)
        versions = frozenset(p.passage.text.split()[0] for p in found if p.passage.text.startswith("Version"))
        assert len(found) == 4
        self.seen.append((snapshot.generation, versions))
        time.sleep(0.002)


@pytest.mark.slow
def test_readers_see_one_whole_generation_through_twenty_rebuilds(parts: Parts) -> None:
    parts.collection.add(numbered_articles(4))
    expected = {"gen-000001": "Version1"}
    stop = threading.Event()
    # Two share the collection that builds, two look from outside, as other processes would.
    outside = parts.reopened()
    readers = [_Reader(collection, stop) for collection in (parts.collection, outside) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for version in range(2, 22):
            report = parts.collection.add([numbered_article(number, version=version) for number in range(4)])
            assert report.generation is not None
            expected[report.generation] = f"Version{version}"
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert len(expected) == 21
    for reader in readers:
        assert reader.error is None
        generations = [generation for generation, _ in reader.seen]
        assert generations == sorted(generations)
        for generation, versions in reader.seen:
            assert versions == {expected[generation]}
    assert len({generation for reader in readers for generation, _ in reader.seen}) >= 3
    assert parts.collection.problem is None
    assert outside.snapshot() is not None
    assert outside.problem is None
