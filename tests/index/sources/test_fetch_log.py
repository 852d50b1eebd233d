"""The fetch log gives back what was put, and survives being opened again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from index.database import Database
from index.sources.fetch_log import FetchLog, FetchRecord
from tests.index.sources.fakes import NOW

RECORD = FetchRecord("https://news.example/1", '"abc"', "Mon, 04 Mar 2024 10:00:00 GMT", NOW)


def test_unknown_addresses_have_no_record(fetch_log: FetchLog) -> None:
    assert fetch_log.get("https://news.example/1") is None


def test_records_come_back_from_another_process(tmp_path: Path) -> None:
    FetchLog(Database(tmp_path / "library.sqlite")).put(RECORD)
    assert FetchLog(Database(tmp_path / "library.sqlite")).get(RECORD.url) == RECORD


def test_a_later_record_replaces_the_earlier(fetch_log: FetchLog) -> None:
    fetch_log.put(RECORD)
    later = FetchRecord(RECORD.url, None, None, NOW + timedelta(hours=1))
    fetch_log.put(later)
    assert fetch_log.get(RECORD.url) == later


def test_forgetting_leaves_the_others(fetch_log: FetchLog) -> None:
    other = FetchRecord("https://news.example/2", None, None, NOW)
    fetch_log.put(RECORD)
    fetch_log.put(other)
    fetch_log.forget(RECORD.url)
    assert fetch_log.get(RECORD.url) is None
    assert fetch_log.get(other.url) == other
