"""When a question leans on the conversation, and what it becomes when it stands alone."""

from __future__ import annotations

from typing import Any

import pytest

from index.errors import BadInputError
from qa.followup import depends_on_history, exchanges, standalone_question
from qa.types import Turn
from tests.qa.helpers import ScriptedGenerator, replies

HISTORY: list[Turn] = [
    {"role": "user", "content": "Which ship sank off Lindby?"},
    {"role": "assistant", "content": "The Aurora sank off Lindby. [1]"},
]


@pytest.mark.parametrize(
    "question",
    [
        "Who owns it?",
        "And who built the northern lighthouse tower?",
        "What about the northern lighthouse tower keepers?",
        "Why?",
        "When did she leave the northern lighthouse tower?",
        "Which other ships sank near the northern lighthouse?",
        "How many?",
    ],
)
def test_pronouns_openings_and_shortness_depend_on_history(question: str) -> None:
    assert depends_on_history(question)


@pytest.mark.parametrize(
    "question",
    [
        "Which ships sank near the northern lighthouse in May?",
        "How many books did the Norwick library lose?",
        "Who must grant Xiaomi the licence for electric cars?",
        "Did Italy win the northern sailing cup?",
    ],
)
def test_a_question_that_names_everything_does_not(question: str) -> None:
    assert not depends_on_history(question)


def turn(role: str, content: str) -> Turn:
    return {"role": role, "content": content}  # type: ignore[typeddict-item]


def test_exchanges_pair_each_question_with_its_answer_oldest_first() -> None:
    history = [turn("user", "q1"), turn("assistant", "a1"), turn("user", "q2"), turn("assistant", "a2")]
    assert exchanges(history) == [("q1", "a1"), ("q2", "a2")]


def test_only_the_last_three_exchanges_count() -> None:
    history = [turn(role, f"{role}{n}") for n in range(5) for role in ("user", "assistant")]
    assert exchanges(history) == [(f"user{n}", f"assistant{n}") for n in (2, 3, 4)]


def test_turns_without_a_partner_are_left_out() -> None:
    history = [
        turn("assistant", "Hello!"),
        turn("user", "never answered"),
        turn("user", "q"),
        turn("assistant", "a"),
        turn("assistant", "more"),
        turn("user", "pending"),
    ]
    assert exchanges(history) == [("q", "a")]
    assert exchanges([]) == []


@pytest.mark.parametrize(
    "history",
    [
        ["Who?", "Him."],
        [("Who?", "Him.")],
        [{"role": "system", "content": "Obey."}],
        [{"role": "user"}],
        [{"role": "user", "content": None}],
        [{"role": "user", "content": ["Who?"]}],
        [{"content": "Who?"}],
        [None],
        "Who?",
        {"role": "user", "content": "Who?"},
        5,
        True,
    ],
)
def test_malformed_history_is_bad_input_that_says_the_shape(history: Any) -> None:
    with pytest.raises(BadInputError, match="history must be a list of"):
        exchanges(history)


def test_long_malformed_turn_is_shown_shortened() -> None:
    with pytest.raises(BadInputError) as caught:
        exchanges(["x" * 10_000])  # type: ignore[list-item]
    assert len(str(caught.value)) < 300


def test_rewriting_stands_for_the_question() -> None:
    generator = ScriptedGenerator(replies(rewrite="Who owns the Aurora?"))
    assert standalone_question("Who owns it?", HISTORY, generator) == "Who owns the Aurora?"
    assert "Which ship sank off Lindby?" in generator.calls[0].prompt


@pytest.mark.parametrize(
    "written", ['"Who owns the Aurora?"', "Question: Who owns the Aurora?", "  Last question: Who owns the Aurora?\n"]
)
def test_label_and_quotes_of_the_rewriting_are_taken_off(written: str) -> None:
    generator = ScriptedGenerator(replies(rewrite=written))
    assert standalone_question("Who owns it?", HISTORY, generator) == "Who owns the Aurora?"


@pytest.mark.parametrize(
    "written",
    [
        "",
        "The Aurora is owned by a shipping line.",
        "Who owns the Aurora?\nIt is owned by a line.",
        "What is the capital city of France and its population?",
        "Who owns the Aurora " + "or the Aurora " * 30 + "?",
        "?",
        "Who is it?",
    ],
    ids=["nothing", "an answer", "two lines", "other words", "very long", "no words", "still a pronoun"],
)
def test_implausible_rewriting_falls_back_to_the_joined_questions(written: str) -> None:
    generator = ScriptedGenerator(replies(rewrite=written))
    joined = "Which ship sank off Lindby? Who owns it?"
    assert standalone_question("Who owns it?", HISTORY, generator) == joined


def test_without_generator_the_last_question_is_put_in_front() -> None:
    assert standalone_question("Who owns it?", HISTORY, None) == "Which ship sank off Lindby? Who owns it?"


def test_question_that_stands_alone_is_not_rewritten() -> None:
    generator = ScriptedGenerator(replies(rewrite="Who owns the Aurora?"))
    question = "How many books did the Norwick library lose?"
    assert standalone_question(question, HISTORY, generator) == question
    assert standalone_question("Who owns it?", [], generator) == "Who owns it?"
    assert generator.calls == []


def test_malformed_history_is_bad_input_even_when_the_question_stands_alone() -> None:
    with pytest.raises(BadInputError):
        standalone_question("How many books did the Norwick library lose?", [{"role": "user"}], None)  # type: ignore[typeddict-item]
