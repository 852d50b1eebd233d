"""Turns publication dates as found in the wild into ISO dates, strictly; knows nothing of today or of articles.

Only forms that name one calendar day whatever the reader's country are accepted: "03/04/2022" and "yesterday" are not.
"""

from __future__ import annotations

import re
from datetime import date

from index.errors import BadInputError

_EXPECTED = 'expected a date such as 2022-06-16, 2022-06-16T10:00:00Z, "June 16, 2022" or "16 Jun 2022"'
_MAX_CHARS = 100
# Years below are place-holders for "no date" (0001-01-01) or typing errors, not news.
_MIN_YEAR = 1000

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?"
    r"|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_WEEKDAY = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?\.?,?\s+)?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>\d{4})"
_ZONE = r"(?:\s*(?:[+-]\d{2}(?::?\d{2}){0,2}|[a-z]{1,5})(?:\s*\([a-z ]{1,40}\))?)?"
_CLOCK = rf"(?:[01]?\d|2[0-4])(?::?[0-5]\d){{1,2}}(?:[.,]\d{{1,9}})?(?:\s*[ap]\.?m\.?)?{_ZONE}"
_TIME = rf"(?:(?:t|,?\s+(?:at\s+)?){_CLOCK})?"

_FORMS = tuple(
    re.compile(form + _TIME, re.ASCII | re.IGNORECASE)
    for form in (
        rf"{_YEAR}(?P<separator>[-/.])(?P<month>\d{{1,2}})(?P=separator)(?P<day>\d{{1,2}})",
        rf"{_YEAR}(?P<month>\d{{2}})(?P<day>\d{{2}})",
        rf"{_WEEKDAY}{_MONTH}\s+{_DAY},?\s+{_YEAR}",
        rf"{_WEEKDAY}{_DAY}(?:\s+|-){_MONTH}(?:,?\s+|-){_YEAR}",
    )
)
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def parse_date(value: object) -> str | None:
    """The calendar day that ``value`` names, as "YYYY-MM-DD"; a time of day and its zone never move the day.

    :param value: A string, an integer such as 20220616, a date, a datetime, or None.
    :return: None when nothing was given (None, or only white space).
    :raises BadInputError: The value does not name exactly one day.
    """
    if value is None:
        return None
    if isinstance(value, date):  # a datetime is a date
        return _iso(value.year, value.month, value.day, str(value))
    if isinstance(value, int) and 10_000_101 <= value <= 99_991_231:
        value = str(value)
    if not isinstance(value, str):
        raise BadInputError(f"a value of type {type(value).__name__} is not a publication date; {_EXPECTED}")
    text = " ".join(value.split())
    if not text:
        return None
    if len(text) <= _MAX_CHARS:
        for form in _FORMS:
            if match := form.fullmatch(text):
                month = match["month"].lower()
                return _iso(int(match["year"]), _month_number(month), int(match["day"]), text)
    raise BadInputError(f"{_shown(text)} is not a publication date; {_EXPECTED}")


def day_number(iso: str) -> int:
    """The proleptic Gregorian ordinal of an ISO date: 1 is 0001-01-01, one more is one day later.

    :raises BadInputError: ``iso`` is not of the form YYYY-MM-DD or names no day.
    """
    if not _ISO_DATE.fullmatch(iso):
        raise BadInputError(f"{_shown(iso)} is not an ISO date; expected YYYY-MM-DD, as parse_date returns it")
    try:
        return date.fromisoformat(iso).toordinal()
    except ValueError as error:
        raise BadInputError(f"{_shown(iso)} names no day of the calendar; expected YYYY-MM-DD") from error


def _month_number(month: str) -> int:
    return int(month) if month.isdigit() else _MONTHS.index(month[:3]) + 1


def _iso(year: int, month: int, day: int, shown: str) -> str:
    if year < _MIN_YEAR:
        raise BadInputError(f"{_shown(shown)} lies before the year {_MIN_YEAR}; {_EXPECTED}")
    try:
        return date(year, month, day).isoformat()
    except ValueError as error:
        raise BadInputError(f"{_shown(shown)} names no day of the calendar; {_EXPECTED}") from error


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 60 else text[:57] + "...")
