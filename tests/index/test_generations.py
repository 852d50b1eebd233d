"""Which generation is live, which are served in its place, and what stays on disk."""

from __future__ import annotations

import errno
import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from index.errors import (
    BadInputError,
    BuilderBusyError,
    DamagedIndexError,
    NoGenerationError,
    StorageError,
)
from index.generations import Generations
from index.manifest import Manifest, read_manifest, write_manifest
from index.proven import hash_file


@pytest.fixture
def generations(tmp_path: Path) -> Generations:
    return Generations(tmp_path / "index", keep=3)


def _publish(generations: Generations) -> str:
    """A whole generation with one file."""
    name = generations.next_name()
    folder = generations.new_folder(name)
    (folder / "data").write_text(name)
    manifest = Manifest(name, None, "", "", {}, 0, 0, None, {}, {"data": hash_file(folder / "data")})
    write_manifest(folder, manifest)
    generations.publish(folder, name)
    return name


def _publish_several(generations: Generations, count: int) -> list[str]:
    return [_publish(generations) for _ in range(count)]


def _damage(generations: Generations, name: str) -> None:
    (generations.path(name) / "data").write_text("damaged")


def _hidden(generations: Generations) -> list[str]:
    return sorted(p.name for p in generations.folder.iterdir() if p.name.startswith(".") and p.name != ".builder.lock")


# What is live


def test_at_first_there_is_none(generations: Generations) -> None:
    assert generations.names() == []
    assert generations.current() is None
    assert generations.candidates() == []
    assert generations.next_name() == "gen-000001"


def test_a_published_generation_is_live(generations: Generations) -> None:
    assert _publish_several(generations, 2) == ["gen-000001", "gen-000002"]
    assert generations.current() == "gen-000002"
    assert (generations.folder / "CURRENT").read_text() == "gen-000002\n"
    assert (generations.path("gen-000002") / "data").read_text() == "gen-000002"
    assert _hidden(generations) == []


def test_names_are_ordered_by_number(generations: Generations) -> None:
    for name in ("gen-1000000", "gen-999999", "gen-000002", "gen-12", "gene-000001", ".building-gen-000009-1"):
        generations.path(name).mkdir()
    (generations.folder / "gen-000003").write_text("no folder")
    assert generations.names() == ["gen-000002", "gen-999999", "gen-1000000"]
    assert generations.next_name() == "gen-1000001"


@pytest.mark.parametrize(
    "content", ["gen-000009\n", "", "../../etc", "gen-00000\n", "\xff\xfe", "gen-000001 gen-000002"]
)
def test_a_damaged_current_is_told(generations: Generations, content: str) -> None:
    _publish_several(generations, 2)
    (generations.folder / "CURRENT").write_text(content, encoding="latin-1")
    with pytest.raises(DamagedIndexError, match="CURRENT names .*no generation"):
        generations.current()


def test_a_current_that_cannot_be_read_is_told(generations: Generations) -> None:
    (generations.folder / "CURRENT").mkdir()
    with pytest.raises(StorageError, match="CURRENT cannot be read"):
        generations.current()


