"""Periods by name: "5 April 2022", "in March", "Q3 2022", "last summer", "on Tuesday", "since 2020".

Knows nothing of periods counted from today. Most of the rules here tell a period from a name that sounds like one.
"""

from __future__ import annotations

import re
from datetime import date

from qa.date_calendar import Period, days_from, month, quarter, season, week_of, weekend_of, year_of
from qa.date_place import Found, Place, before_capital, has_no_capitals, is_possessive

MONTHS = (
    "january february march april may june july august september october november december".split()
)  # fmt: skip
_WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
_MONTH = (
    r"(?P<month>january|february|march|april|may|june|july|august|september|october|november|december|"
    r"(?:jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\b\.?)"
)
MONTH_NAME = rf"(?P<name>{'|'.join(MONTHS)})\b"
_WEEKDAY = rf"(?P<weekday>{'|'.join(_WEEKDAYS)})\b"
# No year before 1900 and none that is a count ("in 2000 homes"), a span ("2020-21") or part of a number.
YEAR = r"(?P<year>(?:19|20)\d\d)\b(?![-–/.,]\d)"
_SEASON = r"(?P<season>spring|summer|autumn|fall|winter)\b"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?\b"
_FIRST_OF_SPAN = r"(?![-–/.,:]\d)"
_WHICH = r"(?P<which>this|last|next|past|previous)\s+"

_ISO = re.compile(r"(?P<y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})\b(?!-)")
_DAY_MONTH = re.compile(
    rf"(?:the\s+)?(?:{_WEEKDAY},?\s+)?(?:the\s+)?{_DAY}{_FIRST_OF_SPAN}\s+(?:of\s+)?{_MONTH}\b(?:,?\s+{YEAR})?", re.I
)
_MONTH_DAY = re.compile(rf"(?:{_WEEKDAY},?\s+)?{_MONTH}\s+(?:the\s+)?{_DAY}{_FIRST_OF_SPAN}(?:,?\s+{YEAR})?", re.I)
_MONTH_YEAR = re.compile(rf"{_MONTH},?\s+(?:of\s+)?{YEAR}", re.I)
_MONTH_OF = re.compile(rf"{MONTH_NAME},?\s+(?:of\s+)?(?P<which>this|last)\s+year\b", re.I)
_WHICH_MONTH = re.compile(rf"{_WHICH}{MONTH_NAME}", re.I)
_WHICH_WEEKDAY = re.compile(rf"{_WHICH}{_WEEKDAY}", re.I)
_WHICH_SEASON = re.compile(rf"(?:the\s+)?{_WHICH}{_SEASON}(?!\s+of\b)", re.I)
_SEASON_YEAR = re.compile(rf"(?:the\s+)?{_SEASON}\s+(?:of\s+)?{YEAR}", re.I)
_QUARTER = re.compile(rf"(?:the\s+)?Q(?P<quarter>[1-4])(?:\s+(?:of\s+)?{YEAR})?(?![\w-])", re.I)
_ORDINALS = ("first", "second", "third", "fourth")
_NTH_QUARTER = re.compile(
    rf"(?:the\s+)?(?P<nth>first|second|third|fourth)\s+quarter\s+of\s+(?:{YEAR}|(?P<which>this|last)\s+year\b)", re.I
)
_ONLY_MONTH = re.compile(MONTH_NAME, re.I)
_ONLY_YEAR = re.compile(YEAR)
_ONLY_WEEKDAY = re.compile(_WEEKDAY, re.I)
_ONLY_SEASON = re.compile(rf"(?:the\s+)?{_SEASON}(?!\s+of\b)", re.I)
_WEEKEND = re.compile(r"the\s+weekend\b(?!\s+of\b)", re.I)

_BOUNDS = frozenset("since until till by before after through between from".split()) | {"up to"}
_AROUND = _BOUNDS | {"in", "during", "within", "throughout", "of"}
# Given names and a surname: "after May resigned", "before April O'Neil", "since June left".
_ALSO_PEOPLE = frozenset({"may", "april", "june", "august"})
_GOES_ON = re.compile(
    r"\s*(?:$|[?.!,;:)\d\"”’-]|(?:in|and|or|to|until|till|at|on|of|for|from|with|the|when|where|who|what|which|how|did|does|do|"
    r"this|that|last|next|have|has|by|because|amid|alone)\b)"
)
_NOT_A_MONTH_BEFORE = re.compile(r"\s+(?:for\s+(?:our|[A-Z])|on\s+[A-Z]|of\b|madness|day\b|past\b|against\b|through\b)")
_DAY_BEFORE = re.compile(r"\d(?:st|nd|rd|th)?\s+(?:of\s+)?$")
_COUNTED = re.compile(
    r"\s*(?:%|percent|people|men|women|children|homes|houses|cases|deaths|votes|seats|troops|soldiers|fans|jobs|workers|"
    r"employees|schools|met(?:er|re)s|miles|km|kilomet|feet|dollars|euros|pounds|points|times|words|hours|days|weeks|years)"
)


