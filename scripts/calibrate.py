"""Fits the confidence of answers (qa/calibration.py) on evaluated questions, and prints weights and figures.

    python scripts/evaluate.py --questions DEVELOPMENT.jsonl --config all.toml --out development.json
    python scripts/calibrate.py development.json more.json

The evaluation must withhold nothing (``answer.min_confidence = 0`` in its configuration), and its questions must not
be those that figures are reported on. An answer counts as right when its token F1 with a gold answer is at least 0.5
(SQuAD normalisation); to an unanswerable question no answer is right.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]  # it comes without types
from sklearn.model_selection import StratifiedKFold, cross_val_predict  # type: ignore[import-untyped]

from index.types import FloatArray
from qa.evaluation.scoring import RIGHT_F1
from qa.evaluation.statistics import auroc, calibration_error
from qa.metrics import token_f1

# Which signals each way of answering is judged by; docs/experiments.md has the other choices that were measured.
_SIGNALS: Mapping[str, Sequence[str]] = {
    "fast": ("relevance", "log_odds", "margin"),
    "read": ("yes_no", "relevance", "log_odds", "margin", "agreement"),
    "written": ("yes_no", "relevance", "log_odds", "agreement"),
}
_FOLDS = 10
_THRESHOLDS = (0.0, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6)

Row = Mapping[str, Any]


def main(reports: Annotated[list[Path], typer.Argument(help="reports of scripts/evaluate.py, mode full")]) -> None:
    """Fit and print."""
    rows = [row for path in reports for row in json.loads(path.read_text(encoding="utf-8"))["rows"] if row["signals"]]
    predicted = {}
    for name, signals in _SIGNALS.items():
        answer = "written" if name == "written" else "read"
        some = [row for row in rows if row["signals"][answer] is not None]
        predicted[name] = dict(zip(map(_key, some), _fit(name, some, signals, answer), strict=True))
    print(f"\n{len(rows):,} questions, by the probabilities of {_FOLDS}-fold cross-validation")
    _print_rules(rows, predicted)


def _fit(name: str, rows: Sequence[Row], signals: Sequence[str], answer: str) -> list[float]:
    """Print the weights; return each row's probability by a fit that did not see it."""
    values = np.array([[row["signals"][signal] for signal in signals] for row in rows])
    right = np.array([_is_right(row, row["signals"][answer]) for row in rows])
    model = LogisticRegression(C=1.0, max_iter=1000)
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=7)
    held_out: FloatArray = cross_val_predict(model, values, right, cv=folds, method="predict_proba")[:, 1]
    model.fit(values, right)
    weights = {signal: round(float(w), 3) for signal, w in zip(signals, model.coef_[0], strict=True)}
    print(f"{name}: intercept {model.intercept_[0]:.3f}, weights {weights}")
    probabilities: list[float] = held_out.tolist()
    print(
        f"  {len(rows):,} answers, {right.mean():.3f} right, AUROC {auroc(probabilities, right.tolist()):.3f}, "
        f"calibration error {calibration_error(probabilities, right.tolist()):.3f}"
    )
    return probabilities


def _print_rules(rows: Sequence[Row], predicted: Mapping[str, Mapping[str, float]]) -> None:
    """F1 and refusals of each rule for choosing the answer, at several thresholds."""
    for rule in ("fast", "read", "written", "better"):
        print(f"\n{rule}: threshold, F1 of all, F1 of answerable, answered of answerable, refused of unanswerable")
        chosen = [_choice(rule, row, predicted) for row in rows]
        for threshold in _THRESHOLDS:
            given = [answer if probability >= threshold else None for answer, probability in chosen]
            print(f"  {threshold:.2f}  " + "  ".join(f"{value:.3f}" for value in _figures(rows, given)))


def _choice(rule: str, row: Row, predicted: Mapping[str, Mapping[str, float]]) -> tuple[str | None, float]:
    signals, key = row["signals"], _key(row)
    read = (signals["read"], predicted["fast" if rule == "fast" else "read"][key])
    if rule in ("fast", "read"):
        return read
    written = (signals["written"], predicted["written"].get(key, -1.0))
    if rule == "written":
        return written
    return max(read, written, key=lambda option: option[1])


def _figures(rows: Sequence[Row], given: Sequence[str | None]) -> tuple[float, float, float, float]:
    pairs = list(zip(rows, given, strict=True))
    answerable = [_f1(row, answer) for row, answer in pairs if row["is_answerable"]]
    answered = [answer is not None for row, answer in pairs if row["is_answerable"]]
    refused = [float(answer is None) for row, answer in pairs if not row["is_answerable"]]
    mean = [float(np.mean(values)) if values else float("nan") for values in (answerable, answered, refused)]
    return float(np.mean([*answerable, *refused])), mean[0], mean[1], mean[2]


def _is_right(row: Row, answer: str) -> bool:
    return bool(row["is_answerable"]) and _f1(row, answer) >= RIGHT_F1


def _f1(row: Row, answer: str | None) -> float:
    return max((token_f1(answer, gold) for gold in row["answers"]), default=0.0) if answer is not None else 0.0


def _key(row: Row) -> str:
    return str(row["question_id"])


if __name__ == "__main__":
    typer.run(main)