def test_current_is_replaced_by_a_rename(generations: Generations, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = _publish_several(generations, 2)
    generations.make_current(first)
    seen: list[str | None] = []
    replace = Path.replace

    def look_before_and_after(self: Path, target: Path) -> Path:
        seen.append(generations.current())
        result = replace(self, target)
        seen.append(generations.current())
        return result

    monkeypatch.setattr(Path, "replace", look_before_and_after)
    generations.make_current(second)
    assert seen == [first, second]


# What is opened in its place


def test_the_live_one_is_opened_first_then_older_then_newer_ones(generations: Generations) -> None:
    one, two, three = _publish_several(generations, 3)
    assert generations.candidates() == [three, two, one]
    generations.make_current(two)
    assert generations.candidates() == [two, one, three]


def test_without_a_usable_current_the_newest_is_opened_first(generations: Generations) -> None:
    one, two = _publish_several(generations, 2)
    (generations.folder / "CURRENT").write_text("nonsense")
    assert generations.candidates() == [two, one]
    (generations.folder / "CURRENT").unlink()
    assert generations.candidates() == [two, one]


def test_a_generation_published_while_candidates_are_listed_does_no_harm(
    generations: Generations, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = _publish(generations)
    for method in ("current", "names"):
        original = getattr(generations, method)

        def publish_first(original: Any = original) -> Any:
            monkeypatch.undo()
            _publish(generations)
            return original()

        monkeypatch.setattr(generations, method, publish_first)
        assert one in generations.candidates()
        monkeypatch.undo()


# Going back


def test_rollback_makes_the_next_older_one_live(generations: Generations) -> None:
    one, two, _ = _publish_several(generations, 3)
    assert generations.rollback() == two
    assert generations.current() == two
    assert generations.rollback() == one
    with pytest.raises(BadInputError, match=f"older than {one}"):
        generations.rollback()
    assert generations.current() == one


def test_rollback_passes_over_a_damaged_generation(generations: Generations) -> None:
    one, two, _ = _publish_several(generations, 3)
    _damage(generations, two)
    assert generations.rollback() == one


def test_rollback_to_a_name_may_go_forward_again(generations: Generations) -> None:
    one, _, three = _publish_several(generations, 3)
    assert generations.rollback(one) == one
    assert generations.rollback(three) == three
    assert generations.current() == three


def test_rollback_to_an_unknown_name_is_refused(generations: Generations) -> None:
    _publish_several(generations, 2)
    for name in ("gen-000009", "../index", ""):
        with pytest.raises(BadInputError, match="gen-000001, gen-000002"):
            generations.rollback(name)
    assert generations.current() == "gen-000002"


def test_rollback_to_a_damaged_name_is_refused(generations: Generations) -> None:
    one, two = _publish_several(generations, 2)
    _damage(generations, one)
    with pytest.raises(DamagedIndexError, match=one):
        generations.rollback(one)
    assert generations.current() == two


def test_rollback_without_an_index_says_so(generations: Generations) -> None:
    with pytest.raises(NoGenerationError, match="add an article first"):
        generations.rollback()


# What stays on disk


def test_only_the_last_few_stay(generations: Generations) -> None:
    _publish_several(generations, 5)
    assert generations.names() == ["gen-000003", "gen-000004", "gen-000005"]
    assert _hidden(generations) == []


def test_the_name_of_a_generation_is_never_used_again(generations: Generations) -> None:
    _publish_several(generations, 3)
    generations.rollback("gen-000001")
    assert _publish(generations) == "gen-000004"


def test_the_name_of_a_generation_that_was_rolled_back_and_deleted_is_not_used_again(generations: Generations) -> None:
    _publish_several(generations, 3)
    generations.rollback("gen-000001")
    for name in ("gen-000002", "gen-000003"):
        generations.discard(name)
    assert _publish(Generations(generations.folder)) == "gen-000004"


@pytest.mark.parametrize("content", [None, "", "nonsense", "gen-0000", "\xff\xfe", "gen-000001"])
def test_without_a_usable_note_of_the_highest_number_what_there_is_tells(
    generations: Generations, content: str | None
) -> None:
    _publish_several(generations, 3)
    (generations.folder / "HIGHEST").unlink()
    if content is not None:
        (generations.folder / "HIGHEST").write_text(content, encoding="latin-1")
    assert generations.next_name() == "gen-000004"
    (generations.path("gen-000003")).rename(generations.folder / "elsewhere")  # CURRENT still names it
    assert generations.next_name() == "gen-000004"


def test_the_parent_of_a_generation_tells_which_names_were_used(generations: Generations) -> None:
    _publish(generations)
    folder = generations.path("gen-000001")
    write_manifest(folder, replace(read_manifest(folder), parent="gen-000007"))
    (generations.folder / "HIGHEST").unlink()
    assert generations.next_name() == "gen-000008"


def test_a_folder_that_cannot_be_deleted_is_told_and_tried_again(
    generations: Generations, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _publish_several(generations, 2)
    with monkeypatch.context() as patch:
        patch.setattr("index.generations.shutil.rmtree", lambda *_, **__: None)
        generations.discard("gen-000001")
    assert generations.doomed() == [".building-gen-000001-pruned"]
    assert "tried again by the next build" in caplog.text
    with generations.building(0):
        assert generations.doomed() == []


def test_pruning_never_removes_the_live_one(generations: Generations) -> None:
    _publish_several(generations, 3)
    for number in range(4, 8):
        generations.path(f"gen-{number:06d}").mkdir()
    generations.make_current("gen-000001")
    generations._prune()
    assert generations.names() == ["gen-000001", "gen-000005", "gen-000006", "gen-000007"]
    assert generations.current() == "gen-000001"


def test_the_next_builder_removes_what_a_killed_one_left(generations: Generations) -> None:
    _publish(generations)
    (generations.new_folder("gen-000002") / "half").write_text("x")
    (generations.folder / ".building-gen-000000-pruned").mkdir()
    (generations.folder / ".CURRENT.123.tmp").write_text("gen-0000")
    (generations.folder / ".HIGHEST.123.tmp").write_text("gen-0000")
    with generations.building(0):
        assert _hidden(generations) == []
    assert generations.names() == ["gen-000001"]
    assert generations.current() == "gen-000001"


@pytest.mark.parametrize("method", ["rename", "replace"])
def test_publishing_that_fails_leaves_the_old_one_live_and_no_litter(
    generations: Generations, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    one = _publish(generations)
    folder = generations.new_folder("gen-000002")
    original = getattr(Path, method)

    def fail_once(self: Path, target: Path) -> Path:
        if target.name == "HIGHEST":
            return original(self, target)  # type: ignore[no-any-return]
        monkeypatch.undo()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, method, fail_once)
    with pytest.raises(StorageError, match="No space left"):
        generations.publish(folder, "gen-000002")
    assert getattr(Path, method) is original
    assert generations.current() == one
    assert generations.names() == [one]


def test_old_generations_that_cannot_be_removed_do_not_undo_a_publication(
    generations: Generations, monkeypatch: pytest.MonkeyPatch
) -> None:
    _publish_several(generations, 3)
    original = Path.rename

    def refuse_old(self: Path, target: Path) -> Path:
        if self.name == "gen-000001":
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        return original(self, target)

    monkeypatch.setattr(Path, "rename", refuse_old)
    assert _publish(generations) == "gen-000004"
    assert generations.current() == "gen-000004"
    monkeypatch.undo()
    _publish(generations)
    assert generations.names() == ["gen-000003", "gen-000004", "gen-000005"]


# One builder at a time


def test_a_second_builder_is_told(generations: Generations) -> None:
    second = Generations(generations.folder)
    with generations.building(0):
        with pytest.raises(BuilderBusyError, match="accepted are safe"), second.building(0):
            pytest.fail("two builders at once")
        with pytest.raises(BuilderBusyError), second.building(0.1):
            pytest.fail("two builders at once")
    with second.building(0):
        pass


def test_a_builder_may_wait_for_the_other_to_finish(generations: Generations) -> None:
    working, done = threading.Event(), threading.Event()

    def build() -> None:
        with generations.building(0):
            working.set()
            done.wait(10)

    other = threading.Thread(target=build)
    other.start()
    assert working.wait(10)
    threading.Timer(0.1, done.set).start()
    with Generations(generations.folder).building(10):
        assert done.is_set()
    other.join()


def test_a_builder_that_fails_lets_the_next_one_in(generations: Generations) -> None:
    with pytest.raises(ZeroDivisionError), generations.building(0):
        raise ZeroDivisionError
    with Generations(generations.folder).building(0):
        pass


def test_the_second_builder_does_not_remove_what_the_first_is_building(generations: Generations) -> None:
    with generations.building(0):
        folder = generations.new_folder("gen-000001")
        with pytest.raises(BuilderBusyError), Generations(generations.folder).building(0):
            pytest.fail("two builders at once")
        assert folder.is_dir()


def test_an_index_folder_that_cannot_be_created_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be created"):
        Generations(tmp_path / "file" / "index")
