"""Decides which short answer stands, the reader's or the generator's, and how sure to be; knows nothing of thresholds.

The one whose calibrated probability of being right is higher stands (qa/calibration.py). docs/experiments.md has the
other rules that were measured.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from qa.calibration import Calibration, Signals
from qa.excerpts import sentence_around
from qa.grounding import Span
from qa.metrics import token_f1
from qa.span_answer import SpanAnswer
from qa.writer import Verdict


@dataclass(frozen=True, slots=True)
class Decision:
    """``support``: where the short answer stands; ``confidence``: the probability, in [0, 1], that it is right."""

    short_answer: str
    support: Span
    confidence: float
    signals: Signals


def signals_of(
    span: SpanAnswer, best_cosine: float, verdict: Verdict | None = None, *, is_whole_collection: bool = False
) -> Signals:
    """What is known of the answers to one question."""
    known = Signals(relevance=span.relevance, log_odds=span.log_odds, margin=span.margin, cosine=best_cosine)
    if verdict is None:
        return known
    return replace(
        known,
        yes_no=verdict.yes_no,
        agreement=token_f1(verdict.short_answer, span.text),
        whole_collection=float(is_whole_collection),
    )


def evidence_of(span: SpanAnswer, verdict: Verdict | None, signals: Signals) -> dict[str, Any]:
    """All that a decision rests on: the signals and both short answers (``written`` is None when nothing supports
    it)."""
    written = verdict.short_answer if verdict is not None and verdict.support is not None else None
    return {**signals.values(), "read": span.text, "num_passages": span.num_passages, "written": written}


def decide(span: SpanAnswer, verdict: Verdict | None, signals: Signals, calibration: Calibration) -> Decision:
    """The answer that is more probably right.

    :param verdict: What the generator says; None when it was not asked.
    """
    start, end = sentence_around(span.retrieved.passage.text, span.start, span.end)
    quote = Span(span.retrieved, start, end, 1.0)
    if verdict is None:
        return Decision(span.text, quote, calibration.fast.probability(signals), signals)
    read = Decision(span.text, quote, calibration.read.probability(signals), signals)
    if verdict.support is None:
        return read
    written = Decision(verdict.short_answer, verdict.support, calibration.written.probability(signals), signals)
    return written if written.confidence >= read.confidence else read
