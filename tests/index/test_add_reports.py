"""A report says what became of every item, and forgets an article when it is removed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from index.add_reports import AddReports
from index.atomic import write_atomically
from index.collection import Collection
from index.errors import StorageError
from index.library import Library
from index.types import AddedItem, AddReport, Article, Rejection, make_article
from tests.fakes import TITLE_WEIGHT, numbered_article, numbered_articles, open_parts

_KEYS = ["created_at", "seconds", "generation", "error", "totals", "items"]


@pytest.fixture
def reports(tmp_path: Path) -> AddReports:
    return AddReports(tmp_path / "reports")


def _read(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return values


def test_every_item_is_reported_in_its_order(tmp_path: Path, reports: AddReports) -> None:
    parts = open_parts(tmp_path)
    parts.collection.add(numbered_articles(2))
    items: list[Article | Rejection] = [
        numbered_article(0),
        Rejection("x.jsonl:4", "has no text"),
        numbered_article(1, version=2),
        numbered_article(2),
        make_article(numbered_article(2).text, title="Copied", url="https://copy.example"),
    ]
    report = parts.collection.add(items)
    path = reports.write(report, seconds=1.23456)
    values = _read(path)
    assert list(values) == _KEYS
    assert (values["seconds"], values["generation"], values["error"]) == (1.235, "gen-000002", None)
    assert values["totals"] == {"added": 1, "revised": 1, "unchanged": 1, "duplicates": 1, "rejected": 1}
    assert [item["outcome"] for item in values["items"]] == ["unchanged", "rejected", "revised", "added", "duplicate"]
    assert values["items"][1] == {
        "outcome": "rejected",
        "article_id": None,
        "title": None,
        "url": None,
        "item": "x.jsonl:4",
        "reason": "has no text",
    }
    assert values["items"][3]["article_id"] == numbered_article(2).article_id
    assert values["items"][3]["title"] == "Meeting about subject2"
    assert values["items"][3]["url"] == "https://news.example/2"


def test_the_last_fifty_stay(tmp_path: Path, reports: AddReports) -> None:
    written = [reports.write(AddReport(), seconds=number) for number in range(53)]
    assert sorted((tmp_path / "reports").iterdir()) == sorted(written)[3:]
    assert [_read(path)["seconds"] for path in sorted((tmp_path / "reports").iterdir())] == list(range(3, 53))


def test_another_place_may_be_chosen(tmp_path: Path, reports: AddReports) -> None:
    chosen = tmp_path / "new" / "mine.json"
    assert reports.write(AddReport(added=1), seconds=0, path=chosen) == chosen
    assert _read(chosen)["totals"]["added"] == 1
    assert not (tmp_path / "reports").exists()


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("no folder")
    with pytest.raises(StorageError, match="reports cannot be created"):
        AddReports(tmp_path / "reports").write(AddReport(), seconds=0)


def test_a_removed_article_is_named_no_more(tmp_path: Path, reports: AddReports) -> None:
    parts = open_parts(tmp_path)
    collection = Collection(
        parts.library, parts.generations, parts.builder, title_weight=TITLE_WEIGHT, mentions=[reports]
    )
    path = reports.write(collection.add([*numbered_articles(3), Rejection("b.txt", "is empty")]), seconds=0)
    other = reports.write(collection.add(numbered_articles(1)), seconds=0)
    before = other.read_bytes()
    collection.remove([numbered_article(1).article_id])
    assert "subject1" not in path.read_text()
    assert "news.example/1" not in path.read_text()
    values = _read(path)
    assert [item["outcome"] for item in values["items"]] == ["added", "removed since", "added", "rejected"]
    assert values["totals"]["added"] == 3
    assert other.read_bytes() == before


def test_an_article_known_by_another_id_is_forgotten_by_its_address(reports: AddReports) -> None:
    item = AddedItem("revised", "an id of the file", "A title", "https://news.example/1")
    path = reports.write(AddReport.of_items([item]), seconds=0)
    reports.forget(["an id of the library"], {"https://news.example/1"})
    assert "A title" not in path.read_text()


def test_a_report_that_cannot_be_read_goes_when_something_is_forgotten(tmp_path: Path, reports: AddReports) -> None:
    path = reports.write(AddReport(), seconds=0)
    path.write_text('{"items": [')
    reports.forget(["a"])
    assert list((tmp_path / "reports").iterdir()) == []


def test_forgetting_without_any_report_does_nothing(reports: AddReports) -> None:
    reports.forget(["a"])


def _with_reports(tmp_path: Path, reports: AddReports) -> Collection:
    parts = open_parts(tmp_path)
    return Collection(parts.library, parts.generations, parts.builder, title_weight=TITLE_WEIGHT, mentions=[reports])


def test_an_article_that_was_removed_before_the_report_was_written_is_not_named(
    tmp_path: Path, reports: AddReports
) -> None:
    collection = _with_reports(tmp_path, reports)
    report = collection.add([*numbered_articles(2), Rejection("https://news.example/1", "was removed")])
    collection.remove([numbered_article(1).article_id])
    path = reports.write(report, seconds=0, are_removed=collection.are_removed)
    assert [item["outcome"] for item in _read(path)["items"]] == ["added", "removed since", "removed since"]
    assert "subject1" not in path.read_text()
    assert "news.example/1" not in path.read_text()


def test_an_article_that_is_removed_while_the_report_is_written_is_not_named(
    tmp_path: Path, reports: AddReports, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = _with_reports(tmp_path, reports)
    report = collection.add(numbered_articles(2))

    def remove_first(path: Path, data: bytes) -> None:
        monkeypatch.undo()
        collection.remove([numbered_article(1).article_id])
        write_atomically(path, data)

    monkeypatch.setattr("index.add_reports.write_atomically", remove_first)
    path = reports.write(report, seconds=0, are_removed=collection.are_removed)
    assert [item["outcome"] for item in _read(path)["items"]] == ["added", "removed since"]


def test_a_report_that_appears_while_an_article_is_removed_does_not_name_it(
    tmp_path: Path, reports: AddReports, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = _with_reports(tmp_path, reports)
    report = collection.add(numbered_articles(2))
    remove, paths = Library.remove, []

    def write_first(self: Library, article_ids: list[str]) -> list[str]:
        paths.append(reports.write(report, seconds=0, are_removed=collection.are_removed))
        return remove(self, article_ids)

    monkeypatch.setattr(Library, "remove", write_first)
    collection.remove([numbered_article(1).article_id])
    assert [item["outcome"] for item in _read(paths[0])["items"]] == ["added", "removed since"]


def test_what_a_killed_writer_left_goes_with_the_next_report(tmp_path: Path, reports: AddReports) -> None:
    (tmp_path / "reports").mkdir()
    left, being_written = (tmp_path / "reports" / f".add-20240101T000000.00000{n}Z-abc.json.{n}.tmp" for n in (1, 2))
    left.write_text("Meeting about")
    os.utime(left, (0, 0))
    being_written.write_text("Meeting about")
    path = reports.write(AddReport(), seconds=0)
    assert sorted((tmp_path / "reports").iterdir()) == [being_written, path]
