"""Runs of days on the calendar: weeks, months, quarters, seasons, years; knows nothing of language or articles.

Weeks start on Monday (ISO 8601). Seasons are the meteorological ones of the northern hemisphere.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, timedelta

_SEASON_STARTS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}


@dataclass(frozen=True, slots=True)
class Period:
    """The days from ``first`` to ``last``, both included.

    ``is_exact``: whether its edges are meant to the day ("in March"), and not roughly ("the last few days").
    """

    first: date
    last: date
    is_exact: bool = True

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise ValueError(f"a period from {self.first} to {self.last} has no days")


def days_from(day: date, num_days: int) -> date:
    """:raises OverflowError: Outside of the calendar."""
    return day + timedelta(days=num_days)


def months_from(day: date, num_months: int) -> date:
    """The same day of another month, or that month's last one.

    :raises ValueError: Outside of the calendar.
    """
    months = day.year * 12 + day.month - 1 + num_months
    year, month = months // 12, months % 12 + 1
    if not 1 <= year <= 9999:
        raise ValueError(f"year {year} is outside of the calendar")
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def week_of(day: date) -> Period:
    monday = days_from(day, -day.weekday())
    return Period(monday, days_from(monday, 6))


def weekend_of(day: date) -> Period:
    """Saturday and Sunday of the day's week."""
    sunday = week_of(day).last
    return Period(days_from(sunday, -1), sunday)


def month(year: int, number: int) -> Period:
    """:raises ValueError: If there is no such month."""
    first = date(year, number, 1)
    return Period(first, date(year, number, calendar.monthrange(year, number)[1]))


def quarter(year: int, number: int) -> Period:
    """:raises ValueError: If there is no such quarter; the first has number 1."""
    return Period(month(year, 3 * number - 2).first, month(year, 3 * number).last)


def year_of(number: int) -> Period:
    """:raises ValueError: If there is no such year."""
    return Period(date(number, 1, 1), date(number, 12, 31))


def season(name: str, year: int) -> Period:
    """The season that starts in ``year``; a winter goes on into the next one.

    :raises ValueError: Outside of the calendar.
    """
    first = date(year, _SEASON_STARTS[name], 1)
    last_month = months_from(first, 2)
    return Period(first, month(last_month.year, last_month.month).last, is_exact=False)


def third(period: Period, part: str) -> Period:
    """The "early", "mid" or "late" third of a period, roughly."""
    num_days = (period.last - period.first).days + 1
    step = num_days // 3
    first = days_from(period.first, {"early": 0, "mid": step, "late": 2 * step}[part])
    last = period.last if part == "late" else days_from(first, step - 1)
    return Period(first, last, is_exact=False)
