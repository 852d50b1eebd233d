"""Reads the days that a question speaks of ("last week", "in March", "since 5 April") out of its words.

Knows nothing of articles, of events ("since the election") or of what is done with the days.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from index.recency import DayRange
from qa.date_calendar import days_from
from qa.date_periods import period_at, span_at
from qa.date_place import Found, is_possessive

_WORD_START = re.compile(r"(?<![\w'’])\w")
_PREPOSITION = re.compile(
    r"(?P<word>since|after|before|until|till|up to|by|through|in|on|during|over|at|within|throughout|of|for)"
    r"(?:\s+at\s+least)?\s+(?:(?P<edge>the\s+(?:start|beginning|end|middle)\s+of)\s+)?",
    re.IGNORECASE,
)
# Of these words a period only follows when it is no part of something else: "the end of March", "a week of May".
_WORDS_BEFORE_OF = re.compile(
    r"\b(?:week|weekend|end|start|beginning|middle|days|half|part|month|summer|winter)\s+$", re.I
)


# What happened in a window is told soon after it: half its length, but some days at least and a month at most.
_MIN_GRACE_DAYS, _MAX_GRACE_DAYS = 2, 31


@dataclass(frozen=True, slots=True)
class DateSource:
    """The article that a window's date was taken from."""

    article_id: str
    title: str
    published_at: str


@dataclass(frozen=True, slots=True)
class DateWindow:
    """The days a question speaks of, both ends included, None where open; at least one end is given.

    ``phrase`` stands at [start, end) of the question. ``strict``: its edges are meant to the day ("in March 2022",
    "since Monday") and not roughly ("the last few days", "this winter"). ``source``: the article that dates the event
    named; None when the words alone say which days.
    """

    phrase: str
    start: int
    end: int
    after: date | None
    before: date | None
    strict: bool
    source: DateSource | None = None

    def __post_init__(self) -> None:
        if self.after is None and self.before is None:
            raise ValueError(f"the window of {self.phrase!r} is open on both sides; give one end")
        if self.after is not None and self.before is not None and self.after > self.before:
            raise ValueError(f"the window of {self.phrase!r} ends on {self.before}, before it starts on {self.after}")

    @property
    def days(self) -> DayRange:
        """The window as searching takes it: with days of grace after it, and before it too when it is meant roughly."""
        grace_days = _MIN_GRACE_DAYS
        if self.after is not None and self.before is not None:
            num_days = (self.before - self.after).days + 1
            grace_days = min(max(-(-num_days // 2), _MIN_GRACE_DAYS), _MAX_GRACE_DAYS)
        first = self.after
        if first is not None and not self.strict:
            first = date.fromordinal(max(first.toordinal() - grace_days, 1))
        return DayRange(first, self.before, grace_days)


def date_window(question: str, reference: date) -> DateWindow | None:
    """The window that the question is about, None when it names none.

    Of several, the first that holds the reference day ("A phone given away in 2007 was sold this week for how much?"),
    else the first. Words that only ask for what is new ("recently", "the latest", "now") are none. What a month, a
    day or a weekday without a year means is its latest occurrence that starts on the reference day or before, or the
    next one where the question is about what is to come ("will").

    :param reference: The day that "today" means.
    """
    windows = list(_windows(question, reference))
    present = (window for window in windows if window.after is not None and _holds(window, reference))
    return next(present, windows[0] if windows else None)


def _windows(question: str, reference: date) -> Iterator[DateWindow]:
    """All that are named, from left to right."""
    end = 0
    for match in _WORD_START.finditer(question):
        if match.start() < end:
            continue
        try:
            window = _window_at(question, match.start(), reference)
        except (ValueError, OverflowError):
            # Words that name no day of the calendar ("30 February", "the last 9000 years") name no window.
            continue
        if window is not None:
            end = window.end
            yield window


def _holds(window: DateWindow, day: date) -> bool:
    return (window.after is None or window.after <= day) and (window.before is None or day <= window.before)


def _window_at(question: str, position: int, reference: date) -> DateWindow | None:
    span = span_at(question, position, reference)
    if span is not None:
        return _make(question, position, span.end, span.period.first, span.period.last, span.period.is_exact)
    preposition = _PREPOSITION.match(question, position)
    if preposition is None:
        bare = period_at(question, position, reference, preposition=None)
        return _inside(question, position, bare) if bare is not None else None
    word = preposition["word"].lower()
    if word == "of" and not _WORDS_BEFORE_OF.search(question, 0, position):
        return None
    found = period_at(question, preposition.end(), reference, preposition=word)
    if found is None:
        return None
    # "after last week's vote" is after the vote, of which only the week is known.
    if is_possessive(question, found.end):
        return _inside(question, preposition.end(), found)
    if word == "of":  # "the last week of March": some days of it
        return _make(question, preposition.end(), found.end, found.period.first, found.period.last, strict=False)
    return _modified(question, position, word, found, has_edge=preposition["edge"] is not None)


def _modified(question: str, start: int, word: str, found: Found, *, has_edge: bool) -> DateWindow:
    """The window that a preposition makes of a period."""
    period, is_exact = found.period, found.period.is_exact and not has_edge
    if word == "since":
        return _make(question, start, found.end, period.first, None, is_exact)
    if word == "after":
        return _make(question, start, found.end, days_from(period.last, 1), None, is_exact)
    if word == "before":
        return _make(question, start, found.end, None, days_from(period.first, -1), is_exact)
    if word in ("until", "till", "up to", "by", "through"):
        return _make(question, start, found.end, None, period.last, is_exact)
    return _make(question, start, found.end, period.first, period.last, is_exact)


def _inside(question: str, start: int, found: Found) -> DateWindow:
    return _make(question, start, found.end, found.period.first, found.period.last, found.period.is_exact)


def _make(question: str, start: int, end: int, after: date | None, before: date | None, strict: bool) -> DateWindow:
    phrase = " ".join(question[start:end].split())
    return DateWindow(phrase, start, end, after, before, strict)
