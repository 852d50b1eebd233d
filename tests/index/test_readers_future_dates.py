"""Dates that were found and lie in the future are dropped; dates that somebody stated stand."""

from __future__ import annotations

from datetime import date

import pytest

from index.readers import read_bytes, without_future_date
from index.types import Article

_TODAY = date(2022, 6, 16)


@pytest.mark.parametrize(
    "given", ["2022-06-18", "2022-06-16", "1999-01-01", "Sat, 18 Jun 2022 23:00:00 -0500", None, ""]
)
def test_a_date_up_to_two_days_ahead_stands(given: str | None) -> None:
    assert without_future_date({"published_at": given}, _TODAY) == {"published_at": given}


@pytest.mark.parametrize("given", ["2022-06-19", "2099-01-01", "Sun, 19 Jun 2022 00:00:00 GMT", 20990101])
def test_a_date_further_ahead_is_dropped_and_kept_as_given(given: object) -> None:
    assert without_future_date({"published_at": given, "text": "x"}, _TODAY) == {
        "published_at": None,
        "published_at_as_given": given,
        "text": "x",
    }


def test_what_is_no_date_is_left_to_the_record() -> None:
    assert without_future_date({"published_at": "soon"}, _TODAY) == {"published_at": "soon"}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        (
            "a.html",
            b'<html><head><meta name="date" content="2999-01-01"></head><p>The permit is late.</p>',
        ),
        (
            "a.eml",
            b"From: Ada <a@x.example>\nDate: Tue, 01 Jan 2999 10:00:00 +0000\nSubject: x\n\nThe bridge is late.\n",
        ),
    ],
)
def test_future_dates_of_pages_and_mails_are_dropped_whatever_the_day(name: str, data: bytes) -> None:
    (article,) = read_bytes(name, data)
    assert isinstance(article, Article), article
    assert article.published_at is None
    assert "2999" in article.metadata["published_at_as_given"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.jsonl", b'{"text": "The bridge is late.", "published_at": "2999-01-01"}'),
        ("a.json", b'{"text": "The bridge is late.", "published_at": "2999-01-01"}'),
        ("a.md", b"---\ndate: 2999-01-01\n---\nThe bridge is late."),
        ("a.txt", b"---\npublished: 2999-01-01\n---\nThe bridge is late."),
    ],
)
def test_future_dates_that_are_stated_stand(name: str, data: bytes) -> None:
    (article,) = read_bytes(name, data, today=_TODAY)
    assert isinstance(article, Article)
    assert article.published_at == "2999-01-01"
