"""Addresses that people enter are read once or again and again, and nothing else ever is."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from index.errors import BadInputError
from index.fetching import AddressPolicy, Fetcher
from index.sources.fetch_log import FetchLog
from index.sources.intake import AddressIntake, Taken
from index.types import AddReport
from qa.source_schedule import ScheduledSource, SourceSchedule
from qa.source_status import SourceStatusFile
from qa.web_addresses import MAX_KEPT, WebAddresses
from tests.fakes import open_parts

FEED = "https://news.example/rss"


class Reading:
    """An intake that notes what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.read = threading.Event()

    def take(self, address: str, **options: Any) -> Taken:
        self.asked.append(address)
        self.read.set()
        return Taken(AddReport(added=1))


@pytest.fixture
def reading() -> Reading:
    return Reading()


@pytest.fixture
def opened(tmp_path: Path, reading: Reading) -> Iterator[Callable[[], WebAddresses]]:
    """Opens the addresses of one data folder, as each start of the program does."""
    parts, statuses = open_parts(tmp_path), SourceStatusFile(tmp_path / "sources.json")
    every: list[WebAddresses] = []

    def schedule(source: ScheduledSource) -> SourceSchedule:
        return SourceSchedule([source], parts.collection, reading, statuses)

    def make() -> WebAddresses:
        every.append(WebAddresses(reading.take, schedule, tmp_path / "kept.json", ["https://configured.example/rss"]))
        return every[-1]

    yield make
    for addresses in every:
        addresses.stop()


def test_nothing_is_read_that_nobody_entered(opened: Callable[[], WebAddresses], reading: Reading) -> None:
    opened().start()
    assert reading.asked == []
    assert opened().status() == []


def test_an_address_is_read_once_when_it_is_entered(opened: Callable[[], WebAddresses], reading: Reading) -> None:
    assert opened().take(" HTTPS://News.example/rss#top ").report.added == 1
    assert reading.asked == [FEED]


@pytest.mark.parametrize(
    "address", ["", "news", "ftp://a.example", "file:///etc/passwd", "javascript:1", "http://", "https://a b"]
)
def test_what_is_no_web_address_is_refused(opened: Callable[[], WebAddresses], reading: Reading, address: str) -> None:
    with pytest.raises(BadInputError, match="is no web address; expected one such as") as error:
        opened().take(address)
    assert "\n" not in str(error.value)
    with pytest.raises(BadInputError, match="is no web address"):
        opened().keep(address, minutes=60)
    assert reading.asked == []


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:7860/", "http://[::1]/", "http://169.254.169.254/latest", "http://2130706433/"]
)
def test_private_addresses_are_refused_with_their_reason_and_not_connected_to(tmp_path: Path, address: str) -> None:
    parts = open_parts(tmp_path)
    intake = AddressIntake(parts.collection, Fetcher(policy=AddressPolicy()), FetchLog(parts.database))
    addresses = WebAddresses(intake.take, lambda source: pytest.fail("kept"), tmp_path / "kept.json")
    taken = addresses.take(address)
    assert taken.error
    assert parts.library.counts().num_articles == 0


def test_a_kept_address_waits_for_its_time_and_is_read_after_a_restart(
    opened: Callable[[], WebAddresses], reading: Reading
) -> None:
    addresses = opened()
    addresses.start()
    addresses.keep(FEED, minutes=30)
    (status,) = addresses.status()
    assert (status["address"], status["every_minutes"], status["last_checked"]) == (FEED, 30, None)
    assert reading.asked == []
    addresses.stop()
    again = opened()
    again.start()
    assert reading.read.wait(20)
    assert [status["address"] for status in again.status()] == [FEED]


def test_keeping_again_changes_how_often(opened: Callable[[], WebAddresses]) -> None:
    addresses = opened()
    addresses.keep(FEED, minutes=30)
    addresses.keep(FEED, minutes=60)
    assert [status["every_minutes"] for status in addresses.status()] == [60]


def test_what_is_forgotten_is_read_no_more(
    opened: Callable[[], WebAddresses], reading: Reading, tmp_path: Path
) -> None:
    addresses = opened()
    addresses.keep(FEED, minutes=30)
    addresses.forget(FEED)
    assert addresses.status() == []
    assert json.loads((tmp_path / "kept.json").read_text()) == []
    with pytest.raises(BadInputError, match="nothing to stop"):
        addresses.forget(FEED)


def test_how_often_and_how_many_are_bounded(opened: Callable[[], WebAddresses]) -> None:
    addresses = opened()
    for minutes in (0, 4, 100_001, -5):
        with pytest.raises(BadInputError, match=f"minutes={minutes}; expected 5 to 100,000"):
            addresses.keep(FEED, minutes=minutes)
    with pytest.raises(BadInputError, match="read again already: article-qa.toml"):
        addresses.keep("https://configured.example/rss", minutes=30)
    for number in range(MAX_KEPT):
        addresses.keep(f"https://news.example/{number}", minutes=30)
    with pytest.raises(BadInputError, match="50 addresses are read again already"):
        addresses.keep(FEED, minutes=30)
    addresses.keep("https://news.example/0", minutes=60)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1]", '[{"address": "file:///etc/passwd", "every_minutes": 30}]', '[{"address": "https://a.example"}]'],
)
def test_a_file_that_is_not_readable_means_that_nothing_is_read(
    opened: Callable[[], WebAddresses], reading: Reading, tmp_path: Path, text: str
) -> None:
    (tmp_path / "kept.json").write_text(text)
    addresses = opened()
    addresses.start()
    assert addresses.status() == []
    assert reading.asked == []
