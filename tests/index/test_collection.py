"""Serving, mending and checking the collection that is kept in files; what holds for all is in the contract."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import index.snapshot
from index.collection import Collection
from index.errors import BadInputError, DamagedIndexError, StorageError
from index.manifest import verify_files
from index.retriever import Retriever
from index.snapshot import Snapshot
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


# Serving


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


def test_opening_a_generation_that_is_not_there_or_damaged_is_told(parts: Parts) -> None:
    with pytest.raises(BadInputError, match="no generation 'gen-000001'; there are none"):
        parts.collection.open_generation("gen-000001")
    parts.collection.add(numbered_articles(2))
    (parts.live_folder / "sources.json").write_text("[]")
    with pytest.raises(DamagedIndexError):
        parts.collection.open_generation("gen-000001")


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
