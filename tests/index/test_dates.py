"""Publication dates: what is accepted, what is refused, and that a day never moves."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.dates import day_number, parse_date
from index.errors import BadInputError


@pytest.mark.parametrize(
    "value",
    [
        "2022-06-16",
        " 2022-06-16\n",
        "2022-06-16T10:00:00Z",
        "2022-06-16T23:30:00-05:00",
        "2022-06-16 00:10:00.123456 +0900",
        "2022/06/16",
        "2022.6.16",
        "20220616",
        "20220616T101500Z",
        20220616,
        "June 16, 2022",
        "Jun. 16 2022",
        "june 16th, 2022",
        "Thursday, June 16, 2022 at 5:30 PM EDT",
        "16 June 2022",
        "16-Jun-2022",
        "Thu, 16 Jun 2022 10:00:00 GMT",
        "Thu, 16 Jun 2022 10:00:00 +0000 (UTC)",
        date(2022, 6, 16),
        datetime(2022, 6, 16, 12, 0),
    ],
    ids=repr,
)
def test_each_usual_form_names_the_same_day(value: object) -> None:
    assert parse_date(value) == "2022-06-16"


@pytest.mark.parametrize("value", [None, "", "  \n"], ids=repr)
def test_nothing_given_is_no_date(value: object) -> None:
    assert parse_date(value) is None


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))], ids=str)
def test_a_datetime_keeps_its_own_calendar_day(zone: timezone) -> None:
    assert parse_date(datetime(2022, 6, 16, 23, 59, tzinfo=zone)) == "2022-06-16"
    assert parse_date(datetime(2022, 6, 16, 0, 1, tzinfo=zone).isoformat()) == "2022-06-16"


@pytest.mark.parametrize(
    "value",
    [
        "banana",
        "yesterday",
        "3 days ago",
        "may",
        "2022",
        "2022-06",
        "June 2022",
        "03/04/2022",
        "16 Jun 22",
        "2022-02-30",
        "2022-13-01",
        "2022-06-16 banana",
        "2022-06-16T25:00",
        "0001-01-01",
        "\ud800",
        "2022-06-16" * 100,
        1655337600,
        10**5000,
        -20220616,
        True,
        20220616.0,
        ["2022-06-16"],
    ],
    ids=lambda value: ascii(value)[:30] if not isinstance(value, int) else f"int{value % 1000}",
)
def test_what_does_not_name_one_day_is_refused(value: object) -> None:
    with pytest.raises(BadInputError, match="expected a date such as 2022-06-16"):
        parse_date(value)


def test_the_message_shows_the_value() -> None:
    with pytest.raises(BadInputError, match="'banana' is not a publication date"):
        parse_date("banana")


@given(st.one_of(st.text(), st.from_regex(r"[\d/. :TZ-]{4,30}"), st.integers(), st.floats(), st.binary()))
def test_nothing_but_bad_input_error_is_ever_raised(value: object) -> None:
    try:
        parsed = parse_date(value)
    except BadInputError:
        return
    assert parsed is None or date.fromisoformat(parsed).isoformat() == parsed


@given(st.dates(min_value=date(1000, 1, 1)))
def test_every_written_form_of_a_day_is_that_day(day: date) -> None:
    month = day.strftime("%B")
    forms = [day.isoformat(), f"{month} {day.day}, {day.year}", f"{day.day} {month[:3]} {day.year}"]
    assert {parse_date(form) for form in forms} == {day.isoformat()}


def test_day_numbers_count_days() -> None:
    assert day_number("0001-01-01") == 1
    assert day_number("2024-03-01") - day_number("2024-02-28") == 2


@pytest.mark.parametrize("iso", ["20220616", "2022-6-1", "2022-02-30", "banana", ""])
def test_day_number_takes_only_iso_dates(iso: str) -> None:
    with pytest.raises(BadInputError, match="YYYY-MM-DD"):
        day_number(iso)
