"""Amounts that changed over time: the newest stands, the earlier one is kept, and other things never mix."""

from __future__ import annotations

from datetime import date

import pytest

from index.recency import DayRange
from qa.newest_answer import EarlierAnswer, Option, differ_in_amount, gives_amount_of, newest_of, same_amount
from tests.qa.helpers import found, make_passage

QUESTION = "How many people died in the Lindby flood?"
OLD, NEW = "2022-03-02", "2022-03-09"


def option(amount: str, day: str | None, *, sentence: str = "", log_odds: float = 2.0) -> Option:
    text = f"It rained. {sentence or f'In the Lindby flood {amount} people died.'} More rain is expected."
    start = text.index(amount)
    (retrieved,) = found(make_passage(text, published_at=day, source="Coast Daily"))
    return Option(amount, retrieved, start, start + len(amount), log_odds)


def test_the_newest_amount_stands_and_the_earlier_one_is_kept() -> None:
    assert newest_of(QUESTION, [option("10", OLD), option("12", NEW)]) == (1, 0)


def test_a_newest_amount_that_is_best_anyway_has_its_earlier_one() -> None:
    assert newest_of(QUESTION, [option("12", NEW), option("10", OLD)]) == (0, 1)


def test_of_several_the_very_newest_stands() -> None:
    options = [option("10", OLD), option("11", "2022-03-05"), option("12", NEW)]
    assert newest_of(QUESTION, options) == (2, 0)


@pytest.mark.parametrize(
    ("old_log_odds", "new_log_odds", "stands"),
    [
        (2.3, 0.8, 1),  # both answer: "was 10" reads better than "has risen to 12"
        (2.9, 0.1, 1),
        (4.0, 0.8, 0),  # the new one is far less likely
        (0.5, -0.5, 1),  # neither is sure, and they are nearly alike
        (0.5, -0.7, 0),
    ],
)
def test_a_newer_amount_stands_when_the_reader_holds_that_its_passage_answers_too(
    old_log_odds: float, new_log_odds: float, stands: int
) -> None:
    options = [option("10", OLD, log_odds=old_log_odds), option("12", NEW, log_odds=new_log_odds)]
    assert newest_of(QUESTION, options)[0] == stands


def test_an_amount_of_a_later_day_than_the_question_does_not_take_part() -> None:
    options = [option("10", OLD), option("12", NEW)]
    assert newest_of(QUESTION, options, asked_on=date(2022, 3, 6)) == (0, None)
    assert newest_of(QUESTION, options, asked_on=date(2022, 3, 7)) == (1, 0)


def test_amounts_in_words_count() -> None:
    assert newest_of(QUESTION, [option("ten", OLD), option("twelve", NEW)]) == (1, 0)


@pytest.mark.parametrize(
    "other",
    [
        option("12", NEW, log_odds=-0.1),  # the reader doubts it
        option("12", None),  # undated
        option("12", OLD),  # the same day: neither is newer
        option("10", NEW),  # the same amount
        option("12", NEW, sentence="Elsewhere 12 cows were saved."),  # other things
        option("12", NEW, sentence="In the Korsund storm 12 boats sank."),
        option("12 million euros", NEW, sentence="The Lindby flood in which people died cost 12 million euros."),
        option("several", NEW),  # no number
    ],
)
def test_what_is_not_clearly_the_same_thing_later_does_not_take_part(other: Option) -> None:
    best = option("10 people", OLD, sentence="In the Lindby flood 10 people died.")
    assert newest_of(QUESTION, [best, other]) == (0, None)


def test_other_questions_than_for_amounts_are_left_alone() -> None:
    assert newest_of("In which year did people die in the Lindby flood?", [option("10", OLD), option("12", NEW)]) == (
        0,
        None,
    )


def test_amounts_outside_of_the_window_do_not_take_part() -> None:
    window = DayRange(date(2022, 3, 1), date(2022, 3, 3), 1)
    assert newest_of(QUESTION, [option("10", OLD), option("12", NEW)], window) == (0, None)
    assert newest_of(QUESTION, [option("10", OLD), option("12", NEW)], DayRange(date(2022, 3, 1), None)) == (1, 0)


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ("10", "12", True),
        ("10 people", "12", True),
        ("10 people", "at least 12 people", True),
        ("1,200", "1200", False),
        ("ten", "10", False),
        ("10 people", "12 cows", False),
        ("$10 million", "$12 million", True),
        ("$10 million", "$12 billion", False),
        ("$10", "€12", False),
        ("10%", "12%", True),
        ("10%", "12", False),
        ("many", "12", False),
    ],
)
def test_amounts_differ_only_in_the_same_unit(one: str, other: str, differ: bool) -> None:
    assert differ_in_amount(one, other) is differ
    assert differ_in_amount(other, one) is differ


def test_a_text_may_give_the_earlier_amount() -> None:
    earlier = EarlierAnswer("10 people", option("10", OLD).retrieved)
    assert gives_amount_of("ten people", earlier, "12")
    assert not gives_amount_of("12 people, 10 of them children", earlier, "12")
    assert not gives_amount_of("nobody knows", earlier, "12")
    assert same_amount("twelve", "12 people")
    assert not same_amount("twelve", "10 people")
