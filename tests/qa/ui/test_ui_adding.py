"""Adding files and texts: a verdict each, progress on the way, and nothing stored is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from index.errors import BuilderBusyError, StorageError
from qa.ui.adding import Adding, add_sources, file_source, text_source
from qa.ui.articles_html import Verdict, verdicts_html
from qa.ui.background import Finished, Step, steps
from tests.qa.ui.fakes import LICENCE, FakeCollection


def add(collection: FakeCollection, *sources: object) -> list[Adding]:
    return list(add_sources(collection, sources))  # type: ignore[arg-type]


def test_each_source_gets_its_verdict(tmp_path: Path) -> None:
    good, empty, binary = (tmp_path / name for name in ("good.txt", "empty.txt", "binary.txt"))
    good.write_text("A headline\n\nA text of some words that is long enough.")
    empty.write_text("")
    binary.write_bytes(bytes(range(256)) * 8)
    last = add(FakeCollection(), *(file_source(path, path.name) for path in (good, empty, binary)))[-1]
    counts = [(verdict.name, verdict.report.added, len(verdict.report.rejected)) for verdict in last.verdicts]
    assert counts == [("good.txt", 1, 0), ("empty.txt", 0, 1), ("binary.txt", 0, 1)]
    assert last.is_done
    assert last.problem is None


def test_the_same_text_twice_is_unchanged_and_builds_nothing() -> None:
    collection = FakeCollection()
    source = text_source("Pasted", "A title", "A text of some words.")
    add(collection, source)
    generation = collection.generation
    last = add(collection, source)[-1]
    assert last.verdicts[0].report.unchanged == 1
    assert collection.generation == generation


def test_progress_of_the_index_is_passed_on() -> None:
    states = add(FakeCollection(), text_source("Pasted", "", "A text of some words."))
    assert any(state.step is not None and state.step.stage == "embedding passages" for state in states)


def test_stored_articles_are_kept_when_the_index_is_busy() -> None:
    collection = FakeCollection()
    collection.busy = BuilderBusyError("another builder works; the articles are safe")
    last = add(collection, text_source("Pasted", "", "A text of some words."))[-1]
    assert last.problem == "another builder works; the articles are safe"
    assert collection.articles()[1] == 1


def test_a_file_that_vanished_is_a_rejection(tmp_path: Path) -> None:
    last = add(FakeCollection(), file_source(tmp_path / "gone.txt", "gone.txt"))[-1]
    assert "upload it again" in last.verdicts[0].report.rejected[0].reason


def test_verdicts_name_the_file_and_the_reason(tmp_path: Path) -> None:
    verdict = add(FakeCollection([LICENCE]), file_source(tmp_path / "gone.txt", "<b>gone</b>.txt"))[-1].verdicts[0]
    html = verdicts_html([verdict])
    assert "&lt;b&gt;gone&lt;/b&gt;.txt" in html
    assert "rejected" in html
    assert isinstance(verdict, Verdict)


def test_work_runs_to_its_end_though_nobody_watches() -> None:
    finished = threading.Event()

    def work(progress: Callable[[str, int, int], None]) -> int:
        progress("counting", 1, 2)
        finished.set()
        return 42

    watching = steps(work)
    assert next(watching) == Step("counting", 1, 2)
    del watching
    assert finished.wait(5)


def test_the_newest_step_and_the_result_arrive() -> None:
    def work(progress: Callable[[str, int, int], None]) -> str:
        for done in range(1000):
            progress("counting", done, 1000)
        return "done"

    seen = list(steps(work, every_seconds=0.01))
    assert seen[-1] == Finished("done")
    assert len(seen) < 100


def test_what_the_work_raises_is_raised_here() -> None:
    def work(progress: Callable[[str, int, int], None]) -> None:
        raise StorageError("the disk is full")

    with pytest.raises(StorageError, match="the disk is full"):
        list(steps(work))
