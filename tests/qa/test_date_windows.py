"""Which days the words of a question name, and which words only look like days."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.recency import DayRange
from qa.date_windows import DateWindow, date_window

# A Thursday; its week runs from Monday 7 to Sunday 13 November.
TODAY = date(2022, 11, 10)


def days(question: str, reference: date = TODAY) -> tuple[str | None, str | None] | None:
    window = date_window(question, reference)
    if window is None:
        return None
    after, before = window.after, window.before
    return (after.isoformat() if after else None, before.isoformat() if before else None)


# Counted from the reference day


@pytest.mark.parametrize(
    ("phrase", "after", "before"),
    [
        ("today", "2022-11-10", "2022-11-10"),
        ("tonight", "2022-11-10", "2022-11-10"),
        ("this morning", "2022-11-10", "2022-11-10"),
        ("yesterday", "2022-11-09", "2022-11-09"),
        ("the day before yesterday", "2022-11-08", "2022-11-08"),
        ("last night", "2022-11-09", "2022-11-10"),  # told on either day
        ("tomorrow", "2022-11-11", "2022-11-11"),
        ("this week", "2022-11-07", "2022-11-13"),
        ("last week", "2022-10-31", "2022-11-06"),
        ("previous week", "2022-10-31", "2022-11-06"),
        ("next week", "2022-11-14", "2022-11-20"),
        ("past week", "2022-11-03", "2022-11-10"),  # the past one trails, last week is the calendar's
        ("in the last week", "2022-11-03", "2022-11-10"),  # and so it is with "the"
        ("this past week", "2022-11-03", "2022-11-10"),
        ("this month", "2022-11-01", "2022-11-30"),
        ("last month", "2022-10-01", "2022-10-31"),
        ("next month", "2022-12-01", "2022-12-31"),
        ("over the past month", "2022-10-10", "2022-11-10"),
        ("this quarter", "2022-10-01", "2022-12-31"),
        ("last quarter", "2022-07-01", "2022-09-30"),
        ("this year", "2022-01-01", "2022-12-31"),
        ("last year", "2021-01-01", "2021-12-31"),
        ("next year", "2023-01-01", "2023-12-31"),
        ("over the last year", "2021-11-10", "2022-11-10"),
        ("this weekend", "2022-11-12", "2022-11-13"),
        ("last weekend", "2022-11-05", "2022-11-06"),
        ("this past weekend", "2022-11-05", "2022-11-06"),
        ("over the weekend", "2022-11-05", "2022-11-06"),  # the latest that has begun
        ("last 3 days", "2022-11-07", "2022-11-10"),
        ("in the last three days", "2022-11-07", "2022-11-10"),
        ("past two weeks", "2022-10-27", "2022-11-10"),
        ("in the last few days", "2022-11-05", "2022-11-10"),
        ("over the past couple of weeks", "2022-10-27", "2022-11-10"),
        ("in the past few months", "2022-07-10", "2022-11-10"),
        ("in the last 24 hours", "2022-11-09", "2022-11-10"),
        ("in the last 48 hours", "2022-11-08", "2022-11-10"),
        ("in the past 6 months", "2022-05-10", "2022-11-10"),
        ("over the past five years", "2017-11-10", "2022-11-10"),
        ("in recent days", "2022-11-05", "2022-11-10"),
        ("in recent weeks", "2022-10-13", "2022-11-10"),
        ("in the next two weeks", "2022-11-10", "2022-11-24"),
        ("three days ago", "2022-11-07", "2022-11-07"),
        ("two weeks ago", "2022-10-24", "2022-10-30"),  # longer ago is meant roughly
        ("a year ago", "2021-08-12", "2022-02-08"),
        ("since yesterday", "2022-11-09", None),
        ("since last week", "2022-10-31", None),
        ("since last month", "2022-10-01", None),
        ("before this year", None, "2021-12-31"),
        ("earlier this week", "2022-11-07", "2022-11-13"),
        ("late last year", "2021-08-31", "2021-12-31"),
    ],
)
def test_periods_counted_from_the_reference_day(phrase: str, after: str | None, before: str | None) -> None:
    assert days(f"What happened in Lindby {phrase}?") == (after, before)


# By name


@pytest.mark.parametrize(
    ("phrase", "after", "before"),
    [
        ("in March", "2022-03-01", "2022-03-31"),
        ("in November", "2022-11-01", "2022-11-30"),  # it has begun
        ("in December", "2021-12-01", "2021-12-31"),  # it has not, so the last one is meant
        ("in March 2022", "2022-03-01", "2022-03-31"),
        ("in February 2020", "2020-02-01", "2020-02-29"),
        ("in March, 2021", "2021-03-01", "2021-03-31"),
        ("in March of 2021", "2021-03-01", "2021-03-31"),
        ("in Sept. 2021", "2021-09-01", "2021-09-30"),
        ("in March last year", "2021-03-01", "2021-03-31"),
        ("in June of this year", "2022-06-01", "2022-06-30"),
        ("this March", "2022-03-01", "2022-03-31"),
        ("last March", "2022-03-01", "2022-03-31"),
        ("last November", "2021-11-01", "2021-11-30"),  # not the one that is under way
        ("next March", "2023-03-01", "2023-03-31"),
        ("during May", "2022-05-01", "2022-05-31"),
        ("early March", "2022-03-01", "2022-03-10"),
        ("in mid-March", "2022-03-11", "2022-03-20"),
        ("late March 2021", "2021-03-21", "2021-03-31"),
        ("in the last week of March", "2022-03-01", "2022-03-31"),
        ("at the end of March", "2022-03-01", "2022-03-31"),
        ("since March", "2022-03-01", None),
        ("since early March", "2022-03-01", None),
        ("since the start of March", "2022-03-01", None),
        ("until June", None, "2022-06-30"),
        ("by June 2022", None, "2022-06-30"),
        ("before March", None, "2022-02-28"),
        ("after March", "2022-04-01", None),
        ("between March and May", "2022-03-01", "2022-05-31"),
        ("from March to May", "2022-03-01", "2022-05-31"),
        ("between November and March", "2021-11-01", "2022-03-31"),  # the November before that March
        ("from November 2020 to March 2021", "2020-11-01", "2021-03-31"),
        ("between March and May 2020", "2020-03-01", "2020-05-31"),
        ("on 16 June", "2022-06-16", "2022-06-16"),
        ("on 16 December", "2021-12-16", "2021-12-16"),
        ("on June 16", "2022-06-16", "2022-06-16"),
        ("on June 16, 2021", "2021-06-16", "2021-06-16"),
        ("on the 16th of June", "2022-06-16", "2022-06-16"),
        ("on Jan. 8", "2022-01-08", "2022-01-08"),
        ("on Thursday, 16 June 2022", "2022-06-16", "2022-06-16"),
        ("on 29 February", "2020-02-29", "2020-02-29"),  # the last year that had one
        ("on 2022-06-16", "2022-06-16", "2022-06-16"),
        ("since 2022-06-16", "2022-06-16", None),
        ("before 5 April 2022", None, "2022-04-04"),
        ("after 5 April 2022", "2022-04-06", None),
        ("since 5 April", "2022-04-05", None),
        ("from 3 to 9 May", "2022-05-03", "2022-05-09"),
        ("between 3 and 9 May 2021", "2021-05-03", "2021-05-09"),
        ("on 3-9 May", "2022-05-03", "2022-05-09"),
        ("on May 3–9, 2021", "2021-05-03", "2021-05-09"),
        ("from 28 October to 3 November", "2022-10-28", "2022-11-03"),
        ("in 2021", "2021-01-01", "2021-12-31"),
        ("in 2021, 40 ships", "2021-01-01", "2021-12-31"),
        ("since 2020", "2020-01-01", None),
        ("since at least 2019", "2019-01-01", None),
        ("before 2020", None, "2019-12-31"),
        ("after 2020", "2021-01-01", None),
        ("between 2019 and 2021", "2019-01-01", "2021-12-31"),
        ("from 2019 to 2021", "2019-01-01", "2021-12-31"),
        ("in early 2022", "2022-01-01", "2022-05-01"),
        ("in late 2021", "2021-08-31", "2021-12-31"),
        ("by the end of 2021", None, "2021-12-31"),
        ("in Q3 2022", "2022-07-01", "2022-09-30"),
        ("in Q3", "2022-07-01", "2022-09-30"),
        ("in the third quarter of 2021", "2021-07-01", "2021-09-30"),
        ("in the first quarter of this year", "2022-01-01", "2022-03-31"),
        ("this summer", "2022-06-01", "2022-08-31"),
        ("last summer", "2022-06-01", "2022-08-31"),
        ("last autumn", "2021-09-01", "2021-11-30"),  # this one is not over
        ("this winter", "2022-12-01", "2023-02-28"),
        ("last winter", "2021-12-01", "2022-02-28"),
        ("in the summer of 2021", "2021-06-01", "2021-08-31"),
        ("in spring", "2022-03-01", "2022-05-31"),
        ("in the winter of 2022", "2021-12-01", "2022-02-28"),  # that of December 2022 has not begun
        ("on Tuesday", "2022-11-08", "2022-11-08"),
        ("on Thursday", "2022-11-10", "2022-11-10"),  # today
        ("on Friday", "2022-11-04", "2022-11-04"),
        ("last Friday", "2022-11-04", "2022-11-04"),
        ("last Thursday", "2022-11-03", "2022-11-03"),  # not today
        ("this Friday", "2022-11-11", "2022-11-11"),
        ("next Monday", "2022-11-14", "2022-11-14"),
        ("since Monday", "2022-11-07", None),
        ("between Monday and Wednesday", "2022-11-07", "2022-11-09"),
    ],
)
def test_periods_by_name(phrase: str, after: str | None, before: str | None) -> None:
    assert days(f"What was said {phrase}?") == (after, before)


# What is no window


@pytest.mark.parametrize(
    "question",
    [
        "",
        "Who owns the pier?",
        "What happened recently?",  # asks for what is new: recency, not a window
        "What is the latest on the strike?",
        "Who is mayor now?",
        "What may happen to the pier?",  # the verb
        "May I ask who owns it?",
        "May 2 people enter at once?",
        "Who is Theresa May?",
        "What did Theresa May say?",
        "Who became prime minister after May resigned?",  # the surname, as the verb shows
        "What did May's cabinet decide?",
        "Who is April O'Neil?",
        "Who plays in April O'Neil stories?",
        "Who spoke at the March for Our Lives?",
        "Who sang in March for Our Lives?",
        "Why do they march in Lindby?",
        "Who led the march on Rome?",
        "What did June Brown play?",
        "Who won the 2022 World Cup?",  # a name
        "Who scored in 2022 World Cup matches?",
        "Who lost in 2000 homes?",  # a count
        "How many ran after 2020 people had registered?",
        "Who bought 2020 shares?",
        "What is the 1990s film about?",
        "What was in the 2020-21 budget?",
        "What does USA Today report?",
        "Who hosts The Tonight Show?",
        "Who watches This Week on television?",
        "What is Black Friday?",
        "What happened on Super Tuesday?",
        "Who stars on Friday Night Lights?",
        "What happened on Sundays?",
        "What was seen in the fall of Kabul?",
        "Who won the Winter Olympics?",
        "Who spoke in the last week of the campaign?",  # counted from something else
        "What fell in the last two years of the war?",
        "How much more is it than last year?",  # the other side of a comparison
        "Who sold fewer than in the past year?",
        "How far are prices up from last month?",
        "What happened on 30 February 2022?",  # no such day
        "What happened on 2022-13-40?",
        "What is 4/5/2022?",  # which of the two is the month depends on the reader's country
        "Who won since the election?",  # an event; its date is not in the words
        "Which Audi Q3 is new?",
        "What did the last 9 ministers say?",
        "How many live between May and Johnson street?",
    ],
)
def test_words_that_only_look_like_days(question: str) -> None:
    assert days(question) is None


# Further facts


def test_the_window_that_holds_the_reference_day_wins_over_earlier_ones() -> None:
    question = "A phone given away in 2007 was sold this week. For how much?"
    assert days(question) == ("2022-11-07", "2022-11-13")


def test_otherwise_the_first_window_counts() -> None:
    assert days("Who was elected in 2020 and left in March 2021?") == ("2020-01-01", "2020-12-31")


def test_a_day_without_a_year_is_the_next_one_when_the_question_is_about_what_will_be() -> None:
    assert days("What will open on 12 December?") == ("2022-12-12", "2022-12-12")
    assert days("Which teams are headed to the final in February?") == ("2023-02-01", "2023-02-28")


def test_a_possessive_is_the_period_itself() -> None:
    assert days("What did he say after last week's vote?") == ("2022-10-31", "2022-11-06")


def test_the_first_word_of_a_sentence_may_have_a_capital() -> None:
    assert days("Today the pier opened. Who came?") == ("2022-11-10", "2022-11-10")
    assert days("In March Russia did what?") == ("2022-03-01", "2022-03-31")


def test_without_capitals_months_are_read_all_the_same() -> None:
    assert days("what happened in may") == ("2022-05-01", "2022-05-31")
    assert days("what may happen") is None


def test_in_capitals_days_are_read_all_the_same() -> None:
    assert days("WHO WON THIS WEEK?") == ("2022-11-07", "2022-11-13")


@pytest.mark.parametrize(
    ("question", "phrase"),
    [
        ("Who won this week?", "this week"),
        ("Who left  since   March?", "since March"),
        ("What was said between March and May?", "between March and May"),
        ("In 2021, who left?", "In 2021"),
        ("Who left at the end of March?", "March"),
    ],
)
def test_the_phrase_is_what_the_question_says(question: str, phrase: str) -> None:
    window = date_window(question, TODAY)
    assert window is not None
    assert window.phrase == phrase
    assert " ".join(question[window.start : window.end].split()) == phrase


@pytest.mark.parametrize(
    ("phrase", "strict"),
    [
        ("this week", True),
        ("in March 2022", True),
        ("since Monday", True),
        ("last 3 days", True),
        ("the last few days", False),
        ("in early March", False),
        ("this summer", False),
        ("two weeks ago", False),
        ("since the start of March", False),
    ],
)
def test_strict_windows_name_their_days_exactly(phrase: str, strict: bool) -> None:
    window = date_window(f"What happened {phrase}?", TODAY)
    assert window is not None
    assert window.strict is strict


def test_there_are_days_of_grace_after_a_window_by_its_length() -> None:
    assert _days_of("yesterday") == DayRange(date(2022, 11, 9), date(2022, 11, 9), 2)
    assert _days_of("last week") == DayRange(date(2022, 10, 31), date(2022, 11, 6), 4)
    assert _days_of("in 2021") == DayRange(date(2021, 1, 1), date(2021, 12, 31), 31)
    assert _days_of("since March") == DayRange(date(2022, 3, 1), None, 2)


def test_a_rough_window_has_grace_before_it_too() -> None:
    assert _days_of("in early March") == DayRange(date(2022, 2, 24), date(2022, 3, 10), 5)


def _days_of(phrase: str) -> DayRange:
    window = date_window(f"What happened {phrase}?", TODAY)
    assert window is not None
    return window.days


def test_the_edge_of_the_calendar_is_no_error() -> None:
    assert days("What happened last year?", date.min) is None
    assert days("What happened next week?", date.max) is None
    assert days("What happened today?", date.min) == ("0001-01-01", "0001-01-01")


def test_any_number_of_date_words_is_read_in_no_time() -> None:
    for words in ("early ", "since the ", "3 to 4 and ", "last ", "between "):
        assert days(words * 300) is None


def test_a_window_must_have_an_end_and_be_in_order() -> None:
    with pytest.raises(ValueError, match="open on both sides"):
        DateWindow("x", 0, 1, None, None, True)
    with pytest.raises(ValueError, match="before it starts"):
        DateWindow("x", 0, 1, date(2022, 2, 1), date(2022, 1, 1), True)


_WORDS = (
    "since after before until between and from to in on the last this next past few 3 two days weeks months year March "
    "May 2021 5 31 April Monday weekend summer winter Q3 early late mid of today yesterday ago ' , ? 2022-06-16 quarter"
).split()


@given(
    st.one_of(st.text(max_size=200), st.lists(st.sampled_from(_WORDS), max_size=12).map(" ".join)),
    st.dates(),
)
def test_any_text_gives_an_ordered_window_or_none(question: str, reference: date) -> None:
    window = date_window(question, reference)
    if window is None:
        return
    assert window.after is None or window.before is None or window.after <= window.before
    assert window.after is not None or window.before is not None
    assert 0 <= window.start < window.end <= len(question)
    assert window.phrase == " ".join(question[window.start : window.end].split())
    first, last = window.days.ordinals
    assert first <= last
