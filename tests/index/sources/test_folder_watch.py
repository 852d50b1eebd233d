"""A watched folder gives files once they are whole, and never those that are not meant."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue

import pytest

from index.sources.folder_watch import SETTLE_SECONDS, Settling, is_unfinished_name, watch_folder
from index.types import Rejection

pytestmark = pytest.mark.slow

Batch = list[Path | Rejection]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "news"
    folder.mkdir()
    return folder


@pytest.fixture
def batches(folder: Path) -> Iterator[Queue[Batch]]:
    """What watching ``folder`` gives, as it comes."""
    queue: Queue[Batch] = Queue()
    stop = threading.Event()

    def follow() -> None:
        for batch in watch_folder(folder, stop):
            queue.put(batch)
        queue.put([])

    thread = threading.Thread(target=follow, daemon=True)
    write(folder / "first.txt", "There from the beginning.")
    thread.start()
    assert names(queue.get(timeout=10)) == ["first.txt"]
    yield queue
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


def names(batch: Batch) -> list[str]:
    return [entry.name if isinstance(entry, Path) else entry.item for entry in batch]


def write(path: Path, text: str) -> None:
    path.write_text(text)


def test_files_that_come_and_change_are_given(folder: Path, batches: Queue[Batch]) -> None:
    write(folder / "second.txt", "New.")
    assert names(batches.get(timeout=10)) == ["second.txt"]
    write(folder / "second.txt", "Newer.")
    assert names(batches.get(timeout=10)) == ["second.txt"]


def test_a_file_written_in_pieces_is_given_once_and_whole(folder: Path, batches: Queue[Batch]) -> None:
    path = folder / "slow.txt"
    with path.open("w") as file:
        for piece in range(8):
            file.write(f"Piece {piece}. ")
            file.flush()
            time.sleep(0.2)
    assert names(batches.get(timeout=10)) == ["slow.txt"]
    with pytest.raises(Empty):
        batches.get(timeout=1)


def test_unfinished_hidden_and_deleted_files_are_passed_over(folder: Path, batches: Queue[Batch]) -> None:
    for name in (".hidden.txt", "big.jsonl.part", "x.tmp", "~$letter.docx", "notes.txt~"):
        write(folder / name, "Not meant.")
    (folder / "first.txt").unlink()
    write(folder / "gone.txt", "Soon gone.")
    (folder / "gone.txt").unlink()
    write(folder / "big.jsonl", "{}")
    assert names(batches.get(timeout=10)) == ["big.jsonl"]


def test_a_finished_download_is_given_under_its_new_name(folder: Path, batches: Queue[Batch]) -> None:
    write(folder / "page.html.crdownload", "<html>")
    time.sleep(0.3)
    (folder / "page.html.crdownload").rename(folder / "page.html")
    assert names(batches.get(timeout=10)) == ["page.html"]


def test_a_folder_that_is_moved_in_is_read_with_all_below_it(
    folder: Path, batches: Queue[Batch], tmp_path: Path
) -> None:
    elsewhere = tmp_path / "week.tmp"
    (elsewhere / "monday").mkdir(parents=True)
    (elsewhere / ".git").mkdir()
    write(elsewhere / "all.txt", "The week.")
    write(elsewhere / "half.part", "Not meant.")
    write(elsewhere / "monday" / "pier.txt", "The pier.")
    write(elsewhere / ".git" / "head.txt", "Not meant.")
    (elsewhere / "loop").symlink_to(tmp_path, target_is_directory=True)
    for path in elsewhere.rglob("*.txt"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    elsewhere.rename(folder / "week.tmp")
    assert names(batches.get(timeout=10)) == [str(folder / "week.tmp" / "loop"), "all.txt", "pier.txt"]
    write(folder / "week.tmp" / "monday" / "bridge.txt", "The bridge.")
    assert names(batches.get(timeout=10)) == ["bridge.txt"]


def test_a_hidden_folder_and_a_link_that_are_moved_in_are_passed_over(
    folder: Path, batches: Queue[Batch], tmp_path: Path
) -> None:
    hidden = tmp_path / ".hidden"
    hidden.mkdir()
    write(hidden / "a.txt", "Not meant.")
    (tmp_path / "link").symlink_to(hidden, target_is_directory=True)
    (tmp_path / "link").rename(folder / "link")
    hidden.rename(folder / ".hidden")
    write(folder / "last.txt", "Meant.")
    assert names(batches.get(timeout=10)) == ["last.txt"]


def test_watching_ends_with_the_folder(folder: Path, batches: Queue[Batch]) -> None:
    (folder / "first.txt").unlink()
    folder.rmdir()
    assert batches.get(timeout=10) == []


@pytest.mark.parametrize(
    ("name", "is_unfinished"),
    [
        ("a.txt", False),
        ("a.part", True),
        ("a.PART", True),
        (".a", True),
        (".git/a.txt", True),
        ("b/c.md", False),
        ("b/#c.md#", True),
        ("b~/c.md", True),
        ("parts.txt", False),
    ],
)
def test_names_of_unfinished_files(name: str, is_unfinished: bool) -> None:
    assert is_unfinished_name(Path("/news") / name, Path("/news")) is is_unfinished


def test_the_folders_own_name_does_not_count() -> None:
    assert not is_unfinished_name(Path("/home/.cache/news/a.txt"), Path("/home/.cache/news"))


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_file_settles_when_it_stood_still(folder: Path) -> None:
    clock = Clock()
    settling = Settling(clock)
    path = folder / "a.txt"
    write(path, "One")
    settling.add([path, folder / "missing.txt", folder])
    assert settling.settled() == []
    clock.now += SETTLE_SECONDS / 2
    write(path, "One, two")
    assert settling.settled() == []
    clock.now += SETTLE_SECONDS * 0.9
    assert settling.settled() == []
    clock.now += SETTLE_SECONDS * 0.2
    assert settling.settled() == [path]
    assert settling.settled() == []


def test_a_file_that_is_old_needs_no_waiting(folder: Path) -> None:
    path = folder / "a.txt"
    write(path, "One")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    settling = Settling(Clock())
    settling.add([path])
    assert settling.settled() == [path]
