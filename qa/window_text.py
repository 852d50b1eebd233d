"""A date window in words, for people: "this week: 7 to 13 November 2022"; knows nothing of pages or terminals."""

from __future__ import annotations

from datetime import date

from qa.answer_notes import shown_day
from qa.date_named import MONTHS
from qa.date_windows import DateWindow


def shown_window(window: DateWindow) -> str:
    """The phrase and its days; of an event, also which article they come from."""
    if window.source is not None:
        day = shown_day(window.after or window.before or date.min)
        return f"{window.phrase} ({day}, from “{window.source.title}”)"
    return f"{window.phrase}: {shown_days(window.after, window.before)}"


def shown_days(first: date | None, last: date | None) -> str:
    """ "7 to 13 November 2022", without saying a month or year twice; at least one of the two is given."""
    if first is None or last is None:
        return f"until {shown_day(last)}" if last is not None else f"from {shown_day(first or date.min)}"
    if first == last:
        return shown_day(first)
    if first.year != last.year:
        start = shown_day(first)
    elif first.month != last.month:
        start = f"{first.day} {MONTHS[first.month - 1].capitalize()}"
    else:
        start = str(first.day)
    return f"{start} to {shown_day(last)}"
