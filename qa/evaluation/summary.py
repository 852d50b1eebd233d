"""Sums up the rows of an evaluation as figures with intervals; knows nothing of how rows came about or are shown.

Every figure comes with the number of questions it is over, and a question that a figure does not apply to is left out
of it. A figure over no question is None. Unanswerable questions score 1 when refused: see :mod:`qa.evaluation.scoring`.
Rows of questions that were left out are only counted. Questions of one group are resampled together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import fields
from typing import Any

from qa.evaluation.resampling import Statistic, interval_of, mean_interval, paired_difference
from qa.evaluation.scoring import Row, Timing
from qa.evaluation.statistics import (
    risk_coverage,
    weighted_auroc,
    weighted_calibration_error,
    weighted_quantile,
    weighted_risk_coverage_area,
)

_MAX_POINTS = 200
_Json = dict[str, Any]


def summarise(rows: Sequence[Row]) -> _Json:
    """All figures, as JSON.

    :param rows: At least one.
    """
    num_left_out = Counter(row.left_out for row in rows if row.left_out is not None)
    rows = [row for row in rows if row.left_out is None]
    answerable = [row for row in rows if row.is_answerable]
    unanswerable = [row for row in rows if not row.is_answerable]
    return {
        "n": len(rows),
        "n_answerable": len(answerable),
        "n_errors": sum(row.error is not None for row in rows),
        "n_left_out": dict(sorted(num_left_out.items())),
        "em": _mean(rows, lambda row: row.em),
        "f1": _mean(rows, lambda row: row.f1),
        "refused": _mean(rows, lambda row: row.is_refused),
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
    before = {row.question_id: row for row in theirs if row.left_out is None}
    asked = [row for row in ours if row.left_out is None and row.question_id in before]
    pairs = [(row, before[row.question_id]) for row in asked]

    def difference(value: Callable[[Row], float]) -> _Json:
        values = [value(a) for a, _ in pairs], [value(b) for _, b in pairs]
        return paired_difference(*values, _groups(asked)).to_json()

    return {
        "n": len(pairs),
        "em": difference(lambda row: row.em),
        "f1": difference(lambda row: row.f1),
        "refused": difference(lambda row: float(row.is_refused)),
    }


def _groups(rows: Sequence[Row]) -> list[Hashable]:
    """What is drawn together: a question that is in no group is one of its own."""
    return [("group", row.group) if row.group is not None else ("question", row.question_id) for row in rows]


def _mean(rows: Sequence[Row], value: Callable[[Row], float]) -> _Json:
    return mean_interval([float(value(row)) for row in rows], _groups(rows)).to_json()


def _figure(rows: Sequence[Row], statistic: Statistic) -> _Json:
    return interval_of(statistic, len(rows), _groups(rows)).to_json()


def _scores(rows: Sequence[Row]) -> _Json:
    """``wrong``: answered, and not right. Questions that failed are neither answered nor refused."""
    return {
        "n": len(rows),
        "em": _mean(rows, lambda row: row.em),
        "f1": _mean(rows, lambda row: row.f1),
        "refused": _mean(rows, lambda row: row.is_refused),
        "answered": _mean(rows, lambda row: row.is_answered),
        "wrong": _mean(rows, lambda row: row.is_answered and not row.is_right),
    }


def _unanswerable(rows: Sequence[Row]) -> _Json:
    """``wrong``: all that were answered; ``right_after_all``: answered as the gold says, although all articles that
    hold it were kept away, so some article says it in other words; ``wrong_strict``: answered otherwise. ``gold_found``
    counts questions whose answer stands in a returned passage after all: 0 where it was kept away."""
    return {
        "n": len(rows),
        "refused": _mean(rows, lambda row: row.is_refused),
        "wrong": _mean(rows, lambda row: row.is_answered),
        "wrong_strict": _mean(rows, lambda row: row.is_answered and not row.agrees_with_gold),
        "right_after_all": _mean(rows, lambda row: row.is_answered and row.agrees_with_gold),
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
    """Share of questions with a gold answer among the first k passages; the first 20 are of a deeper search.

    ``read``: in any passage that the reader was given, whichever of them were returned.
    """

    def within(k: int) -> _Json:
        return _mean(rows, lambda row: row.gold_rank is not None and row.gold_rank <= k)

    deep = _mean(rows, lambda row: row.gold_rank_deep is not None and row.gold_rank_deep <= 20)
    read = _mean(rows, lambda row: row.gold_read)
    return {"n": len(rows), "at_1": within(1), "at_4": within(4), "at_10": within(10), "at_20": deep, "read": read}


def _confidence(rows: Sequence[Row]) -> _Json:
    """How well confidence tells right answers from others (among those given), and questions that can be answered, or
    whose answer stands in a returned passage, from those that cannot (among all that were asked)."""
    given = [row for row in rows if row.is_answered]
    asked = [row for row in rows if row.error is None]
    is_right, confidences = [row.is_right for row in given], [row.confidence for row in given]

    def separation(some: Sequence[Row], is_positive: Callable[[Row], bool]) -> _Json:
        scores, positive = [row.confidence for row in some], [is_positive(row) for row in some]
        return _figure(some, lambda weights: weighted_auroc(scores, positive, weights))

    return {
        "n_answered": len(given),
        "n_asked": len(asked),
        "auroc_right": separation(given, lambda row: row.is_right),
        "auroc_answerable": separation(asked, lambda row: row.is_answerable),
        "auroc_present": separation(asked, lambda row: row.is_answerable and row.answer_present),
        "calibration_error": _figure(given, lambda weights: weighted_calibration_error(confidences, is_right, weights)),
    }


def _risk_coverage(rows: Sequence[Row]) -> _Json:
    given = [row for row in rows if row.is_answered]
    confidences, is_right = [row.confidence for row in given], [row.is_right for row in given]
    points = risk_coverage(confidences, is_right, len(rows))
    step = max(1, -(-len(points) // _MAX_POINTS))
    # Counted from the end, so that the point of all answers is kept.
    shown = points[::-1][::step][::-1]
    return {
        "area": _figure(given, lambda weights: weighted_risk_coverage_area(confidences, is_right, weights)),
        "n": len(rows),
        "points": [[round(p.confidence, 4), round(p.coverage, 4), round(p.accuracy, 4)] for p in shown],
    }


def _citations(rows: Sequence[Row]) -> _Json:
    """``cited``: answers with a citation; ``verbatim``: citations whose quote stands in its article where it says."""
    given = [row for row in rows if row.is_answered]
    cited = [row for row in given for _ in range(row.num_citations)]
    flags = [float(place < row.num_verbatim) for row in given for place in range(row.num_citations)]
    return {
        "n": len(flags),
        "verbatim": mean_interval(flags, _groups(cited)).to_json(),
        "cited": _mean(given, lambda row: row.num_citations > 0),
    }


def _seconds(rows: Sequence[Row], name: str) -> _Json:
    """Median and 95th percentile, each with the bounds of its interval."""
    timed = [row for row in rows if getattr(row.seconds, name) is not None]
    values = [getattr(row.seconds, name) for row in timed]

    def interval(quantile: float) -> list[float | None]:
        found = interval_of(lambda weights: weighted_quantile(values, quantile, weights), len(timed), _groups(timed))
        return [None if bound is None else round(bound, 4) for bound in (found.value, found.low, found.high)]

    median, median_low, median_high = interval(0.5)
    p95, p95_low, p95_high = interval(0.95)
    return {
        "n": len(timed),
        "median": median,
        "median_low": median_low,
        "median_high": median_high,
        "p95": p95,
        "p95_low": p95_low,
        "p95_high": p95_high,
    }
