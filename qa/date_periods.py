"""The period that starts at one place of a question, and spans of two ("between March and May"); knows no windows."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

from qa.date_calendar import Period, days_from, third
from qa.date_named import MONTHS, latest_day, month_number, named_period
from qa.date_place import Found, Place, has_no_capitals, opens_sentence
from qa.date_relative import relative_period

_PART = re.compile(r"(?:the\s+)?(?P<part>early|mid|late)(?:\s+in\s+|[\s-]+)", re.I)
_SPAN = re.compile(r"(?P<word>between|from)\s+", re.I)
_TO = re.compile(r"\s*(?:to|until|till|through|and|[-–—])\s*", re.I)
_AND = re.compile(r"\s+and\s+", re.I)
_MONTH = rf"(?P<month>{'|'.join(MONTHS)})\b"
_NUMBER = r"\d{1,2}(?:st|nd|rd|th)?"
_TO_DAY = r"\s*(?:to|until|till|through|and|[-–—])\s*(?:the\s+)?"
_DAYS_OF_MONTH = re.compile(
    rf"(?:(?:between|from)\s+)?(?:the\s+)?(?P<a>{_NUMBER}){_TO_DAY}(?P<b>{_NUMBER})\s+(?:of\s+)?{_MONTH}"
    r"(?:,?\s+(?P<year>(?:19|20)\d\d)\b)?",
    re.I,
)
_MONTH_DAYS = re.compile(
    rf"(?:(?:between|from)\s+)?{_MONTH}\s+(?P<a>{_NUMBER}){_TO_DAY}(?P<b>{_NUMBER})\b(?:,?\s+(?P<year>(?:19|20)\d\d)\b)?",
    re.I,
)
# Shorter periods have no early or late part worth naming.
_SHORTEST_WITH_PARTS = 28


def period_at(question: str, position: int, reference: date, *, preposition: str | None) -> Found | None:
    """The period whose words start at ``position``.

    :param preposition: The word before it, in lower case, where that decides what is a period ("in March").
    :raises ValueError: If the words name no day of the calendar.
    :raises OverflowError: Likewise.
    """
    opens = opens_sentence(question, position - len(preposition) - 1 if preposition else position)
    place = Place(question, position, reference, preposition, opens)
    part = _PART.match(question, position)
    if part is not None:
        return _part_of(place, part)
    return relative_period(place) or named_period(place)


def span_at(question: str, position: int, reference: date) -> Found | None:
    """ "between March and May", "from 3 to 9 May", "May 3-9" at ``position``.

    :raises ValueError: As :func:`period_at`, and if the span ends before it starts.
    :raises OverflowError: Likewise.
    """
    for pattern in (_DAYS_OF_MONTH, _MONTH_DAYS):
        days = pattern.match(question, position)
        if days is not None and (days["month"][0].isupper() or has_no_capitals(question)):
            return Found(_days_of_month(days, reference), days.end())
    opening = _SPAN.match(question, position)
    if opening is None:
        return None
    word = opening["word"].lower()
    first = period_at(question, opening.end(), reference, preposition=word)
    link = (_AND if word == "between" else _TO).match(question, first.end) if first is not None else None
    if first is None or link is None:
        return None
    last = period_at(question, link.end(), reference, preposition=word)
    if last is None:
        return None
    if not first.is_relative:
        # "from November to March 2022": the November before that March.
        first = period_at(question, opening.end(), last.period.first, preposition=word) or first
    is_exact = first.period.is_exact and last.period.is_exact
    return Found(Period(first.period.first, last.period.last, is_exact), last.end, last.is_relative)


def _part_of(place: Place, part: re.Match[str]) -> Found | None:
    """ "early March", "late last year"; of a week or a day there is no part."""
    inner = replace(place, position=part.end(), preposition="in")
    whole = relative_period(inner) or named_period(inner)
    if whole is None:
        return None
    num_days = (whole.period.last - whole.period.first).days + 1
    if num_days < _SHORTEST_WITH_PARTS:
        return replace(whole, period=replace(whole.period, is_exact=False))
    return replace(whole, period=third(whole.period, part["part"].lower()))


def _days_of_month(match: re.Match[str], reference: date) -> Period:
    number = month_number(match["month"])
    first, last = (int(re.sub(r"\D", "", match[name])) for name in ("a", "b"))
    if match["year"]:
        return Period(date(int(match["year"]), number, first), date(int(match["year"]), number, last))
    start = latest_day(first, number, reference)
    return Period(start, days_from(start, (date(start.year, number, last) - start).days))
