"""Fits the confidence of answers (qa/calibration.py) on evaluated questions, and prints weights and figures.

    python scripts/evaluate.py --questions DEVELOPMENT.jsonl --config all.toml --out development.json
    python scripts/calibrate.py development.json more.json

Knows nothing of how answers or signals come about: it reads reports. Logistic regression as in Platt, "Probabilistic
Outputs for Support Vector Machines and Comparisons to Regularized Likelihood Methods" (Advances in Large Margin
Classifiers, 1999), with several signals instead of one score. An answer counts as right when its token F1 with a gold
answer is at least 0.5 (SQuAD normalisation); to an unanswerable question no answer is right. The questions must not be
those that figures are reported on. Fast answers are fitted on all reports, the others on those of mode full.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]  # it comes without types
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict  # type: ignore[import-untyped]

from index.errors import BadInputError
from index.types import FloatArray
from qa.cli.console import one_line_errors
from qa.evaluation.report import read_report, rows_of
from qa.evaluation.scoring import RIGHT_F1, Row, best_f1
from qa.evaluation.statistics import auroc, calibration_error

# Which signals each way of answering is judged by; docs/experiments.md has the other choices that were measured.
_SIGNALS: Mapping[str, Sequence[str]] = {
    "fast": ("relevance", "log_odds", "margin"),
    "read": ("yes_no", "relevance", "log_odds", "margin", "agreement"),
    "written": ("yes_no", "relevance", "log_odds", "agreement"),
}
_FOLDS = 10
_THRESHOLDS = (0.0, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6)

Key = tuple[str, str]
"""Report and question: two reports may number their questions alike."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One evaluated question and what its answers were made from."""

    key: Key
    row: Row
    signals: Mapping[str, Any]
    is_full: bool

    @property
    def group(self) -> Hashable:
        """Questions on one paragraph, or in the same words, must not be both fitted on and judged."""
        return ("group", self.row.group) if self.row.group is not None else ("question", self.row.question)


def main(
    reports: Annotated[list[Path], typer.Argument(help="Reports of scripts/evaluate.py.")],
    any_code: Annotated[
        bool, typer.Option("--any-code", help="Although other versions of the code made them.")
    ] = False,
) -> None:
    """Fit and print."""
    with one_line_errors():
        samples = read_samples(reports, any_code=any_code)
        predicted: dict[str, dict[Key, float]] = {}
        for name, signals in _SIGNALS.items():
            answer = "written" if name == "written" else "read"
            some = [s for s in samples if s.signals[answer] is not None and (s.is_full or name == "fast")]
            if some or name == "fast":
                predicted[name] = dict(zip([s.key for s in some], _fit(name, some, signals, answer), strict=True))
            else:
                print(f"{name}: no report of mode full has such an answer")
    print(f"\nby the probabilities of {_FOLDS}-fold cross-validation over groups of questions")
    _print_rules(samples, predicted)


def read_samples(reports: Sequence[Path], *, any_code: bool = False) -> list[Sample]:
    """The questions of all reports that tell their signals.

    :raises BadInputError: If one is no report, or they were made by different models or (without ``any_code``) code.
    """
    if len({path.resolve() for path in reports}) < len(reports):
        raise BadInputError("a report was given twice; its questions would count twice")
    samples, codes, models = [], set(), set()
    for number, path in enumerate(reports, start=1):
        report = read_report(path)
        rows = rows_of(report)
        told = [row for row in rows if row.signals]
        print(f"{path.name}: {len(told):,} questions, and {len(rows) - len(told):,} without signals")
        is_full = report.get("mode") == "full"
        samples += [Sample((f"{number}", r.question_id), r, r.signals, is_full) for r in told if r.signals is not None]
        codes |= set(report.get("code", ["unknown"]))
        models.add(str(report.get("models", {}).get("evidence")))
    if len(models) > 1:
        raise BadInputError(f"the reports are of different evidence readers: {', '.join(sorted(models))}")
    if len(codes) > 1 and not any_code:
        raise BadInputError(
            f"the reports were made by {len(codes)} versions of the code, whose signals may differ; evaluate again "
            "with one, or give --any-code"
        )
    return samples


