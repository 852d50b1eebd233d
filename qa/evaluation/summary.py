"""Sums up the rows of an evaluation as figures with intervals; knows nothing of how rows came about or are shown.

Every figure comes with the number of questions it is over, and a question that a figure does not apply to is left out
of it. A figure over no question is None. Unanswerable questions score 1 when refused: see :mod:`qa.evaluation.scoring`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from qa.evaluation.scoring import Row, Timing
from qa.evaluation.statistics import (
    auroc,
    calibration_error,
    mean_interval,
    paired_difference,
    risk_coverage,
    risk_coverage_area,
)

_MAX_POINTS = 200
_Json = dict[str, Any]


def summarise(rows: Sequence[Row]) -> _Json:
    """All figures, as JSON.

    :param rows: At least one.
    """
    answerable = [row for row in rows if row.is_answerable]
    unanswerable = [row for row in rows if not row.is_answerable]
    return {
        "n": len(rows),
        "n_answerable": len(answerable),
        "n_errors": sum(row.error is not None for row in rows),
        "em": _mean(rows, lambda row: row.em),
        "f1": _mean(rows, lambda row: row.f1),
        "refused": _mean(rows, lambda row: not row.is_answered),
        "answerable": _scores(answerable),
        "unanswerable": _unanswerable(unanswerable),
        "with_passages": _scores([row for row in rows if row.num_passages]),
        "without_passages": _scores([row for row in rows if not row.num_passages]),
        "answer_present": _scores([row for row in answerable if row.answer_present]),
        "answer_absent": _scores([row for row in answerable if not row.answer_present]),
        "answered": _answered(rows),
        "hit": _hits(answerable),
        "hit_with_passages": _hits([row for row in answerable if row.num_passages]),
        "confidence": _confidence(rows),
        "risk_coverage": _risk_coverage(rows),
        "citations": _citations(rows),
        "seconds": {field.name: _seconds(rows, field.name) for field in fields(Timing)},
    }


def compare(ours: Sequence[Row], theirs: Sequence[Row]) -> _Json:
    """Ours minus theirs over the questions that both asked, paired."""
    before = {row.question_id: row for row in theirs}
    pairs = [(row, before[row.question_id]) for row in ours if row.question_id in before]

    def difference(value: Callable[[Row], float]) -> _Json:
        return paired_difference([value(a) for a, _ in pairs], [value(b) for _, b in pairs]).to_json()

    return {
        "n": len(pairs),
        "em": difference(lambda row: row.em),
        "f1": difference(lambda row: row.f1),
        "refused": difference(lambda row: float(not row.is_answered)),
    }


def _mean(rows: Sequence[Row], value: Callable[[Row], float]) -> _Json:
    return mean_interval([float(value(row)) for row in rows]).to_json()


def _scores(rows: Sequence[Row]) -> _Json:
    """``wrong``: answered, and not right."""
    return {
        "n": len(rows),
        "em": _mean(rows, lambda row: row.em),
        "f1": _mean(rows, lambda row: row.f1),
        "refused": _mean(rows, lambda row: not row.is_answered),
        "answered": _mean(rows, lambda row: row.is_answered),
        "wrong": _mean(rows, lambda row: row.is_answered and not row.is_right),
    }


def _unanswerable(rows: Sequence[Row]) -> _Json:
    """``gold_found`` counts questions whose answer stands in a passage after all: 0 where it was kept away."""
    return {
        "n": len(rows),
        "refused": _mean(rows, lambda row: not row.is_answered),
        "wrong": _mean(rows, lambda row: row.is_answered),
        "gold_found": sum(row.answer_present for row in rows),
    }


def _answered(rows: Sequence[Row]) -> _Json:
    """Of the answers given; ``right`` are those of a token F1 of at least 0.5 on an answerable question."""
    given = [row for row in rows if row.is_answered]
    return {
        "n": len(given),
        "em": _mean(given, lambda row: row.em),
        "f1": _mean(given, lambda row: row.f1),
        "right": _mean(given, lambda row: row.is_right),
    }


def _hits(rows: Sequence[Row]) -> _Json:
    """Share of questions with a gold answer among the first k passages; the first 20 are of a deeper search."""

    def within(k: int) -> _Json:
        return _mean(rows, lambda row: row.gold_rank is not None and row.gold_rank <= k)

    deep = _mean(rows, lambda row: row.gold_rank_deep is not None and row.gold_rank_deep <= 20)
    return {"n": len(rows), "at_1": within(1), "at_4": within(4), "at_10": within(10), "at_20": deep}


def _confidence(rows: Sequence[Row]) -> _Json:
    """How well confidence tells right answers from others (among those given), and questions that can be answered, or
    whose answer stands in a passage, from those that cannot (among all that were asked)."""
    given = [row for row in rows if row.is_answered]
    asked = [row for row in rows if row.error is None]
    is_right = [row.is_right for row in given]
    confidences = [row.confidence for row in given]
    return {
        "n_answered": len(given),
        "n_asked": len(asked),
        "auroc_right": auroc(confidences, is_right),
        "auroc_answerable": auroc([row.confidence for row in asked], [row.is_answerable for row in asked]),
        "auroc_present": auroc(
            [row.confidence for row in asked], [row.is_answerable and row.answer_present for row in asked]
        ),
        "calibration_error": calibration_error(confidences, is_right),
    }


def _risk_coverage(rows: Sequence[Row]) -> _Json:
    given = [row for row in rows if row.is_answered]
    points = risk_coverage([row.confidence for row in given], [row.is_right for row in given], len(rows))
    step = max(1, -(-len(points) // _MAX_POINTS))
    # Counted from the end, so that the point of all answers is kept.
    shown = points[::-1][::step][::-1]
    return {
        "area": risk_coverage_area(points),
        "n": len(rows),
        "points": [[round(p.confidence, 4), round(p.coverage, 4), round(p.accuracy, 4)] for p in shown],
    }


def _citations(rows: Sequence[Row]) -> _Json:
    """``cited``: answers with a citation; ``verbatim``: citations whose quote stands in its article where it says."""
    given = [row for row in rows if row.is_answered]
    flags = [float(place < row.num_verbatim) for row in given for place in range(row.num_citations)]
    return {"n": len(flags), "verbatim": mean_interval(flags).to_json(), "cited": _mean(given, _is_cited)}


def _is_cited(row: Row) -> bool:
    return row.num_citations > 0


def _seconds(rows: Sequence[Row], name: str) -> _Json:
    values = [seconds for row in rows if (seconds := getattr(row.seconds, name)) is not None]
    if not values:
        return {"n": 0, "median": None, "p95": None}
    median, p95 = np.quantile(values, [0.5, 0.95])
    return {"n": len(values), "median": round(float(median), 4), "p95": round(float(p95), 4)}
