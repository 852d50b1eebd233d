"""Windows in words."""

from __future__ import annotations

from datetime import date

import pytest

from qa.date_windows import DateSource, DateWindow, date_window
from qa.window_text import shown_days, shown_window

TODAY = date(2022, 11, 10)


@pytest.mark.parametrize(
    ("question", "shown"),
    [
        ("Who won this week?", "this week: 7 to 13 November 2022"),
        ("Who won last week?", "last week: 31 October to 6 November 2022"),
        ("Who won this winter?", "this winter: 1 December 2022 to 28 February 2023"),
        ("Who won today?", "today: 10 November 2022"),
        ("Who won since March?", "since March: from 1 March 2022"),
        ("Who won until June?", "until June: until 30 June 2022"),
    ],
)
def test_the_phrase_and_its_days(question: str, shown: str) -> None:
    window = date_window(question, TODAY)
    assert window is not None
    assert shown_window(window) == shown


def test_an_event_says_where_its_day_comes_from() -> None:
    source = DateSource("a", "Holm wins", "2022-11-08")
    window = DateWindow("since the election", 0, 18, date(2022, 11, 8), None, strict=False, source=source)
    assert shown_window(window) == "since the election (8 November 2022, from “Holm wins”)"


def test_years_stand_on_both_sides_only_when_they_differ() -> None:
    assert shown_days(date(2021, 12, 30), date(2022, 1, 2)) == "30 December 2021 to 2 January 2022"
