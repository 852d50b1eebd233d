"""The writing of one answer: what the model is asked, what becomes of its words, and that it can be stopped."""

from __future__ import annotations

import pytest

from qa.grounding import GroundedText, Span
from qa.writer import AnswerWriter, Verdict, WriterSettings, tidy_short_answer
from tests.qa.helpers import ScriptedGenerator, found, make_passage, replies

PIER = make_passage(
    "The harbour opened a new pier on Monday. The pier cost 12 million euros. Mayor Ada Holm opened the pier.",
    title="Lindby opens its pier",
)
QUESTION = "What did the pier cost?"


def make_writer(generator: ScriptedGenerator, settings: WriterSettings | None = None) -> AnswerWriter:
    return AnswerWriter(generator, found(PIER), QUESTION, settings)


def judged(short: str) -> Verdict:
    return make_writer(ScriptedGenerator(replies(short=short))).judge()


def ground(written: str, short: str = "12 million euros") -> GroundedText:
    """What is left of a written text when ``short`` is the short answer."""
    support = judged(short).support
    assert support is not None
    return make_writer(ScriptedGenerator()).ground(written, short, support)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("12 million euros", "12 million euros"),
        ("12 million euros.", "12 million euros"),
        (' "12 million euros" ', "12 million euros"),
        ("“12 million euros”.", "12 million euros"),
        ('"12 million euros".', "12 million euros"),
        ("**12 million euros**.", "12 million euros"),
        ("`Holm`", "Holm"),
        ("Answer: Ada Holm.", "Ada Holm"),
        ("The answer is Ada Holm.", "Ada Holm"),
        ("The answer is: Ada Holm", "Ada Holm"),
        ("- Li Auto\n- WM Motor", "Li Auto; WM Motor"),
        ("• Li Auto\n\n• WM Motor\n", "Li Auto; WM Motor"),
        ("the U.S.", "the U.S."),
        ("Apple Inc.", "Apple Inc."),
        ("Sammy Davis Jr.", "Sammy Davis Jr."),
        ("It rose by 3.5.", "It rose by 3.5"),
        ("-5 degrees", "-5 degrees"),
        ("Monday - Friday", "Monday - Friday"),
        ("Hyundai's No. 2 plant", "Hyundai's No. 2 plant"),
        ("Yes", "Yes"),
        ("No.", "No"),
        ("at 9 a.m.", "at 9 a.m."),
        ("It is on example.com.", "It is on example.com"),
        ("", ""),
        (" \n ", ""),
        (".", ""),
    ],
)
def test_short_answer_is_tidied(written: str, expected: str) -> None:
    assert tidy_short_answer(written) == expected


def test_verdict_is_the_difference_of_yes_and_no_and_the_supported_short_answer() -> None:
    generator = ScriptedGenerator(replies(short="12 million euros."), yes_no=(-0.5, -2.0))
    verdict = make_writer(generator).judge()
    assert verdict.yes_no == pytest.approx(1.5)
    assert verdict.short_answer == "12 million euros"
    assert verdict.support is not None
    assert PIER.text[verdict.support.start : verdict.support.end] == "The pier cost 12 million euros."
    assert [call.kind for call in generator.calls] == ["score", "short"]


@pytest.mark.parametrize("short", ["", "13 million euros", "Geely", "banana soup recipes"])
def test_short_answer_that_no_passage_holds_is_unsupported(short: str) -> None:
    assert judged(short).support is None


def test_question_decides_which_of_two_equal_places_supports_the_short_answer() -> None:
    verdict = make_writer(ScriptedGenerator(replies(short="the pier"))).judge()
    assert verdict.support is not None
    assert PIER.text[verdict.support.start : verdict.support.end] == "The pier cost 12 million euros."


def test_short_answer_and_sentence_have_their_own_limits() -> None:
    generator = ScriptedGenerator(lambda messages: "word " * 100)
    writer = make_writer(generator, WriterSettings(max_short_tokens=4, max_answer_tokens=6))
    writer.judge()
    assert len(generator.calls_of("short")[0].written) == 4
    assert len(list(writer.write("12 million"))) == 6


def test_sentence_is_asked_for_with_the_short_answer_and_comes_in_pieces() -> None:
    generator = ScriptedGenerator(replies(sentence="The pier cost 12 million euros."))
    pieces = list(make_writer(generator).write("12 million euros"))
    assert "".join(pieces) == "The pier cost 12 million euros."
    assert len(pieces) > 1
    assert {"role": "assistant", "content": "12 million euros"} in generator.calls[0].messages


def test_closing_stops_the_generator() -> None:
    generator = ScriptedGenerator(replies(sentence="The pier cost 12 million euros and much more besides."))
    pieces = make_writer(generator).write("12 million euros")
    assert next(pieces) == "The"
    pieces.close()
    (call,) = generator.calls
    assert call.is_closed
    assert call.written == ["The"]


def test_supported_sentence_with_the_short_answer_is_kept_and_cited() -> None:
    grounded = ground(" The pier cost 12 million euros to build.\n")
    assert grounded.text == "The pier cost 12 million euros to build. [1]"
    assert [citation.quote for citation in grounded.citations] == ["The pier cost 12 million euros."]


@pytest.mark.parametrize(
    "written",
    ["", "The pier cost 15 million euros.", "Geely paid 12 million euros.", "The harbour opened a new pier on Monday."],
    ids=["nothing", "foreign number", "foreign name", "supported, but without the short answer"],
)
def test_quote_stands_in_for_a_sentence_that_does_not_hold(written: str) -> None:
    grounded = ground(written)
    assert grounded.text == "The pier cost 12 million euros. [1]"
    assert [(citation.marker, citation.quote) for citation in grounded.citations] == [
        (1, "The pier cost 12 million euros.")
    ]


def test_unsupported_sentence_beside_a_good_one_is_dropped() -> None:
    grounded = ground("The pier cost 12 million euros. It is the largest in Europe.")
    assert grounded.text == "The pier cost 12 million euros. [1]"
    assert grounded.dropped == ("It is the largest in Europe.",)


def test_marker_does_not_count_as_the_short_answer() -> None:
    passage = make_passage("The race began at noon. Lane 1 was the fastest lane.", title="Race day")
    question = "Which lane was the fastest?"
    generator = ScriptedGenerator(replies(short="1"))
    writer = AnswerWriter(generator, found(passage), question)
    verdict = writer.judge()
    assert verdict.support is not None
    grounded = writer.ground("The race began at noon.", verdict.short_answer, verdict.support)
    assert grounded.text == "Lane 1 was the fastest lane. [1]"


def test_an_answer_that_was_read_elsewhere_is_quoted_from_there() -> None:
    (elsewhere,) = found(make_passage("Lena Hofbauer of Korsund designed it.", title="Korsund", number=2))
    support = Span(elsewhere, 0, len(elsewhere.passage.text), 1.0)
    grounded = make_writer(ScriptedGenerator()).ground("The pier cost 12 million euros.", "Lena Hofbauer", support)
    assert grounded.text == "Lena Hofbauer of Korsund designed it. [1]"
    assert grounded.citations[0].retrieved == elsewhere
