"""The event after "since": which words name it, and when the articles leave no doubt about its day."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.types import RetrievedPassage
from qa.date_windows import DateSource
from qa.event_dates import EventPhrase, event_phrase, event_window
from tests.qa.helpers import found, make_passage

TODAY = date(2022, 11, 20)
QUESTION = "Which ministers have left since the election?"
EVENT = EventPhrase("since", "the election", QUESTION.index("since"), len(QUESTION) - 1)


def hits(
    *days: str | None, text: str = "The election was won by Ada Holm.", cosine: float = 0.6
) -> list[RetrievedPassage]:
    """One article a day, all of them about the event."""
    passages = [make_passage(text, title=f"Title {i}", number=i, published_at=day) for i, day in enumerate(days, 1)]
    return [replace(hit, cosine=cosine) for hit in found(*passages)]


@pytest.mark.parametrize(
    ("question", "word", "noun"),
    [
        (QUESTION, "since", "the election"),
        ("Who has left since the election in Lindby?", "since", "the election in Lindby"),
        ("How many people have died since the war in Ukraine began?", "since", "the war in Ukraine"),
        ("What did prices do after the storm, and who says so?", "after", "the storm"),
        ("What was the price before the launch of the ferry?", "before", "the launch of the ferry"),
        ("What has changed since Brexit?", "since", "Brexit"),
        ("Who helped after Hurricane Ian hit Florida?", "after", "Hurricane Ian"),
    ],
)
def test_an_event_is_a_name_or_a_phrase_with_the(question: str, word: str, noun: str) -> None:
    event = event_phrase(question)
    assert event is not None
    assert (event.word, event.noun) == (word, noun)
    assert question[event.start : event.end] == f"{word} {noun}"


@pytest.mark.parametrize(
    "question",
    [
        "",
        "Who won?",
        "What has she done since?",
        "What came after all?",
        "Who left after being asked?",
        "What came before it?",
    ],
)
def test_other_words_name_no_event(question: str) -> None:
    assert event_phrase(question) is None


def test_a_clear_cluster_dates_the_event_by_its_first_article() -> None:
    window = event_window(EVENT, QUESTION, hits("2022-11-10", "2022-11-08", "2022-11-09", "2022-03-01"), TODAY)
    assert window is not None
    assert (window.phrase, window.after, window.before) == ("since the election", date(2022, 11, 8), None)
    assert window.source == DateSource("article-2", "Title 2", "2022-11-08")


def test_before_an_event_the_window_ends_with_it() -> None:
    event = replace(EVENT, word="before")
    window = event_window(event, QUESTION, hits("2022-11-08", "2022-11-08", "2022-11-09"), TODAY)
    assert window is not None
    assert (window.after, window.before) == (None, date(2022, 11, 8))


@pytest.mark.parametrize(
    "evidence",
    [
        [],
        hits("2022-11-08", "2022-11-09"),  # too few
        hits(None, None, None, None),  # undated
        hits("2022-11-08", "2022-11-09", "2022-11-10", "2022-03-01", "2022-04-01", "2022-05-01"),  # spread out
        hits("2022-11-08", "2022-11-08", "2022-11-09", text="The harbour was dredged."),  # about something else
        hits("2022-11-08", "2022-11-08", "2022-11-09", cosine=0.1),  # the words are there by chance
        hits("2022-11-28", "2022-11-28", "2022-11-29"),  # after the question is asked
    ],
)
def test_doubtful_evidence_gives_no_window(evidence: list[RetrievedPassage]) -> None:
    assert event_window(EVENT, QUESTION, evidence, TODAY) is None


def test_two_passages_of_one_article_are_one_article() -> None:
    same = [replace(hit, passage=replace(hit.passage, article_id="a")) for hit in hits(*["2022-11-08"] * 4)]
    assert event_window(EVENT, QUESTION, same, TODAY) is None


@given(st.text(max_size=200))
def test_any_text_gives_an_event_inside_it_or_none(question: str) -> None:
    event = event_phrase(question)
    if event is not None:
        assert question[event.start : event.end].endswith(event.noun)
        assert 0 <= event.start < event.end <= len(question)
