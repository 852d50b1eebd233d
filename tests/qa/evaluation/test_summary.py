"""Figures of a handful of rows, worked out by hand; the table, the report file and the plot made of them."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from index.errors import BadInputError, StorageError
from qa.evaluation.datasets import EvalQuestion
from qa.evaluation.plot import plot_risk_coverage
from qa.evaluation.report import read_report, rows_of, summary_table, write_report
from qa.evaluation.scoring import Row, Timing, left_out
from qa.evaluation.summary import compare, summarise
from tests.qa.evaluation.helpers import make_row

REFUSED: dict[str, Any] = {
    "outcome": "not_in_articles",
    "short_answer": None,
    "em": 0.0,
    "f1": 0.0,
    "num_citations": 0,
    "num_verbatim": 0,
    "seconds": Timing(retrieve=0.1, total=1.0),
}
ROWS: list[Row] = [
    make_row("right", confidence=0.9),
    make_row(
        "half right", confidence=0.8, em=0.0, f1=0.6, gold_rank=5, gold_rank_deep=3, num_citations=3, num_verbatim=2
    ),
    make_row("wrong", confidence=0.7, em=0.0, f1=0.2, gold_rank=None, gold_rank_deep=15),
    make_row("refused", confidence=0.1, **REFUSED),
    make_row(
        "nothing found",
        **{**REFUSED, "confidence": 0.0},
        num_passages=0,
        gold_rank=None,
        gold_rank_deep=None,
        gold_read=False,
    ),
    make_row(
        "fooled",
        confidence=0.6,
        is_answerable=False,
        answers=(),
        em=0.0,
        f1=0.0,
        gold_rank=None,
        gold_rank_deep=None,
        gold_read=False,
    ),
    make_row(
        "not fooled",
        **{**REFUSED, "em": 1.0, "f1": 1.0, "confidence": 0.2},
        is_answerable=False,
        gold_rank=None,
        gold_rank_deep=None,
    ),
    make_row(
        "failed",
        **{**REFUSED, "outcome": "error", "seconds": Timing(), "confidence": 0.0},
        error="too long",
        num_passages=0,
        gold_rank=None,
        gold_rank_deep=None,
        gold_read=False,
    ),
]


@pytest.fixture(scope="module")
def metrics() -> dict[str, Any]:
    return summarise(ROWS)


def at(metrics: Any, path: str) -> Any:
    for key in path.split("."):
        metrics = metrics[key]
    return metrics


@pytest.mark.parametrize(
    ("path", "value", "num"),
    [
        ("em", 2 / 8, 8),
        ("f1", (1 + 0.6 + 0.2 + 1) / 8, 8),
        ("refused", 3 / 8, 8),
        ("answerable.em", 1 / 6, 6),
        ("answerable.f1", 1.8 / 6, 6),
        ("answerable.wrong", 1 / 6, 6),
        ("unanswerable.refused", 1 / 2, 2),
        ("unanswerable.wrong", 1 / 2, 2),
        ("unanswerable.wrong_strict", 1 / 2, 2),
        ("unanswerable.right_after_all", 0.0, 2),
        ("answerable.refused", 2 / 6, 6),
        ("answerable.answered", 3 / 6, 6),
        ("with_passages.f1", 2.8 / 6, 6),
        ("without_passages.em", 0.0, 2),
        ("answer_present.answered", 2 / 3, 3),
        ("answer_present.f1", 1.6 / 3, 3),
        ("answer_absent.wrong", 1 / 3, 3),
        ("answer_absent.refused", 1 / 3, 3),
        ("answered.right", 2 / 4, 4),
        ("answered.em", 1 / 4, 4),
        ("hit.at_1", 2 / 6, 6),
        ("hit.at_4", 2 / 6, 6),
        ("hit.at_10", 3 / 6, 6),
        ("hit.at_20", 4 / 6, 6),
        ("hit_with_passages.at_20", 4 / 4, 4),
        ("hit.read", 4 / 6, 6),
        ("citations.verbatim", 5 / 6, 6),
        ("citations.cited", 1.0, 4),
    ],
)
def test_shares_and_what_they_are_over(path: str, value: float, num: int, metrics: dict[str, Any]) -> None:
    figure = at(metrics, path)
    assert (figure["value"], figure["n"]) == (pytest.approx(value), num)
    assert figure["low"] <= figure["value"] <= figure["high"]


def test_counts(metrics: dict[str, Any]) -> None:
    assert (metrics["n"], metrics["n_answerable"], metrics["n_errors"]) == (8, 6, 1)
    assert metrics["unanswerable"]["gold_found"] == 0


def test_confidence_is_judged_among_answers_and_among_questions(metrics: dict[str, Any]) -> None:
    confidence = metrics["confidence"]
    assert (confidence["n_answered"], confidence["n_asked"]) == (4, 7)
    assert confidence["auroc_right"] == {"value": 1.0, "low": 1.0, "high": 1.0, "n": 4}
    # Answerable .9 .8 .7 .1 .0 against .6 .2: 6 of 10 pairs in order.
    assert confidence["auroc_answerable"]["value"] == pytest.approx(6 / 10)
    # The answer is there at .9 .8 .1 and not at .7 .0 .6 .2.
    assert confidence["auroc_present"]["value"] == pytest.approx((4 + 4 + 1) / 12)
    # Four bins of one.
    assert confidence["calibration_error"]["value"] == pytest.approx((0.1 + 0.2 + 0.7 + 0.6) / 4)


def test_coverage_counts_every_question(metrics: dict[str, Any]) -> None:
    assert metrics["risk_coverage"]["points"] == [
        [0.9, 0.125, 1.0],
        [0.8, 0.25, 1.0],
        [0.7, 0.375, 0.6667],
        [0.6, 0.5, 0.5],
    ]
    area = metrics["risk_coverage"]["area"]
    assert area["value"] == pytest.approx((0 + 0 + 1 / 3 + 1 / 2) / 4)
    assert area["n"] == 4
    assert area["low"] < area["value"] < area["high"]


def test_seconds_are_over_the_questions_that_got_so_far(metrics: dict[str, Any]) -> None:
    same = {"median", "median_low", "median_high", "p95", "p95_low", "p95_high"}
    assert metrics["seconds"]["first_token"] == {"n": 4, **dict.fromkeys(same, 0.3)}
    assert metrics["seconds"]["total"]["n"] == 7
    assert metrics["seconds"]["total"]["median"] == 0.5
    assert (metrics["seconds"]["total"]["median_low"], metrics["seconds"]["total"]["median_high"]) == (0.5, 1.0)
    assert metrics["seconds"]["retrieve"] == {"n": 7, **dict.fromkeys(same, 0.1)}
    assert summarise(ROWS[-1:])["seconds"]["retrieve"] == {"n": 0, **dict.fromkeys(same, None)}


def test_a_question_that_failed_is_neither_answered_nor_refused(metrics: dict[str, Any]) -> None:
    scores = metrics["answerable"]
    assert scores["answered"]["value"] + scores["refused"]["value"] == pytest.approx(5 / 6)


def test_an_answer_that_agrees_with_the_gold_that_was_kept_away_is_told_apart() -> None:
    wrong = {"is_answerable": False, "em": 0.0, "f1": 0.0}
    rows = [
        make_row("as the gold", **wrong),
        make_row("otherwise", **wrong, short_answer="Tom Reyes"),
        make_row("refused", **{**REFUSED, "em": 1.0, "f1": 1.0}, is_answerable=False),
        make_row("failed", **{**REFUSED, "outcome": "error"}, is_answerable=False, error="too long"),
    ]
    scores = summarise(rows)["unanswerable"]
    shares = {key: scores[key]["value"] for key in ("wrong", "wrong_strict", "right_after_all", "refused")}
    assert shares == {"wrong": 0.5, "wrong_strict": 0.25, "right_after_all": 0.25, "refused": 0.25}


def test_questions_that_were_left_out_count_in_no_figure() -> None:
    question = EvalQuestion("x", "How many?", ("12",))
    out = [left_out(question, "bare_number"), left_out(question, "bare_number"), left_out(question, "nothing_removed")]
    metrics = summarise([*ROWS, *out])
    assert metrics["n_left_out"] == {"bare_number": 2, "nothing_removed": 1}
    assert {**metrics, "n_left_out": {}} == summarise(ROWS)
    only = summarise(out)
    assert (only["n"], only["f1"]["value"]) == (0, None)
    assert compare(out[:1], out[:1])["n"] == 0


def test_the_questions_of_a_paragraph_are_one_piece_of_evidence() -> None:
    def width(figure: dict[str, float]) -> float:
        return figure["high"] - figure["low"]

    apart = [make_row(str(i), f1=float(i // 20 % 2), confidence=i / 200, num_verbatim=i // 20 % 2) for i in range(200)]
    together = [replace(row, group=str(i // 20)) for i, row in enumerate(apart)]
    before, after = summarise(apart), summarise(together)
    for path in ("f1", "answerable.wrong", "citations.verbatim", "confidence.auroc_right", "risk_coverage.area"):
        assert at(after, path)["value"] == at(before, path)["value"]
        assert width(at(after, path)) > 2 * width(at(before, path)), path
    theirs = [replace(row, f1=0.0) for row in apart]
    assert width(compare(together, theirs)["f1"]) > 2 * width(compare(apart, theirs)["f1"])


def test_the_citations_of_an_answer_are_one_piece_of_evidence() -> None:
    rows = [make_row(str(i), num_citations=10, num_verbatim=10 * (i % 2)) for i in range(20)]
    verbatim = summarise(rows)["citations"]["verbatim"]
    assert (verbatim["value"], verbatim["n"]) == (0.5, 200)
    assert verbatim["high"] - verbatim["low"] > 0.3


def test_many_points_are_thinned_and_the_last_is_kept() -> None:
    rows = [make_row(str(i), confidence=i / 1000) for i in range(1000)]
    points = summarise(rows)["risk_coverage"]["points"]
    assert len(points) <= 200
    assert points[-1] == [0.0, 1.0, 1.0]


def test_reports_are_compared_over_the_questions_of_both() -> None:
    theirs = [make_row("a", f1=0.5, em=0.0), make_row("b", f1=0.5), make_row("only theirs")]
    ours = [make_row("b", f1=0.9), make_row("a", f1=0.9), make_row("only ours")]
    difference = compare(ours, theirs)
    assert (difference["n"], difference["f1"]["value"]) == (2, pytest.approx(0.4))
    assert difference["em"]["value"] == 0.5
    assert compare(ours, [])["f1"]["value"] is None


def test_the_table_shows_every_group_with_its_number(metrics: dict[str, Any]) -> None:
    text = io.StringIO()
    shown = {**metrics, "difference": compare(ROWS, ROWS)}
    Console(file=text, width=120).print(summary_table("a title", shown))
    lines = text.getvalue().splitlines()
    assert lines[0].startswith("a title")
    for words in (
        "without any passage",
        "stands in no returned passage",
        "answered wrongly",
        "in the first 20",
        "that failed",
    ):
        assert any(words in line for line in lines), words
    (exact,) = (line for line in lines if "exact match, all" in line)
    assert "25.0" in exact and " 8 " in exact


def test_the_table_and_the_report_take_rows_of_one_kind(tmp_path: Path) -> None:
    for rows in ([ROWS[0]], [ROWS[4]], [ROWS[5]], [ROWS[6]], [ROWS[7]]):
        metrics = summarise(rows)
        assert summary_table("t", metrics).row_count > 10
        write_report(tmp_path / "r.json", {"data": {}}, metrics, rows)


def test_a_report_is_read_as_it_was_written(tmp_path: Path, metrics: dict[str, Any]) -> None:
    path = tmp_path / "r.json"
    write_report(path, {"data": {"sha256": "abc"}, "mode": "fast"}, metrics, ROWS)
    report = read_report(path)
    assert report["mode"] == "fast"
    assert report["metrics"] == json.loads(json.dumps(metrics))
    assert rows_of(report) == ROWS


@pytest.mark.parametrize("content", ["", "[]", '{"data": {}}', None])
def test_what_is_no_report_is_told(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(BadInputError, match=r"r\.json"):
        read_report(path)
    with pytest.raises(BadInputError, match="another format"):
        rows_of({"rows": [{}]})


def test_the_plot_is_a_png(tmp_path: Path, metrics: dict[str, Any]) -> None:
    for name, points in (("some", metrics["risk_coverage"]["points"]), ("none", [])):
        path = tmp_path / f"{name}.png"
        plot_risk_coverage(path, points, title="a title")
        data = path.read_bytes()
        assert data.startswith(b"\x89PNG\r\n\x1a\n")
        assert len(data) > 5_000
    with pytest.raises(StorageError):
        plot_risk_coverage(tmp_path / "gone" / "p.png", [], title="a title")
