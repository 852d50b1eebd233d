"""Questions and contexts that were made unanswerable."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.evidence_training.groups import Context
from qa.evidence_training.perturb import deceptive_question, without_answer

CONTEXT = (
    "In 1990 the mayor of Lindby, Ada Holm, opened the first pier. In 2004 the council of Korsund sold 12 ferries. "
    "The painter Tom Reyes lived there for 35 years."
)


def variants(question: str, context: str = CONTEXT) -> set[str]:
    """Everything that some seed makes of a question."""
    made = {deceptive_question(question, context, random.Random(seed)) for seed in range(60)}
    return {question for question in made if question is not None}


def test_a_name_is_exchanged_for_another_of_the_context() -> None:
    made = variants("whom mayor Ada Holm met?")
    assert made == {f"whom mayor {name} met?" for name in ("Lindby", "Korsund", "Tom Reyes")}


@pytest.mark.parametrize(
    ("question", "expected"),
    [("Who came in 2004?", "Who came in 1990?"), ("Who saw 12 of them?", "Who saw 35 of them?")],
)
def test_a_number_is_exchanged_for_one_of_as_many_digits(question: str, expected: str) -> None:
    assert variants(question) == {expected}


def test_a_number_without_its_like_is_changed_a_little() -> None:
    made = variants("Who saw 7 of them?", "Nobody saw any.")
    assert made
    assert all(abs(int(question.split()[2]) - 7) <= 10 for question in made)
    assert "Who saw 7 of them?" not in made


def test_only_the_whole_number_is_exchanged() -> None:
    made = variants("who in 1990 saw 19?", "There were 42.")
    assert "who in 1990 saw 42?" in made
    assert "who in 4290 saw 19?" not in made


def test_a_word_is_exchanged_for_its_opposite() -> None:
    assert "Who opened the last pier?" in variants("Who opened the first pier?", "")
    assert "Who bought them?" in variants("Who sold them?", "")
    assert "Who sold them?" in variants("Who bought them?", "")


def test_a_verb_is_negated_now_and_then() -> None:
    question = "what did they build?"
    assert variants(question, "") == {"what did not they build?"}
    made = [deceptive_question(question, "", random.Random(seed)) for seed in range(200)]
    assert 0.3 < sum(text is not None for text in made) / 200 < 0.7


def test_a_question_that_nothing_fits_stays_unused() -> None:
    assert variants("Why?") == set()
    assert variants("why is it not so?", "") == set()


@pytest.mark.parametrize("seed", range(5))
def test_the_same_seed_makes_the_same_question(seed: int) -> None:
    question = "What did mayor Ada Holm open first in 1990?"
    first, second = (deceptive_question(question, CONTEXT, random.Random(seed)) for _ in range(2))
    assert first == second


@given(st.text(max_size=60), st.text(max_size=80), st.integers(0, 10))
def test_what_is_made_differs_from_the_question(question: str, context: str, seed: int) -> None:
    assert deceptive_question(question, context, random.Random(seed)) != question


# Contexts


def spans_of(text: str, *answers: str) -> tuple[tuple[int, int], ...]:
    return tuple((text.index(answer), text.index(answer) + len(answer)) for answer in answers)


def test_the_sentence_that_answers_is_taken_out() -> None:
    left = without_answer(Context("Lindby", CONTEXT, spans_of(CONTEXT, "Ada Holm")))
    assert left == Context("Lindby", CONTEXT.split("pier. ")[1])


def test_every_sentence_that_answers_is_taken_out() -> None:
    text = CONTEXT + " Nobody else has ever lived in the old house by the harbour, says the guide of the town."
    left = without_answer(Context("", text, spans_of(text, "Ada Holm", "Tom Reyes")))
    assert left is not None
    assert "Holm" not in left.text and "Reyes" not in left.text
    assert left.text.startswith("In 2004") and left.text.endswith("the town.")
    assert left.spans == ()


def test_an_answer_across_two_sentences_takes_both() -> None:
    text = "One is here. Two is there. " + CONTEXT
    left = without_answer(Context("", text, spans_of(text, "here. Two")))
    assert left is not None and left.text == CONTEXT


def test_too_little_is_nothing() -> None:
    assert without_answer(Context("", "Ada Holm opened it. So it was.", ((0, 8),))) is None
