"""A build looks again after letting go of its lock, and refuses a library that its index was not built from."""

from __future__ import annotations

from pathlib import Path

import pytest

from index.builder import Builder
from index.errors import DamagedIndexError, StorageError
from tests.fakes import numbered_article, numbered_articles, open_parts


def test_an_article_accepted_after_the_last_look_is_indexed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = open_parts(tmp_path)
    parts.library.accept(numbered_articles(2))
    build_locked = Builder._build_locked
    late = [numbered_article(2)]

    def then_accept(self: Builder, *arguments: object, **options: object) -> object:
        built = build_locked(self, *arguments, **options)  # type: ignore[arg-type]  # passed on as they came
        if late:
            parts.library.accept([late.pop()])  # by another program, which finds the builder busy
        return built

    monkeypatch.setattr(Builder, "_build_locked", then_accept)
    parts.builder.build()
    snapshot = parts.collection.snapshot()
    assert snapshot is not None
    assert numbered_article(2).article_id in {passage.article_id for passage in snapshot.all_passages()}


@pytest.mark.parametrize("lost", ["emptied", "deleted", "older"])
def test_a_library_that_lost_what_the_index_holds_empties_no_index(tmp_path: Path, lost: str) -> None:
    parts = open_parts(tmp_path)
    parts.collection.add(numbered_articles(3))
    path = tmp_path / "library.sqlite"
    backup = path.read_bytes()
    parts.collection.add([numbered_article(3)])
    live = parts.collection.status()["generation"]
    whole = path.read_bytes()
    if lost == "deleted":
        path.unlink()
    else:
        path.write_bytes(b"" if lost == "emptied" else backup)
    reopened = open_parts(tmp_path).collection
    with pytest.raises(StorageError, match=f"is not what {live} was built from.*backup.*rebuild --full"):
        reopened.update()
    assert reopened.status()["generation"] == live
    assert parts.generations.names() == ["gen-000001", "gen-000002"]
    path.write_bytes(whole)
    assert open_parts(tmp_path).collection.update() == live


def test_an_older_library_is_indexed_by_a_full_rebuild(tmp_path: Path) -> None:
    parts = open_parts(tmp_path)
    parts.collection.add(numbered_articles(3))
    backup = (tmp_path / "library.sqlite").read_bytes()
    parts.collection.add([numbered_article(3)])
    (tmp_path / "library.sqlite").write_bytes(backup)
    reopened = open_parts(tmp_path).collection
    reopened.rebuild(full=True)
    snapshot = reopened.snapshot()
    assert snapshot is not None
    assert snapshot.num_passages == 9


def test_removing_the_newest_article_keeps_the_library_the_same_one(tmp_path: Path) -> None:
    parts = open_parts(tmp_path)
    parts.collection.add(numbered_articles(3))
    parts.collection.remove([numbered_article(2).article_id])
    reopened = open_parts(tmp_path).collection
    assert reopened.add([numbered_article(5)]).added == 1


def test_a_generation_that_could_not_be_opened_for_a_moment_is_served_after_the_next_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = open_parts(tmp_path)
    parts.collection.add(numbered_articles(2))

    def refuse(*_: object, **__: object) -> None:
        raise DamagedIndexError("gen-000002 cannot be opened: Input/output error")

    with monkeypatch.context() as failing:
        failing.setattr("index.served.Snapshot", refuse)
        parts.collection.add([numbered_article(2)])
        assert parts.collection.problem is not None
    parts.collection.rebuild()
    snapshot = parts.collection.snapshot()
    assert snapshot is not None
    assert snapshot.generation == "gen-000002"
    assert parts.collection.problem is None
