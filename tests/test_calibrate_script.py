"""The fit of confidence: right weights from made-up reports, and no report mixed with what it does not go with."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from index.errors import BadInputError
from qa.evaluation.report import write_report
from qa.evaluation.scoring import Row
from qa.evaluation.summary import summarise
from scripts import calibrate
from scripts.calibrate import fitted, read_samples
from tests.qa.evaluation.helpers import make_row

pytestmark = pytest.mark.slow

Command = Callable[..., Result]


def make_rows(num: int, *, seed: int = 0, prefix: str = "q", **values: Any) -> list[Row]:
    """Questions of which the reader's answer is right the more often, the higher its log-odds and the lower its
    relevance; the margin says nothing. The written one is the reader's or another."""
    draw = np.random.default_rng(seed)
    rows = []
    for i in range(num):
        relevance, log_odds, margin, yes_no = draw.normal(size=4).round(3).tolist()
        is_right, is_written_right = (
            bool(draw.random() < 1 / (1 + np.exp(-(2 * log_odds - relevance + yes_no)))),
            bool(draw.random() < 0.3),
        )
        agrees = bool(draw.random() < 0.5)
        signals = {
            "relevance": relevance,
            "log_odds": log_odds,
            "margin": margin,
            "cosine": 0.5,
            "yes_no": yes_no,
            "agreement": float(agrees),
            "read": "Ada" if is_right else "Tom Reyes",
            "written": None if i % 10 == 0 else "Ada" if (is_right if agrees else is_written_right) else "Tom Reyes",
        }
        rows.append(make_row(f"{prefix}{i}", question=f"Who is {prefix}{i}?", signals=signals, **values))
    return rows


def write(path: Path, rows: Sequence[Row], *, code: str = "a", mode: str = "full", evidence: str = "reader") -> Path:
    header = {"data": {}, "mode": mode, "code": [code], "models": {"evidence": evidence}}
    write_report(path, header, summarise(rows[:2]), rows)
    return path


@pytest.fixture
def command() -> Command:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(calibrate.main)

    def run(*arguments: object) -> Result:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
        return result

    return run


def weights_of(name: str, output: str) -> dict[str, float]:
    (line,) = [line for line in output.splitlines() if line.startswith(f"{name}: intercept")]
    weights: dict[str, float] = json.loads(line[line.index("{") :].replace("'", '"'))
    return weights


def test_the_weights_have_the_signs_that_made_the_answers(command: Command, tmp_path: Path) -> None:
    result = command(write(tmp_path / "r.json", make_rows(600)))
    assert result.exit_code == 0, result.stderr
    for name in ("fast", "read"):
        weights = weights_of(name, result.stdout)
        assert weights["log_odds"] > 0.8
        assert weights["relevance"] < -0.3
        assert abs(weights["margin"]) < 0.3
    assert weights_of("read", result.stdout)["yes_no"] > 0.4
    assert float(re.findall(r"AUROC ([\d.]+)", result.stdout)[0]) > 0.75
    assert result.stdout.count("\n  0.00  ") == 4


def test_the_share_refused_grows_with_the_threshold(command: Command, tmp_path: Path) -> None:
    rows = [*make_rows(200), *make_rows(100, seed=1, prefix="u", is_answerable=False, answers=())]
    result = command(write(tmp_path / "r.json", rows))
    fast = result.stdout[result.stdout.index("\nfast: 300 questions") :].splitlines()[3:13]
    refused = [float(line.split()[-1]) for line in fast]
    assert refused[0] == 0.0
    assert refused == sorted(refused) and refused[-1] > 0.5


def test_reports_of_two_versions_of_the_code_are_not_mixed_unawares(command: Command, tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{code}.json", make_rows(60, seed=i), code=code) for i, code in enumerate("ab")]
    result = command(*paths)
    assert result.exit_code == 1
    assert "error: the reports were made by 2 versions of the code" in result.stderr
    assert command(*paths, "--any-code").exit_code == 0


def test_reports_of_two_readers_are_never_mixed(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{name}.json", make_rows(4), evidence=name) for name in ("one", "two")]
    with pytest.raises(BadInputError, match="different evidence readers: one, two"):
        read_samples(paths, any_code=True)


def test_questions_that_two_reports_number_alike_both_count(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{seed}.json", make_rows(30, seed=seed)) for seed in (1, 2)]
    samples = read_samples(paths)
    assert len(samples) == len({sample.key for sample in samples}) == 60
    with pytest.raises(BadInputError, match="given twice"):
        read_samples([paths[0], paths[0]])


def test_questions_without_signals_are_counted_and_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [*make_rows(5), make_row("none", signals=None)]
    assert len(read_samples([write(tmp_path / "r.json", rows)])) == 5
    assert "r.json: 5 questions, and 1 without signals" in capsys.readouterr().out


def test_reports_of_mode_fast_say_nothing_of_the_generator(command: Command, tmp_path: Path) -> None:
    result = command(write(tmp_path / "r.json", make_rows(200), mode="fast"))
    assert result.exit_code == 0, result.stderr
    assert weights_of("fast", result.stdout)["log_odds"] > 0
    assert "read: no report of mode full" in result.stdout
    assert "\nfast: 200 questions" in result.stdout and "\nread: 200" not in result.stdout


def test_no_answer_is_judged_by_a_fit_that_saw_its_group() -> None:
    # Each group has one mark of its own that tells its answers apart from all others: known only by having seen it.
    num_groups, each = 20, 10
    draw = np.random.default_rng(0)
    right = [bool(flag) for flag in draw.random(num_groups) < 0.5 for _ in range(each)]
    groups = [group for group in range(num_groups) for _ in range(each)]
    values = np.eye(num_groups, dtype=np.float32).repeat(each, axis=0) * 10
    _, by_group = fitted(values, right, groups)
    _, alone = fitted(values, right, list(range(len(right))))
    assert min(abs(p - flag) for p, flag in zip(by_group, right, strict=True)) > 0.15
    assert max(abs(p - flag) for p, flag in zip(alone, right, strict=True)) < 0.1


def test_answers_that_differ_between_groups_only_are_too_little_to_fit_on() -> None:
    with pytest.raises(BadInputError, match="too few to fit on"):
        fitted(np.zeros((8, 1), dtype=np.float32), [True] * 4 + [False] * 4, ["a"] * 4 + ["b"] * 4)


def test_questions_on_one_paragraph_or_in_the_same_words_are_a_group(tmp_path: Path) -> None:
    rows = [*make_rows(2, group="p"), *make_rows(2, seed=1)]
    path = write(tmp_path / "r.json", [*rows[:2], rows[2]])
    other = write(tmp_path / "s.json", rows[2:])
    groups = [sample.group for sample in read_samples([path, other])]
    assert groups[0] == groups[1] != groups[2]
    assert groups[2] == groups[3] != groups[4]


@pytest.mark.parametrize("values", [{"is_answerable": False}, {"group": "p"}])
def test_too_little_to_fit_on_is_one_line(values: dict[str, Any], command: Command, tmp_path: Path) -> None:
    result = command(write(tmp_path / "r.json", make_rows(50, **values)))
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: 50 answers in ")
    assert "too few to fit on" in line


def test_what_is_no_report_is_one_line(command: Command, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text("{}")
    for name in ("r.json", "gone.json"):
        result = command(tmp_path / name)
        assert result.exit_code == 1
        (line,) = result.stderr.splitlines()
        assert line.startswith("error: ") and name in line
