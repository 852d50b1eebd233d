"""Writes and reads the report of an evaluation, and shows it as a table; knows nothing of how figures are made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from index.atomic import write_atomically
from index.errors import BadInputError
from qa.evaluation.scoring import Row

_Json = Mapping[str, Any]
_GROUPS = (
    ("answerable", "answerable questions"),
    ("with_passages", "questions with passages"),
    ("without_passages", "questions without any passage"),
    ("answer_present", "the gold answer stands in a returned passage"),
    ("answer_absent", "the gold answer stands in no returned passage"),
)


def write_report(path: Path, header: _Json, metrics: _Json, rows: Sequence[Row]) -> None:
    """:raises StorageError: If the disk refuses; an older report stays then."""
    report = {**header, "metrics": metrics, "rows": [row.to_json() for row in rows]}
    # allow_nan: a figure that is no number is None by now; anything else is a mistake.
    write_atomically(path, (json.dumps(report, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode("utf-8"))


def read_report(path: Path) -> dict[str, Any]:
    """:raises BadInputError: If it is no report."""
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInputError(f"the report {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise BadInputError(f"{path} is no report: {error}") from error
    if not isinstance(report, dict) or not {"data", "metrics", "rows"} <= report.keys():
        raise BadInputError(f"{path} is no report of an evaluation: data, metrics and rows are expected")
    return report


def rows_of(report: _Json) -> list[Row]:
    """:raises BadInputError: If they are of another format."""
    try:
        return [Row.from_json(values) for values in report["rows"]]
    except (TypeError, KeyError) as error:
        raise BadInputError(f"the report's rows are of another format: {error}") from error


def summary_table(title: str, metrics: _Json) -> Table:
    """The figures for people: percentages with their 95% intervals, and over how many questions."""
    table = Table(title=title, title_justify="left")
    for name in ("what", "value", "95% interval", "n"):
        table.add_column(name, justify="left" if name == "what" else "right")
    for cells in _lines(metrics):
        table.add_row(*cells)
    return table


def _lines(metrics: _Json) -> Iterator[tuple[str, str, str, str]]:
    yield _line("exact match, all (unanswerable: refused)", metrics["em"])
    yield _line("F1, all (unanswerable: refused)", metrics["f1"])
    yield _line("refused, all", metrics["refused"])
    for key, name in _GROUPS:
        if metrics[key]["n"]:
            yield from _group(name, metrics[key])
    if metrics["unanswerable"]["n"]:
        yield ("unanswerable questions", "", "", str(metrics["unanswerable"]["n"]))
        yield _line("  refused", metrics["unanswerable"]["refused"])
        yield _line("  answered", metrics["unanswerable"]["wrong"])
        yield _line("  answered, and not as the gold that was kept away", metrics["unanswerable"]["wrong_strict"])
    yield _line("right (F1 >= .5) among answers given", metrics["answered"]["right"])
    for k in (1, 4, 10, 20):
        yield _line(f"gold answer in the first {k}", metrics["hit"][f"at_{k}"])
    yield _line("gold answer in any passage that was read", metrics["hit"]["read"])
    yield from _confidence_lines(metrics)
    yield _line("quotes verbatim in the article", metrics["citations"]["verbatim"])
    yield _line("answers with a citation", metrics["citations"]["cited"])
    for name, seconds in metrics["seconds"].items():
        if seconds["n"]:
            value = f"{seconds['median']:.3f} / {seconds['p95']:.3f}"
            bounds = f"{seconds['median_low']:.3f} to {seconds['median_high']:.3f}"
            point = "end" if name == "total" else name.replace("_", " ")
            yield (f"seconds to {point}, median / p95", value, bounds, str(seconds["n"]))
    if metrics["n_errors"]:
        yield ("questions that failed", "", "", str(metrics["n_errors"]))
    for reason, num in metrics["n_left_out"].items():
        yield (f"questions left out: {reason.replace('_', ' ')}", "", "", str(num))
    if "difference" in metrics:
        for name in ("em", "f1", "refused"):
            yield _line(f"difference in {name}, paired", metrics["difference"][name])


def _group(name: str, scores: _Json) -> Iterator[tuple[str, str, str, str]]:
    yield (name, "", "", str(scores["n"]))
    for key, label in (("em", "exact match"), ("f1", "F1"), ("refused", "refused"), ("wrong", "answered wrongly")):
        yield _line(f"  {label}", scores[key])


def _confidence_lines(metrics: _Json) -> Iterator[tuple[str, str, str, str]]:
    confidence = metrics["confidence"]
    yield _plain_line("AUROC of confidence: right or not", confidence["auroc_right"])
    yield _plain_line("AUROC of confidence: answerable or not", confidence["auroc_answerable"])
    yield _plain_line("AUROC of confidence: gold answer returned or not", confidence["auroc_present"])
    yield _plain_line("expected calibration error", confidence["calibration_error"])
    yield _plain_line("area under risk and coverage", metrics["risk_coverage"]["area"])


def _line(name: str, interval: _Json) -> tuple[str, str, str, str]:
    if interval["value"] is None:
        return name, "-", "", "0"
    bounds = f"{100 * interval['low']:.1f} to {100 * interval['high']:.1f}"
    return name, f"{100 * interval['value']:.1f}", bounds, str(interval["n"])


def _plain_line(name: str, interval: _Json) -> tuple[str, str, str, str]:
    if interval["value"] is None:
        return name, "-", "", "0"
    bounds = f"{interval['low']:.3f} to {interval['high']:.3f}" if interval["low"] is not None else ""
    return name, f"{interval['value']:.3f}", bounds, str(interval["n"])
