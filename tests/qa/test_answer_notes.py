"""What is said beside an answer: how old it is, what was true earlier, what was revised."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from qa.answer_notes import age_note, asks_for_the_present, earlier_note, shown_age, shown_day, updated_notes
from qa.date_windows import DateWindow, date_window
from qa.newest_answer import EarlierAnswer
from qa.types import Citation, Note
from tests.qa.helpers import found, make_passage

TODAY = date(2022, 11, 10)
WHO = "Who is the mayor of Lindby?"


def citations(*days: str | None, updated_on: str | None = None) -> list[Citation]:
    passages = [make_passage("Ada Holm is mayor.", number=i, published_at=day) for i, day in enumerate(days, 1)]
    return [Citation(i, replace(hit, updated_on=updated_on), 0, 8) for i, hit in enumerate(found(*passages), 1)]


def age(question: str, *days: str | None, window: DateWindow | None = None, is_as_of: bool = True) -> str | None:
    note = age_note(question, citations(*days), window, TODAY, is_as_of=is_as_of)
    assert note is None or note.kind == "age"
    return note.text if note is not None else None


@pytest.mark.parametrize(
    "question",
    [
        WHO,
        "What is the current price?",
        "Who's the mayor?",
        "How many ferries are there?",
        "Which party is in power?",
        "Who won this week?",
        "What is the latest?",
    ],
)
def test_questions_about_the_present(question: str) -> None:
    assert asks_for_the_present(question)


@pytest.mark.parametrize(
    "question", ["Who was mayor in 1990?", "Who opened the pier?", "When did it rain?", "", "Why is it so?"]
)
def test_questions_about_anything_else(question: str) -> None:
    assert not asks_for_the_present(question)


def test_old_evidence_for_a_question_about_the_present_says_how_old() -> None:
    assert age(WHO, "2022-03-12") == "From an article of 12 March 2022, 8 months before."
    assert age(WHO, "2022-03-12", is_as_of=False) == "From an article of 12 March 2022, 8 months ago."


def test_evidence_of_the_last_month_is_not_old() -> None:
    assert age(WHO, "2022-10-11") is None
    assert age(WHO, "2022-10-10") == "From an article of 10 October 2022, 31 days before."


def test_the_newest_cited_article_counts() -> None:
    assert age(WHO, "2020-01-01", "2022-11-01", None) is None


def test_a_question_about_the_past_may_have_old_evidence() -> None:
    assert age("Who opened the pier?", "2012-03-12") is None


def test_undated_evidence_is_said_to_be_undated() -> None:
    assert age(WHO, None) == "From an undated article."
    assert age(WHO, None, None) == "From undated articles."


def test_evidence_of_the_days_asked_about_is_not_old() -> None:
    question = "Who became mayor in March?"
    window = date_window(question, TODAY)
    assert age(question, "2022-03-12", window=window) is None
    assert age(question, "2022-04-20", window=window) is None
    told_before = "From an article of 25 February 2022, before the days asked about."
    assert age(question, "2022-02-25", window=window) == told_before
    assert age(question, "2021-11-10", window=window) == "From an article of 10 November 2021, 12 months before."


def test_without_a_citation_there_is_no_age() -> None:
    assert age(WHO) is None


def test_the_earlier_amount_has_its_day_and_outlet() -> None:
    (hit,) = found(make_passage("10 people died.", published_at="2022-03-02", source="Outlet"))
    assert earlier_note(EarlierAnswer("10", hit)) == Note("earlier", "Earlier: 10 (2 March 2022, Outlet).")
    nameless = replace(hit, passage=replace(hit.passage, source=None))
    assert earlier_note(EarlierAnswer("10", nameless)) == Note("earlier", "Earlier: 10 (2 March 2022).")
    assert earlier_note(None) is None


def test_each_revised_article_is_named_once() -> None:
    (one,) = citations("2022-03-12", updated_on="2022-05-03")
    assert updated_notes([one, replace(one, marker=2)]) == [Note("updated", "“A title” was updated on 3 May 2022.")]
    assert updated_notes(citations("2022-03-12")) == []


@pytest.mark.parametrize(
    ("num_days", "shown"),
    [
        (31, "31 days"),
        (59, "59 days"),
        (61, "2 months"),
        (243, "8 months"),
        (729, "24 months"),
        (731, "2 years"),
        (3652, "10 years"),
    ],
)
def test_ages_are_rounded(num_days: int, shown: str) -> None:
    assert shown_age(num_days) == shown


def test_days_are_written_out() -> None:
    assert shown_day(date(2022, 3, 2)) == "2 March 2022"