# A day or month without a year is then the next one.
_TO_COME = re.compile(r"\b(?:will|going\s+to|upcoming|scheduled|expected|planned|set\s+to|about\s+to|headed)\b", re.I)


def named_period(place: Place) -> Found | None:
    """:raises ValueError: If there is no such day ("30 February").
    :raises OverflowError: If the words lead outside of the calendar.
    """
    for pattern, read in _FORMS:
        match = pattern.match(place.question, place.position)
        if match is not None:
            period = read(match, place)
            if period is not None:
                return Found(period, match.end())
    return None


def month_number(name: str) -> int:
    return next(i for i, full in enumerate(MONTHS, start=1) if full.startswith(name.lower().rstrip(".")[:3]))


def latest_month(number: int, reference: date) -> Period:
    """The last one that began on the reference day or before."""
    return month(reference.year if number <= reference.month else reference.year - 1, number)


def is_to_come(question: str) -> bool:
    """Whether a question is about the future."""
    return _TO_COME.search(question) is not None


def latest_day(number: int, month_of_year: int, reference: date) -> date:
    """The last such day, the reference day included; 29 February is looked for in leap years.

    :raises ValueError: If no year has it.
    """
    for year in range(reference.year, reference.year - 9, -1):
        try:
            day = date(year, month_of_year, number)
        except ValueError:
            continue
        if day <= reference:
            return day
    raise ValueError(f"no year has a day {number} of month {month_of_year}")


def is_month_name(name: str, end: int, place: Place) -> bool:
    """Whether a month's name is meant as the month; ``end`` is where it ends."""
    question = place.question
    if not name[0].isupper() and not has_no_capitals(question):
        return False
    if _NOT_A_MONTH_BEFORE.match(question, end):
        return False
    if name.lower() in _ALSO_PEOPLE:
        if is_possessive(question, end):
            return False
        if place.preposition in (_BOUNDS | {"of", None}) and not _GOES_ON.match(question, end):
            return False
    # "In March Russia invaded" begins a sentence; elsewhere a capital goes on with a name.
    return not before_capital(question, end) or (
        place.opens and question[end : end + 3].strip()[:2] not in ("O'", "O’")
    )


def _iso(match: re.Match[str], place: Place) -> Period:
    day = date(int(match["y"]), int(match["m"]), int(match["d"]))
    return Period(day, day)


def _day_of_month(match: re.Match[str], place: Place) -> Period | None:
    name = match["month"]
    if not name[0].isupper() and not has_no_capitals(place.question):
        return None
    # "May 2 people enter?" begins with the verb.
    if place.opens and place.preposition is None and match.start() == match.start("month") and name.lower() == "may":
        return None
    number = int(match["day"])
    if match["year"]:
        day = date(int(match["year"]), month_number(name), number)
    else:
        day = latest_day(number, month_number(name), place.reference)
        if day < place.reference and is_to_come(place.question):
            day = date(day.year + 1, day.month, day.day)
    return Period(day, day)


def _month_year(match: re.Match[str], place: Place) -> Period | None:
    # After a number that is no day of it ("30 February 2022") nobody knows what is meant.
    if _DAY_BEFORE.search(place.question, 0, place.position):
        return None
    if not match["month"][0].isupper() and not has_no_capitals(place.question):
        return None
    return month(int(match["year"]), month_number(match["month"]))


def _month_of(match: re.Match[str], place: Place) -> Period:
    return month(place.reference.year - (match["which"].lower() == "last"), month_number(match["name"]))


def _which_month(match: re.Match[str], place: Place) -> Period | None:
    if not is_month_name(match["name"], match.end(), place):
        return None
    number, today, which = month_number(match["name"]), place.reference, match["which"].lower()
    if which == "this":
        return month(today.year, number)
    if which == "next":
        return month(today.year + (number <= today.month), number)
    return month(today.year - (number >= today.month), number)


