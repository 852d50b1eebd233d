"""The gate over quality: it holds reports to their floors, and the floors themselves are pinned here."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from index.errors import BadInputError
from qa.evaluation.gate import breaches, read_floors
from qa.evaluation.summary import summarise
from scripts import eval_gate
from tests.qa.evaluation.helpers import make_row

# A floor that is lowered, or goes, changes this: the change is then to be seen, and to be explained, here as well.
FLOORS_SHA256 = "86cd4bf649493db4c46df1578e188fe5a2bca1144eaba7118bdded658075abb9"

FLOOR: dict[str, Any] = {
    "name": "F1 of answerable questions",
    "report": "news",
    "metric": "metrics.answerable.f1.value",
    "floor": 0.5,
    "data_sha256": "abc",
    "n": 100,
}
CEILING: dict[str, Any] = {
    **{key: value for key, value in FLOOR.items() if key != "floor"},
    "name": "median seconds",
    "metric": "metrics.seconds.total.median",
    "ceiling": 9.5,
}


def make_report(*, f1: float | None = 0.6, seconds: float | None = 9.0, sha256: str = "abc", n: int = 100) -> Any:
    metrics = {"n": n, "n_errors": 0, "answerable": {"f1": {"value": f1}}, "seconds": {"total": {"median": seconds}}}
    settings = {"answer": {"min_confidence": 0.15, "write_sentence": False}}
    return {"data": {"sha256": sha256}, "mode": "fast", "settings": settings, "metrics": metrics, "rows": []}


def write_floors(folder: Path, *floors: Any) -> Path:
    path = folder / "floors.json"
    path.write_text(json.dumps({"floors": floors}))
    return path


def test_the_floors_are_those_pinned_here() -> None:
    assert hashlib.sha256(eval_gate.FLOORS.read_bytes()).hexdigest() == FLOORS_SHA256
    read_floors(eval_gate.FLOORS)


def test_a_report_that_meets_its_floors_passes(tmp_path: Path) -> None:
    floors = read_floors(write_floors(tmp_path, FLOOR, CEILING))
    assert breaches(floors, {"news": make_report()}) == []
    assert breaches(floors, {"news": make_report(f1=0.5, seconds=9.5, n=101), "other": {}}) == []


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        (make_report(f1=0.4999), "is 0.4999, below its floor 0.5000"),
        (make_report(sha256="def"), "of other data: SHA-256 def, pinned abc"),
        (make_report(n=99), "over 99 questions, pinned 100"),
        (make_report(f1=None), "no number at metrics.answerable.f1.value (found None)"),
        (make_report(f1=float("nan")), "no number at"),
        ({"data": {"sha256": "abc"}, "metrics": {"n": 100, "n_errors": 0}}, "no number at"),
        ({"data": None, "metrics": {"n": 100}}, "of other data: SHA-256 None"),
        ({"data": {"sha256": "abc"}, "metrics": {"n_errors": 0}}, "over None questions"),
        ({"data": {"sha256": "abc"}, "metrics": {"n": 100, "n_errors": 2}}, "in the report 2 questions failed"),
        ({"data": {"sha256": "abc"}, "metrics": {"n": 100}}, "None questions failed"),
        (None, "no report 'news' was given"),
    ],
)
def test_every_way_to_miss_a_floor_is_a_breach(report: Any, reason: str, tmp_path: Path) -> None:
    floors = read_floors(write_floors(tmp_path, FLOOR))
    (line,) = breaches(floors, {} if report is None else {"news": report})
    assert line.startswith("F1 of answerable questions: ")
    assert reason in line


@pytest.mark.parametrize(
    ("expects", "reason"),
    [
        ({"mode": "fast", "settings.answer": {"write_sentence": False, "min_confidence": 0.15}}, None),
        ({"settings.answer.min_confidence": 0.15, "absent": None}, None),
        ({"mode": "full"}, "mode is 'fast', pinned 'full'"),
        ({"mode": "fast", "settings.answer.min_confidence": 0.0}, "settings.answer.min_confidence is 0.15, pinned 0.0"),
        ({"settings.answer.write_sentence": 0}, "settings.answer.write_sentence is False, pinned 0"),
        ({"absent": False}, "absent is None, pinned False"),
    ],
)
def test_a_report_of_another_experiment_is_a_breach(
    expects: dict[str, Any], reason: str | None, tmp_path: Path
) -> None:
    lines = breaches(read_floors(write_floors(tmp_path, {**FLOOR, "expects": expects})), {"news": make_report()})
    if reason is None:
        assert lines == []
    else:
        assert lines == [f"F1 of answerable questions: the report is of another experiment: {reason}"]


def test_every_pinned_figure_is_one_that_reports_have() -> None:
    rows = [make_row("a"), make_row("b", is_answerable=False, answers=())]
    report = {"metrics": summarise(rows)}
    for floor in read_floors(eval_gate.FLOORS):
        value: Any = report
        for key in floor.metric.split("."):
            value = value[key]
        assert isinstance(value, int | float), floor.metric
        assert {"mode", "protocol", "absent"} <= floor.expects.keys()


def test_above_its_ceiling_is_a_breach(tmp_path: Path) -> None:
    floors = read_floors(write_floors(tmp_path, FLOOR, CEILING))
    assert breaches(floors, {"news": make_report(seconds=9.6)}) == [
        "median seconds: metrics.seconds.total.median is 9.6000, above its ceiling 9.5000"
    ]


@pytest.mark.parametrize(
    "floor",
    [
        5,
        {key: value for key, value in FLOOR.items() if key != "floor"},
        {key: value for key, value in FLOOR.items() if key != "n"},
        {key: value for key, value in FLOOR.items() if key != "data_sha256"},
        {**FLOOR, "ceiling": 1.0},
        {**FLOOR, "floor": "high"},
        {**FLOOR, "floor": float("nan")},
        {**FLOOR, "n": 0},
        {**FLOOR, "flor": 1},
        {**FLOOR, "expects": ["mode"]},
    ],
)
def test_an_incomplete_floor_is_refused(floor: Any, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"floors\.json, floor 1"):
        read_floors(write_floors(tmp_path, floor))


def test_a_file_without_floors_and_names_that_stand_twice_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="two floors are named"):
        read_floors(write_floors(tmp_path, FLOOR, FLOOR))
    for content in ("", "[]", "{}", '{"floors": 1}'):
        (tmp_path / "floors.json").write_text(content)
        with pytest.raises(BadInputError, match="floors"):
            read_floors(tmp_path / "floors.json")


def gate(*arguments: object) -> Any:
    app = typer.Typer()
    app.command()(eval_gate.main)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_command_fails_with_a_line_a_breach(tmp_path: Path) -> None:
    floors = write_floors(tmp_path, FLOOR, CEILING, {**FLOOR, "name": "another", "report": "squad"})
    report = tmp_path / "news.json"
    report.write_text(json.dumps(make_report(f1=0.1)))
    result = gate(report, "--floors", floors)
    assert result.exit_code == 1
    assert [line.split(":")[1] for line in result.stderr.splitlines()] == [" F1 of answerable questions", " another"]
    (tmp_path / "squad.json").write_text(json.dumps(make_report()))
    report.write_text(json.dumps(make_report()))
    result = gate(report, tmp_path / "squad.json", "--floors", floors)
    assert (result.exit_code, result.stdout.strip()) == (0, "3 floors hold")


def test_the_command_tells_of_unusable_files_in_one_line(tmp_path: Path) -> None:
    floors = write_floors(tmp_path, FLOOR)
    (tmp_path / "other").mkdir()
    for path in (tmp_path / "news.json", tmp_path / "other" / "news.json"):
        path.write_text(json.dumps(make_report()))
    for arguments in (
        (tmp_path / "gone.json", "--floors", floors),
        (tmp_path / "news.json", "--floors", tmp_path / "gone.json"),
        (tmp_path / "news.json", tmp_path / "other" / "news.json", "--floors", floors),
    ):
        result = gate(*arguments)
        assert result.exit_code == 1
        (line,) = result.stderr.splitlines()
        assert line.startswith("error: ")
