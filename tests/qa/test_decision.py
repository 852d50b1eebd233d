"""Which short answer stands: the reader's or the generator's, by their calibrated probabilities."""

from __future__ import annotations

import pytest

from index.types import RetrievedPassage
from qa.calibration import Calibration, Logistic, Signals
from qa.decision import decide, evidence_of, signals_of
from qa.grounding import Span
from qa.span_answer import SpanAnswer
from qa.writer import Verdict
from tests.qa.helpers import found, make_passage

TEXT = "The harbour opened on Monday. The pier cost 12 million euros. Mayor Ada Holm spoke."
PIER: RetrievedPassage = found(make_passage(TEXT))[0]


def span_answer(words: str = "12 million euros", *, log_odds: float = 1.5, margin: float = 0.5) -> SpanAnswer:
    start = TEXT.index(words)
    return SpanAnswer(words, PIER, start, start + len(words), log_odds, margin, relevance=2.5, num_passages=2)


def verdict(short: str = "Ada Holm", *, yes_no: float = 2.0, is_supported: bool = True) -> Verdict:
    start = TEXT.index("Mayor")
    return Verdict(yes_no, short, Span(PIER, start, len(TEXT), 1.0) if is_supported else None)


def calibration(*, fast: float = 0.0, read: float = 0.0, written: float = 0.0) -> Calibration:
    """Of fixed log-odds, whatever the signals."""
    return Calibration(Logistic(fast, {}), Logistic(read, {}), Logistic(written, {}))


ANY = Signals(0.0, 0.0, 0.0, 0.0)


# Signals


def test_without_a_verdict_the_generators_signals_are_nought() -> None:
    assert signals_of(span_answer(), 0.75) == Signals(2.5, 1.5, 0.5, 0.75, 0.0, 0.0, 0.0)


def test_a_verdict_brings_its_own_signals() -> None:
    known = signals_of(span_answer(), 0.75, verdict("about 12 million"), is_whole_collection=True)
    # Two common words of three and three: 2 * 2 / 6.
    assert known == Signals(2.5, 1.5, 0.5, 0.75, yes_no=2.0, agreement=2 * 2 / 6, whole_collection=1.0)
    assert signals_of(span_answer(), 0.75, verdict()).agreement == 0.0
    assert signals_of(span_answer(), 0.75, verdict("The 12 million euros.")).agreement == 1.0


# Decisions


def test_the_readers_answer_stands_alone_when_no_generator_was_asked() -> None:
    decision = decide(span_answer(), None, ANY, calibration(fast=1.0, read=-9.0))
    assert decision.short_answer == "12 million euros"
    assert decision.confidence == pytest.approx(0.7310585786)
    assert decision.signals is ANY


@pytest.mark.parametrize(("read", "written", "expected"), [(1.0, 2.0, "Ada Holm"), (2.0, 1.0, "12 million euros")])
def test_the_more_probable_answer_stands(read: float, written: float, expected: str) -> None:
    some = calibration(fast=9.0, read=read, written=written)
    decision = decide(span_answer(), verdict(), ANY, some)
    assert decision.short_answer == expected
    assert decision.confidence == max(some.read.probability(ANY), some.written.probability(ANY))


def test_of_equally_probable_answers_the_written_one_stands() -> None:
    assert decide(span_answer(), verdict(), ANY, calibration()).short_answer == "Ada Holm"


def test_an_unsupported_written_answer_never_stands() -> None:
    decision = decide(span_answer(), verdict(is_supported=False), ANY, calibration(read=-5.0, written=9.0))
    assert decision.short_answer == "12 million euros"
    assert decision.confidence < 0.01


def test_signals_decide_through_the_calibration() -> None:
    some = Calibration(read=Logistic(0.0, {"log_odds": 1.0}), written=Logistic(0.0, {"yes_no": 1.0}))
    for log_odds, expected in ((1.0, "Ada Holm"), (3.0, "12 million euros")):
        span = span_answer(log_odds=log_odds)
        assert decide(span, verdict(), signals_of(span, 0.5, verdict()), some).short_answer == expected


def test_the_readers_answer_is_supported_by_its_whole_sentence() -> None:
    for decision in (
        decide(span_answer(), None, ANY, calibration()),
        decide(span_answer(), verdict(), ANY, calibration(read=1.0)),
    ):
        support = decision.support
        assert support.retrieved is PIER
        assert TEXT[support.start : support.end] == "The pier cost 12 million euros."


def test_the_written_answer_keeps_the_support_that_was_found_for_it() -> None:
    told = verdict()
    assert decide(span_answer(), told, ANY, calibration(written=1.0)).support is told.support


# What is told of a decision


def test_both_answers_are_told_with_the_signals() -> None:
    told = evidence_of(span_answer(), verdict(), Signals(2.5, 1.5, 0.5, 0.75, 2.0))
    assert told == {
        **Signals(2.5, 1.5, 0.5, 0.75, 2.0).values(),
        "read": "12 million euros",
        "num_passages": 2,
        "written": "Ada Holm",
    }


def test_no_written_answer_is_told_when_there_is_none_that_holds() -> None:
    assert evidence_of(span_answer(), None, ANY)["written"] is None
    assert evidence_of(span_answer(), verdict(is_supported=False), ANY)["written"] is None