def _only_month(match: re.Match[str], place: Place) -> Period | None:
    if place.preposition not in _AROUND or not is_month_name(match["name"], match.end(), place):
        return None
    if is_possessive(place.question, match.end()) and place.preposition != "in":
        return None
    latest = latest_month(month_number(match["name"]), place.reference)
    if latest.last < place.reference and is_to_come(place.question):
        return month(latest.first.year + 1, latest.first.month)
    return latest


def _only_year(match: re.Match[str], place: Place) -> Period | None:
    end = match.end()
    if place.preposition not in _AROUND | {"for"} or is_possessive(place.question, end):
        return None
    if before_capital(place.question, end) or _COUNTED.match(place.question, end):
        return None
    return year_of(int(match["year"]))


def _which_weekday(match: re.Match[str], place: Place) -> Period | None:
    if before_capital(place.question, match.end()):
        return None
    weekday, today, which = _WEEKDAYS.index(match["weekday"].lower()), place.reference, match["which"].lower()
    if which == "this":
        day = days_from(week_of(today).first, weekday)
    elif which == "next":
        day = days_from(today, (weekday - today.weekday() - 1) % 7 + 1)
    else:
        day = days_from(today, -((today.weekday() - weekday - 1) % 7) - 1)
    return Period(day, day)


def _only_weekday(match: re.Match[str], place: Place) -> Period | None:
    if place.preposition not in _BOUNDS | {"on"} or before_capital(place.question, match.end()):
        return None
    today = place.reference
    day = days_from(today, -((today.weekday() - _WEEKDAYS.index(match["weekday"].lower())) % 7))
    return Period(day, day)


def _weekend(match: re.Match[str], place: Place) -> Period | None:
    if place.preposition not in _BOUNDS | {"over", "at", "on", "during", "in", "within", "throughout"}:
        return None
    weekend = weekend_of(place.reference)
    return weekend if weekend.first <= place.reference else weekend_of(days_from(place.reference, -7))


def _which_season(match: re.Match[str], place: Place) -> Period | None:
    if before_capital(place.question, match.end()):
        return None
    name, which, today = match["season"].lower(), match["which"].lower(), place.reference
    newest = latest_season(name, today)
    if which == "this":
        # A winter that goes on from last year is this one; otherwise this year's.
        return newest if newest.last >= today else season(name, today.year)
    if which == "next":
        return season(name, newest.first.year + 1)
    return newest if newest.last < today else season(name, newest.first.year - 1)


def _season_year(match: re.Match[str], place: Place) -> Period:
    """ "Winter 2022" began in December 2022 if that has begun, else the year before."""
    period = season(match["season"].lower(), int(match["year"]))
    if period.first.year != period.last.year and period.first > place.reference:
        return season(match["season"].lower(), period.first.year - 1)
    return period


def _only_season(match: re.Match[str], place: Place) -> Period | None:
    is_bound = place.preposition in _AROUND | {"over"}
    return (
        latest_season(match["season"].lower(), place.reference)
        if is_bound and place.preposition != "of" and not before_capital(place.question, match.end())
        else None
    )


def latest_season(name: str, reference: date) -> Period:
    """The last one that began on the reference day or before."""
    newest = season(name, reference.year)
    return newest if newest.first <= reference else season(name, reference.year - 1)


def _quarter(match: re.Match[str], place: Place) -> Period | None:
    if place.preposition not in _AROUND | {"for"} and not (match["year"] and place.opens):
        return None
    number, today = int(match["quarter"]), place.reference
    if match["year"]:
        return quarter(int(match["year"]), number)
    newest = quarter(today.year, number)
    return newest if newest.first <= today else quarter(today.year - 1, number)


def _nth_quarter(match: re.Match[str], place: Place) -> Period:
    number = _ORDINALS.index(match["nth"].lower()) + 1
    last = (match["which"] or "").lower() == "last"
    return quarter(int(match["year"]) if match["year"] else place.reference.year - last, number)


_FORMS = (
    (_ISO, _iso),
    (_DAY_MONTH, _day_of_month),
    (_MONTH_DAY, _day_of_month),
    (_MONTH_YEAR, _month_year),
    (_MONTH_OF, _month_of),
    (_WHICH_MONTH, _which_month),
    (_WHICH_WEEKDAY, _which_weekday),
    (_WHICH_SEASON, _which_season),
    (_SEASON_YEAR, _season_year),
    (_NTH_QUARTER, _nth_quarter),
    (_QUARTER, _quarter),
    (_ONLY_MONTH, _only_month),
    (_ONLY_YEAR, _only_year),
    (_ONLY_WEEKDAY, _only_weekday),
    (_ONLY_SEASON, _only_season),
    (_WEEKEND, _weekend),
)