def fitted(values: FloatArray, right: Sequence[bool], groups: Sequence[Hashable]) -> tuple[Any, list[float]]:
    """A model fitted on all answers, and each answer's probability by a fit that saw none of its group.

    :param values: (answers, signals).
    :raises BadInputError: If there are too few groups or all answers are alike, so that nothing can be fitted.
    """
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    num_folds = min(_FOLDS, len(numbers), sum(right), len(right) - sum(right))
    too_few = BadInputError(
        f"{len(right)} answers in {len(numbers)} groups, {sum(right)} of them right, are too few to fit on; right and "
        "wrong answers are needed in more than one group"
    )
    if num_folds < 2:
        raise too_few
    model = LogisticRegression(C=1.0, max_iter=1000)
    folds = StratifiedGroupKFold(num_folds, shuffle=True, random_state=7)
    group = [numbers[some] for some in groups]
    flags = np.array(right)
    if any(len(set(flags[seen])) < 2 for seen, _ in folds.split(values, flags, group)):
        raise too_few
    held_out = cross_val_predict(model, values, flags, groups=group, cv=folds, method="predict_proba")[:, 1]
    return model.fit(values, flags), held_out.tolist()


def _fit(name: str, samples: Sequence[Sample], signals: Sequence[str], answer: str) -> list[float]:
    """Print the weights; return each answer's probability by a fit that did not see it."""
    values = np.array([[sample.signals[signal] for signal in signals] for sample in samples], dtype=np.float32)
    right = [_is_right(sample.row, sample.signals[answer]) for sample in samples]
    model, probabilities = fitted(values, right, [sample.group for sample in samples])
    weights = {signal: round(float(w), 3) for signal, w in zip(signals, model.coef_[0], strict=True)}
    print(f"{name}: intercept {model.intercept_[0]:.3f}, weights {weights}")
    print(
        f"  {len(samples):,} answers, {np.mean(right):.3f} right, AUROC {auroc(probabilities, right):.3f}, "
        f"calibration error {calibration_error(probabilities, right):.3f}"
    )
    return probabilities


def _print_rules(samples: Sequence[Sample], predicted: Mapping[str, Mapping[Key, float]]) -> None:
    """F1 and refusals of each rule for choosing the answer, at several thresholds."""
    for rule in ("fast", "read", "written", "better"):
        some = [sample for sample in samples if sample.is_full or rule == "fast"]
        if not some:
            continue
        print(f"\n{rule}: {len(some):,} questions")
        print("threshold, F1 of all, F1 of answerable, answered of answerable, refused of unanswerable")
        chosen = [_choice(rule, sample, predicted) for sample in some]
        for threshold in _THRESHOLDS:
            given = [answer if probability >= threshold else None for answer, probability in chosen]
            figures = _figures([sample.row for sample in some], given)
            print(f"  {threshold:.2f}  " + "  ".join(f"{value:.3f}" for value in figures))


def _choice(rule: str, sample: Sample, predicted: Mapping[str, Mapping[Key, float]]) -> tuple[str | None, float]:
    signals, key = sample.signals, sample.key
    read = (signals["read"], predicted["fast" if rule == "fast" else "read"][key])
    if rule in ("fast", "read"):
        return read
    written = (signals["written"], predicted.get("written", {}).get(key, -1.0))
    if rule == "written":
        return written
    return max(read, written, key=lambda option: option[1])


def _figures(rows: Sequence[Row], given: Sequence[str | None]) -> tuple[float, float, float, float]:
    pairs = list(zip(rows, given, strict=True))
    answerable = [_f1(row, answer) for row, answer in pairs if row.is_answerable]
    answered = [answer is not None for row, answer in pairs if row.is_answerable]
    refused = [float(answer is None) for row, answer in pairs if not row.is_answerable]
    mean = [float(np.mean(values)) if values else float("nan") for values in (answerable, answered, refused)]
    return float(np.mean([*answerable, *refused])), mean[0], mean[1], mean[2]


def _is_right(row: Row, answer: str) -> bool:
    return row.is_answerable and _f1(row, answer) >= RIGHT_F1


def _f1(row: Row, answer: str | None) -> float:
    return best_f1(answer, row.answers) if answer is not None else 0.0


if __name__ == "__main__":
    typer.run(main)
