"""The command as it is typed, with a fake embedder and a scripted generator in place of the models."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from qa.evaluation.progress import plain_progress
from qa.evaluation.provenance import code_sha256, data_json, differences
from scripts import evaluate
from tests.fakes import HashEmbedder
from tests.qa.evaluation.helpers import ARTICLES, QUESTIONS, write_json_lines
from tests.qa.evaluation.test_datasets import squad_file
from tests.qa.helpers import ScriptedGenerator, replies
from tests.qa.sentence_reader import SentenceReader

pytestmark = pytest.mark.slow

Command = Callable[..., Result]


@pytest.fixture
def generators(monkeypatch: pytest.MonkeyPatch) -> list[ScriptedGenerator]:
    """Those that were loaded."""
    loaded: list[ScriptedGenerator] = []

    def load(*_: Any) -> ScriptedGenerator:
        loaded.append(ScriptedGenerator(replies(short="12 million euros", sentence="It cost 12 million euros.")))
        return loaded[-1]

    monkeypatch.setattr(evaluate, "build_embedder", lambda config: HashEmbedder())
    monkeypatch.setattr(evaluate, "build_reader", lambda config: SentenceReader(HashEmbedder()))
    monkeypatch.setattr(evaluate, "build_generator", load)
    return loaded


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, generators: list[ScriptedGenerator]) -> Command:
    monkeypatch.chdir(tmp_path)
    write_json_lines(tmp_path / "a.jsonl.gz", ARTICLES)
    write_json_lines(tmp_path / "q.jsonl.gz", QUESTIONS)
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(evaluate.main)

    def run(*arguments: object) -> Result:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
        return result

    return run


STREAM = ("--articles", "a.jsonl.gz", "--questions", "q.jsonl.gz", "--stream", "--out", "r.json")


def test_a_stream_gives_a_report_a_table_and_a_plot(
    command: Command, tmp_path: Path, generators: list[ScriptedGenerator]
) -> None:
    result = command(*STREAM)
    assert result.exit_code == 0, result.stderr
    assert "exact match, all" in result.stdout
    assert "asking 4/4" in result.stderr
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["metrics"]["n"] == len(report["rows"]) == 4
    assert (report["mode"], report["protocol"], report["models"]["generator"]) == ("full", "stream", "scripted")
    assert report["settings"]["retrieval"]["num_passages"] == 10
    assert str(tmp_path) not in json.dumps(report)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a.jsonl.gz",
        "q.jsonl.gz",
        "r-work",
        "r.json",
        "r.png",
        "r.rows.jsonl",
    ]
    assert len(list((tmp_path / "r-work" / "index").glob("gen-*"))) == 3
    assert [generator.is_closed for generator in generators] == [True]


def test_more_weeks_than_are_usually_kept_stay(command: Command, tmp_path: Path) -> None:
    articles = [
        {**ARTICLES[0], "url": f"https://x.example/{i}", "text": f"Number {i}.", "batch": f"202401{i:02d}"}
        for i in range(1, 9)
    ]
    write_json_lines(tmp_path / "a.jsonl.gz", articles)
    assert command(*STREAM, "--mode", "fast").exit_code == 0
    assert len(list((tmp_path / "r-work" / "index").glob("gen-*"))) == 8


def test_fast_mode_loads_no_generator(command: Command, generators: list[ScriptedGenerator]) -> None:
    result = command(*STREAM, "--mode", "fast", "--no-plot")
    assert result.exit_code == 0, result.stderr
    assert generators == []


def test_a_configuration_is_read_and_its_data_folder_is_not(command: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('data_dir = "mine"\n[retrieval]\nnum_passages = 1\n')
    result = command(*STREAM, "--mode", "fast", "--config", "mine.toml", "--work-dir", "elsewhere")
    assert result.exit_code == 0, result.stderr
    report = json.loads((tmp_path / "r.json").read_text())
    assert {row["num_passages"] for row in report["rows"]} == {1}
    assert (tmp_path / "elsewhere" / "weeks.json").is_file()
    assert not (tmp_path / "mine").exists() and not (tmp_path / "r-work").exists()


def test_squad_needs_no_work_folder(command: Command, tmp_path: Path) -> None:
    squad_file(tmp_path)
    result = command("--questions", "squad.json.gz", "--mode", "fast", "--out", "s.json", "--no-plot")
    assert result.exit_code == 0, result.stderr
    assert not (tmp_path / "s-work").exists()
    assert json.loads((tmp_path / "s.json").read_text())["protocol"] == "given"
    result = command("--questions", "squad.json.gz", "--mode", "fast", "--out", "o.json", "--open", "--absent")
    assert result.exit_code == 0, result.stderr
    assert json.loads((tmp_path / "o.json").read_text())["metrics"]["n_answerable"] == 0


def test_errors_are_one_line(command: Command, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text("{\n")
    for arguments, reason in (
        (("--questions", "q.jsonl.gz", "--out", "r.json"), "give --articles"),
        (("--questions", "bad.jsonl", "--out", "r.json"), "bad.jsonl:1"),
        (("--questions", "gone.jsonl", "--out", "r.json"), "gone.jsonl"),
        ((*STREAM, "--mode", "slow"), "mode 'slow' is unknown"),
        ((*STREAM, "--config", "gone.toml"), "gone.toml does not exist"),
    ):
        result = command(*arguments)
        assert result.exit_code == 1
        assert f"error: {reason}" in result.stderr or reason in result.stderr.splitlines()[-1]
        assert result.stderr.splitlines()[-1].startswith("error: ")
        assert "Traceback" not in result.output
    assert not (tmp_path / "r.json").exists()


def test_without_matplotlib_the_report_is_made_and_the_lack_told(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "qa.evaluation.plot", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    result = command(*STREAM, "--mode", "fast")
    assert result.exit_code == 0
    assert "no plot: " in result.stderr
    assert (tmp_path / "r.json").is_file() and not (tmp_path / "r.png").exists()


def test_progress_for_logs_is_a_line_now_and_then() -> None:
    lines: list[str] = []
    moments = iter([0.0, 10.0, 40.0, 41.0, 100.0])
    report = plain_progress(lines.append, seconds_between=30.0, now=lambda: next(moments))
    for done in (0, 1, 4, 5, 10):
        report("asking", done, 10)
    assert lines == ["asking 0/10", "asking 4/10 (10.00 s each, 1 min left)", "asking 10/10"]


# (of the evaluation, every module stands in one of the two)
NO_PART = "gate mixed_articles plot progress provenance report resampling size_figures statistics summary".split()
A_PART = "__init__ absent datasets given journal matching run runner scoring streaming watched_reader".split()


def test_the_codes_hash_is_of_what_rows_depend_on(tmp_path: Path) -> None:
    folder = Path(evaluate.__file__).parent.parent / "qa" / "evaluation"
    assert {path.stem for path in folder.glob("*.py")} == {*NO_PART, *A_PART}
    names = ["index/a.py", "qa/b.py", "qa/ui/c.py", *(f"qa/evaluation/{name}.py" for name in (*NO_PART, *A_PART))]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1\n")
    before = code_sha256(tmp_path)
    changed = set()
    for name in names:
        (tmp_path / name).write_text("2\n")
        if code_sha256(tmp_path) != before:
            changed.add(name)
        (tmp_path / name).write_text("1\n")
    assert changed == {"index/a.py", "qa/b.py", *(f"qa/evaluation/{name}.py" for name in A_PART)}


def test_datas_hash_is_of_contents_by_role(tmp_path: Path) -> None:
    for name, text in (("a", "x"), ("b", "x"), ("c", "y")):
        (tmp_path / name).write_text(text)
    a, b, c = (tmp_path / name for name in "abc")
    assert data_json({"questions": a})["sha256"] == data_json({"questions": b})["sha256"]
    assert data_json({"questions": a})["sha256"] != data_json({"questions": c})["sha256"]
    assert data_json({"questions": a, "articles": c})["sha256"] != data_json({"questions": c, "articles": a})["sha256"]


def test_differences_are_named_by_their_path() -> None:
    assert differences({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}, "d": 4}) == ["a.c: 2, now 3", "d: None, now 4"]
    assert differences({"a": 1}, {"a": 1}) == []
