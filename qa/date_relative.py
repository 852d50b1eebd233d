"""Periods counted from the reference day: "yesterday", "last week", "the past 3 months", "two years ago".

Knows nothing of months and years by name.
"""

from __future__ import annotations

import re
from datetime import date

from qa.date_calendar import (
    Period,
    days_from,
    month,
    months_from,
    quarter,
    week_of,
    weekend_of,
    year_of,
)
from qa.date_place import Found, Place, is_title

_NUMBER_WORDS = "one two three four five six seven eight nine ten eleven twelve".split()
_SOME = {"couple": 2, "couple of": 2, "few": 5, "several": 5}
# A few days are five, a few weeks, months or years four.
_FEW_LONGER = 4
_COUNT = rf"(?P<count>\d{{1,3}}|{'|'.join(_NUMBER_WORDS)}|a\s+few|(?:a\s+)?couple(?:\s+of)?|few|several)"
_UNITS = r"(?P<unit>hour|day|night|week|weekend|month|quarter|year)s?\b"
_NOT_OF = r"(?!\s+of\b)"  # "the last week of the campaign" is counted from something else

_DAY = re.compile(
    r"(?P<word>the\s+day\s+before\s+yesterday|today|tonight|yesterday|tomorrow|last\s+night|"
    r"this\s+(?:morning|afternoon|evening))\b",
    re.I,
)
_ONE = re.compile(
    rf"(?P<the>the\s+)?(?P<which>this\s+past|this|last|past|previous|next|coming|current)\s+"
    rf"(?P<unit>week|month|quarter|year|weekend)\b{_NOT_OF}",
    re.I,
)
_SEVERAL = re.compile(rf"(?:the\s+)?(?:last|past|previous)\s+{_COUNT}\s+{_UNITS}{_NOT_OF}", re.I)
_COMING = re.compile(rf"(?:the\s+)?(?:next|coming)\s+{_COUNT}\s+{_UNITS}{_NOT_OF}", re.I)
_RECENT = re.compile(r"recent\s+(?P<unit>day|week|month|year)s\b", re.I)
_AGO = re.compile(rf"(?:{_COUNT}|an?)\s+(?P<unit>day|week|month|year)s?\s+ago\b", re.I)
# "more than last year", "up 5% from last month": the other side of a comparison.
_COMPARED = re.compile(
    r"\b(?:than(?:\s+in)?|compared\s+(?:with|to)|(?:up|down|rise|rose|fell|increased?|decreased?)(?:\s+\S+)?\s+"
    r"(?:from|on|over))(?:\s+the)?\s+$",
    re.I,
)
_LONGEST_COMPARISON = 60


def relative_period(place: Place) -> Found | None:
    """:raises ValueError: If the words lead outside of the calendar.
    :raises OverflowError: Likewise.
    """
    for pattern, read in _FORMS:
        match = pattern.match(place.question, place.position)
        if match is not None:
            before = place.question[max(0, place.position - _LONGEST_COMPARISON) : place.position]
            if is_title(match.group(), place) or _COMPARED.search(before):
                return None
            return Found(read(match, place.reference), match.end(), is_relative=True)
    return None


def _day(match: re.Match[str], today: date) -> Period:
    words = " ".join(match["word"].lower().split())
    if words == "last night":
        return Period(days_from(today, -1), today)
    num_days = {"yesterday": -1, "tomorrow": 1, "the day before yesterday": -2}.get(words, 0)
    return Period(days_from(today, num_days), days_from(today, num_days))


def _one(match: re.Match[str], today: date) -> Period:
    which, unit = " ".join(match["which"].lower().split()), match["unit"].lower()
    # "the last month" and "the past month" are the days up to today, "last month" the calendar's.
    is_trailing = which in ("past", "this past") or (which == "last" and match["the"])
    if is_trailing and unit != "weekend":
        return _up_to(today, 1, unit)
    step = {"this": 0, "current": 0, "next": 1, "coming": 1}.get(which, -1)
    return _calendar_unit(unit, step, today)


def _calendar_unit(unit: str, step: int, today: date) -> Period:
    """The week, month ... that is ``step`` after the present one."""
    if unit == "week":
        return week_of(days_from(today, 7 * step))
    if unit == "weekend":
        return weekend_of(days_from(today, 7 * step))
    if unit == "year":
        return year_of(today.year + step)
    first = months_from(today.replace(day=1), step * (3 if unit == "quarter" else 1))
    return month(first.year, first.month) if unit == "month" else quarter(first.year, (first.month + 2) // 3)


def _several(match: re.Match[str], today: date) -> Period:
    count, is_exact = _count(match)
    period = _up_to(today, count, match["unit"].lower())
    return Period(period.first, period.last, is_exact=is_exact)


def _coming(match: re.Match[str], today: date) -> Period:
    count, is_exact = _count(match)
    return Period(today, _moved(today, count, match["unit"].lower()), is_exact=is_exact)


def _recent(match: re.Match[str], today: date) -> Period:
    unit = match["unit"].lower()
    return Period(_moved(today, -(5 if unit == "day" else _FEW_LONGER), unit), today, is_exact=False)


def _ago(match: re.Match[str], today: date) -> Period:
    """A day is meant as such; longer ago is meant roughly."""
    count, is_exact = _count(match) if match["count"] else (1, True)
    unit = match["unit"].lower()
    day = _moved(today, -count, unit)
    slack = {"day": 0 if is_exact else 3, "week": 3, "month": 15, "year": 90}[unit]
    return Period(days_from(day, -slack), days_from(day, slack), is_exact=slack == 0)


def _count(match: re.Match[str]) -> tuple[int, bool]:
    """How many, and whether that is a number."""
    words = " ".join(match["count"].lower().split()).removeprefix("a ")
    if words in _SOME:
        count = _SOME[words]
        return (count if count == 2 or match["unit"].lower() == "day" else _FEW_LONGER), False
    return (int(words) if words.isdigit() else _NUMBER_WORDS.index(words) + 1), True


def _up_to(today: date, count: int, unit: str) -> Period:
    """The last so many, the reference day included; the day they reach back into counts too."""
    return Period(_moved(today, -count, unit), today)


def _moved(day: date, count: int, unit: str) -> date:
    if unit in ("month", "quarter", "year"):
        return months_from(day, count * {"month": 1, "quarter": 3, "year": 12}[unit])
    if unit == "hour":
        return days_from(day, -(-abs(count) // 24) * (1 if count > 0 else -1))
    return days_from(day, count * {"day": 1, "night": 1, "week": 7, "weekend": 7}[unit])


_FORMS = ((_DAY, _day), (_ONE, _one), (_SEVERAL, _several), (_COMING, _coming), (_RECENT, _recent), (_AGO, _ago))
