"""Sources are read when they are due, later and later while they fail, and the index follows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import BuilderBusyError, StorageError, VerificationError
from index.sources import folder_watch
from index.sources.intake import Taken
from index.types import AddReport, Article, Rejection, make_article
from qa import index_upkeep, source_schedule
from qa.source_schedule import MAX_BACKOFF_SECONDS, RECHECK_AFTER, ScheduledSource, SourceSchedule
from qa.source_status import SourceStatus, SourceStatusFile
from tests.fakes import open_parts

FEED = ScheduledSource("https://news.example/rss", "News", interval_seconds=600, limit=50)
OTHER = ScheduledSource("https://other.example/rss", interval_seconds=60)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class FakeIntake:
    """Gives what was prepared for an address, or one new article each time."""

    prepared: dict[str, list[Taken | Exception]] = field(default_factory=dict)
    calls: list[tuple[str, int, timedelta]] = field(default_factory=list)
    during: Callable[[str], None] = lambda address: None

    @property
    def addresses(self) -> list[str]:
        return [address for address, _, _ in self.calls]

    def take(self, address: str, *, limit: int, recheck_after: timedelta, should_stop: Callable[[], bool]) -> Taken:
        self.calls.append((address, limit, recheck_after))
        self.during(address)
        prepared = self.prepared.get(address)
        result = prepared.pop(0) if prepared else Taken(AddReport(added=1))
        if isinstance(result, Exception):
            raise result
        return result


@dataclass
class FakeCollection:
    """Counts updates; ``busy`` of them fail. ``removed`` are the ids of articles that somebody removed."""

    busy: int = 0
    num_updates: int = 0
    accepted: list[Article] = field(default_factory=list)
    removed: set[str] = field(default_factory=set)
    error: Exception | None = None
    failures: list[Exception] = field(default_factory=list)

    def accept(self, items: Iterable[Article | Rejection]) -> AddReport:
        if self.failures:
            raise self.failures.pop()
        items = list(items)
        articles = [one for one in items if isinstance(one, Article)]
        self.accepted += articles
        return AddReport(added=len(articles), rejected=tuple(one for one in items if isinstance(one, Rejection)))

    def update(self) -> str | None:
        self.num_updates += 1
        if self.error:
            raise self.error
        if self.busy:
            self.busy -= 1
            raise BuilderBusyError("another program builds the index")
        return f"gen-{self.num_updates:06d}"

    def is_removed(self, article_id: str, url: str | None = None) -> bool:
        return article_id in self.removed


@dataclass
class Setting:
    folder: Path
    clock: Clock = field(default_factory=Clock)
    intake: FakeIntake = field(default_factory=FakeIntake)
    collection: FakeCollection = field(default_factory=FakeCollection)
    taken: list[tuple[str, Taken]] = field(default_factory=list)

    def schedule(self, *sources: ScheduledSource, **options: Any) -> SourceSchedule:
        return SourceSchedule(
            sources,
            self.collection,
            self.intake,
            SourceStatusFile(self.folder / "sources.json"),
            on_taken=lambda source, taken: self.taken.append((source.address, taken)),
            **({"clock": self.clock, "jitter": lambda low, high: 1.0} | options),
        )


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    return Setting(tmp_path)


def wait_until(is_true: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + 20
    while not is_true():
        assert time.monotonic() < deadline, f"{what} did not happen in time"
        time.sleep(0.01)


# When


def test_every_source_is_read_at_the_start_and_then_after_its_interval(setting: Setting) -> None:
    schedule = setting.schedule(FEED, OTHER)
    assert schedule.run_due() == 2
    assert schedule.run_due() == 0
    setting.clock.now += 59
    assert schedule.run_due() == 0
    setting.clock.now += 1
    assert schedule.run_due() == 1
    setting.clock.now += 540
    assert schedule.run_due() == 2
    assert setting.intake.addresses == [FEED.address, OTHER.address, OTHER.address, OTHER.address, FEED.address]


def test_a_source_is_read_with_its_own_limit_and_known_pages_are_spared(setting: Setting) -> None:
    setting.schedule(FEED).run_due()
    assert setting.intake.calls == [(FEED.address, 50, RECHECK_AFTER)]


def test_failures_double_the_interval_up_to_six_hours(setting: Setting) -> None:
    setting.intake.prepared[FEED.address] = [Taken(error="down")] * 20
    schedule = setting.schedule(FEED)
    waits = []
    for _ in range(8):
        assert schedule.run_due() == 1
        due_at = datetime.fromisoformat(schedule.status()[0]["next_due"]).timestamp()
        waits.append(due_at - setting.clock.now)
        setting.clock.now = due_at
    assert waits == [1200, 2400, 4800, 9600, 19200, MAX_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS]


def test_a_success_ends_the_back_off(setting: Setting) -> None:
    setting.intake.prepared[FEED.address] = [Taken(error="down"), Taken()]
    schedule = setting.schedule(FEED)
    schedule.run_due()
    assert schedule.status()[0]["num_failures"] == 1
    setting.clock.now += 1200
    schedule.run_due()
    assert (schedule.status()[0]["num_failures"], schedule.status()[0]["last_error"]) == (0, None)
    setting.clock.now += 600
    assert schedule.run_due() == 1


@given(st.floats(60, 1e6), st.integers(0, 10_000), st.floats(0.9, 1.1))
def test_the_delay_is_never_shorter_than_the_interval_nor_endless(
    interval: float, failures: int, chance: float
) -> None:
    schedule = SourceSchedule([], FakeCollection(), FakeIntake(), SourceStatusFile(Path("none")))
    schedule._jitter = lambda low, high: chance
    delay = schedule._delay(ScheduledSource("https://a.example", interval_seconds=interval), failures)
    assert interval * 0.9 <= delay <= max(interval, MAX_BACKOFF_SECONDS) * 1.1


def test_jitter_is_a_tenth_each_way(setting: Setting) -> None:
    asked: list[tuple[float, float]] = []
    setting.schedule(FEED, jitter=lambda low, high: asked.append((low, high)) or high).run_due()
    assert asked == [(0.9, 1.1)]


# What came of it


def test_status_has_the_figures_of_the_last_reading_and_the_totals(setting: Setting) -> None:
    rejected = (Rejection("a", "b"),)
    setting.intake.prepared[FEED.address] = [
        Taken(AddReport(added=3, rejected=rejected)),
        Taken(AddReport(added=1, revised=2, unchanged=2)),
    ]
    schedule = setting.schedule(FEED)
    (before,) = schedule.status()
    assert (before["address"], before["name"], before["last_checked"]) == (FEED.address, "News", None)
    schedule.run_due()
    setting.clock.now += 600
    schedule.run_due()
    (status,) = schedule.status()
    assert [status[key] for key in ("added", "revised", "unchanged", "rejected")] == [1, 2, 2, 0]
    assert (status["total_added"], status["total_revised"]) == (4, 2)
    assert status["last_checked"] == "2023-11-14T22:23:20+00:00"
    assert status["next_due"] == "2023-11-14T22:33:20+00:00"


def test_status_outlives_the_program(setting: Setting) -> None:
    setting.schedule(FEED).run_due()
    (status,) = setting.schedule(FEED).status()
    assert (status["total_added"], status["last_checked"]) == (1, "2023-11-14T22:13:20+00:00")


def test_a_fault_in_one_source_stops_no_other(setting: Setting, caplog: pytest.LogCaptureFixture) -> None:
    setting.intake.prepared = {FEED.address: [ZeroDivisionError("oops")], OTHER.address: [StorageError("disk full")]}
    third = ScheduledSource("https://third.example/")
    schedule = setting.schedule(FEED, OTHER, third)
    assert schedule.run_due() == 3
    assert [one["last_error"] for one in schedule.status()] == [
        "unforeseen ZeroDivisionError: oops",
        "disk full",
        None,
    ]
    assert "could not be read" in caplog.text


# The index


def test_the_index_follows_when_something_came_and_once_at_the_start(setting: Setting) -> None:
    setting.intake.prepared[FEED.address] = [Taken(AddReport(unchanged=1)), Taken(AddReport(unchanged=1)), Taken()]
    schedule = setting.schedule(FEED)
    schedule.run_due()
    assert setting.collection.num_updates == 1
    setting.clock.now += 600
    schedule.run_due()
    assert setting.collection.num_updates == 1
    setting.intake.prepared[FEED.address] = [Taken(AddReport(revised=1))]
    setting.clock.now += 600
    schedule.run_due()
    assert setting.collection.num_updates == 2
    assert setting.taken[-1][1].report.generation == "gen-000002"


def test_a_busy_builder_is_tried_again(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_upkeep, "_BUSY_WAITS_SECONDS", (0.0, 0.0, 0.0))
    setting.collection.busy = 2
    setting.schedule(FEED).run_due()
    assert setting.collection.num_updates == 3
    assert setting.taken[-1][1].report.generation == "gen-000003"


def test_a_builder_busy_for_long_is_tried_again_with_the_next_reading(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_upkeep, "_BUSY_WAITS_SECONDS", ())
    setting.collection.busy = 1
    setting.intake.prepared[OTHER.address] = [Taken(AddReport(unchanged=1)), Taken(AddReport(unchanged=1))]
    schedule = setting.schedule(FEED, OTHER)
    schedule.run_due()
    assert setting.collection.num_updates == 1
    setting.clock.now += 60
    schedule.run_due()
    assert setting.collection.num_updates == 2
    generations = [(address, taken.report.generation) for address, taken in setting.taken]
    assert generations == [(FEED.address, None), (OTHER.address, None), (OTHER.address, "gen-000002")]


def test_an_index_that_cannot_be_written_is_the_sources_error(setting: Setting) -> None:
    setting.collection.error = StorageError("the disk is full")
    schedule = setting.schedule(FEED)
    schedule.run_due()
    assert (schedule.status()[0]["last_error"], schedule.status()[0]["num_failures"]) == ("the disk is full", 0)


def test_an_update_that_failed_is_tried_again_without_a_reading_and_its_error_ends_then(setting: Setting) -> None:
    setting.collection.error = StorageError("the disk is full")
    schedule = setting.schedule(FEED)
    schedule.run_due()
    assert schedule.run_due() == 0
    assert setting.collection.num_updates == 1
    setting.collection.error = None
    assert schedule.status()[0]["last_error"] == "the disk is full"
    setting.clock.now += index_upkeep.FIRST_RETRY_SECONDS
    assert schedule.run_due() == 0
    assert setting.collection.num_updates == 2
    assert schedule.status()[0]["last_error"] is None
    assert SourceStatusFile(setting.folder / "sources.json").load(FEED.address).last_error is None
    setting.clock.now += 60
    schedule.run_due()
    assert setting.collection.num_updates == 2


def test_a_retry_that_finds_all_unchanged_keeps_the_error_while_the_index_is_behind(setting: Setting) -> None:
    setting.intake.prepared[FEED.address] = [Taken(AddReport(added=1)), Taken(AddReport(unchanged=1))]
    setting.collection.error = VerificationError("two probes fail")
    schedule = setting.schedule(FEED)
    schedule.run_due()
    setting.clock.now += 600
    assert schedule.run_due() == 1
    assert (schedule.status()[0]["unchanged"], schedule.status()[0]["last_error"]) == (1, "two probes fail")
    setting.collection.error = None
    setting.clock.now += index_upkeep.MAX_RETRY_SECONDS
    schedule.run_due()
    assert schedule.status()[0]["last_error"] is None


def test_updates_that_fail_are_tried_later_and_later(setting: Setting) -> None:
    setting.collection.error = ZeroDivisionError("oops")
    schedule = setting.schedule(ScheduledSource(FEED.address, interval_seconds=1e6))
    tried_after = []
    for second in range(3000):
        before = setting.collection.num_updates
        schedule.run_due()
        if setting.collection.num_updates > before:
            tried_after.append(second)
        setting.clock.now += 1
    assert tried_after == [0, 10, 30, 70, 150, 310, 630, 1270, 2170]
    assert schedule.status()[0]["last_error"] == "unforeseen ZeroDivisionError: oops"


def test_what_came_in_before_a_reading_broke_is_indexed(setting: Setting) -> None:
    setting.intake.prepared[FEED.address] = [Taken(), StorageError("disk full")]
    schedule = setting.schedule(FEED)
    schedule.run_due()
    setting.clock.now += 600
    schedule.run_due()
    assert setting.collection.num_updates == 2
    assert schedule.status()[0]["last_error"] == "disk full"


def test_what_comes_in_while_the_index_is_updated_is_in_the_next_update(setting: Setting) -> None:
    upkeep = index_upkeep.IndexUpkeep(setting.collection, threading.Event(), setting.clock)
    update = setting.collection.update
    setting.collection.update = lambda: upkeep.mark_behind() or update()  # type: ignore[func-returns-value,method-assign]
    assert upkeep.catch_up()
    assert upkeep.is_behind


def test_duplicates_alone_are_indexed_too(setting: Setting) -> None:
    setting.intake.prepared[FEED.address] = [Taken(), Taken(AddReport(duplicates=1))]
    schedule = setting.schedule(FEED)
    schedule.run_due()
    setting.clock.now += 600
    schedule.run_due()
    assert setting.collection.num_updates == 2


def test_an_update_that_failed_during_a_reading_is_no_error_once_the_last_one_works(setting: Setting) -> None:
    setting.intake.prepared[FEED.address] = [Taken(AddReport(added=2), error="disk full", is_index_error=True)]
    schedule = setting.schedule(FEED)
    schedule.run_due()
    assert (schedule.status()[0]["added"], schedule.status()[0]["last_error"]) == (2, None)
    assert setting.taken[0][1].report.generation == "gen-000001"


def test_articles_are_found_once_an_update_works_again(
    setting: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = open_parts(tmp_path / "data").collection
    update, failures = collection.update, [StorageError("the disk is full")]

    def fragile() -> str | None:
        if failures:
            raise failures.pop()
        return update()

    def accept(address: str) -> None:
        collection.accept([make_article("The pier of Lindby will be rebuilt.", identity="one")])

    monkeypatch.setattr(collection, "update", fragile)
    setting.collection = collection  # type: ignore[assignment]
    setting.intake.during = accept
    schedule = setting.schedule(FEED)
    schedule.run_due()
    assert (collection.snapshot(), schedule.status()[0]["last_error"]) == (None, "the disk is full")
    setting.clock.now += index_upkeep.FIRST_RETRY_SECONDS
    schedule.run_due()
    snapshot = collection.snapshot()
    assert snapshot is not None
    assert (snapshot.manifest.num_articles, schedule.status()[0]["last_error"]) == (1, None)


# In the background


def test_a_slow_source_holds_up_no_other(setting: Setting) -> None:
    go_on = threading.Event()
    setting.intake.during = lambda address: go_on.wait(20) if address == FEED.address else None  # type: ignore[assignment,return-value]
    schedule = setting.schedule(FEED, OTHER)
    schedule.start()
    wait_until(lambda: OTHER.address in [address for address, _ in setting.taken], "the other's reading")
    assert FEED.address not in [address for address, _ in setting.taken]
    go_on.set()
    wait_until(lambda: len(setting.taken) == 2, "the slow reading")
    schedule.stop()


def test_no_source_is_read_twice_at_once(setting: Setting) -> None:
    running: list[str] = []

    def during(address: str) -> None:
        assert address not in running
        running.append(address)
        time.sleep(0.05)
        running.remove(address)

    setting.intake.during = during
    fast = ScheduledSource(FEED.address, interval_seconds=0.001)
    schedule = setting.schedule(fast, OTHER, clock=time.time)
    schedule.start()
    wait_until(lambda: setting.intake.addresses.count(FEED.address) > 3, "several readings")
    schedule.stop()
    assert all(taken.error is None for _, taken in setting.taken)


def test_stopping_is_quick_even_while_a_page_is_fetched(setting: Setting) -> None:
    setting.intake.during = lambda address: time.sleep(3)
    schedule = setting.schedule(FEED)
    schedule.start()
    wait_until(lambda: setting.intake.calls, "the reading")
    began = time.monotonic()
    schedule.stop(timeout_seconds=0.2)
    assert time.monotonic() - began < 1


def test_waiting_ends_with_stopping(setting: Setting) -> None:
    schedule = setting.schedule()
    waiter = threading.Thread(target=schedule.wait)
    waiter.start()
    schedule.stop()
    waiter.join(5)
    assert not waiter.is_alive()


# Folders


@pytest.fixture
def news(tmp_path: Path) -> Path:
    folder = tmp_path / "news"
    folder.mkdir()
    (folder / "one.txt").write_text("The pier of Lindby will be rebuilt.")
    return folder


@pytest.fixture
def running() -> Iterator[list[SourceSchedule]]:
    schedules: list[SourceSchedule] = []
    yield schedules
    for schedule in schedules:
        schedule.stop()


def test_a_folders_files_are_taken_and_followed(setting: Setting, news: Path, running: list[SourceSchedule]) -> None:
    schedule = setting.schedule(ScheduledSource(str(news)))
    running.append(schedule)
    schedule.start()
    wait_until(lambda: len(setting.collection.accepted) == 1, "the first file")
    (news / "two.txt").write_text("The bridge of Norby is closed.")
    (news / "bad.xyz").write_text("?")
    wait_until(lambda: len(setting.taken) >= 2 and len(setting.collection.accepted) == 2, "the second file")
    wait_until(lambda: sum(len(taken.report.rejected) for _, taken in setting.taken) == 1, "the bad file")
    assert schedule.run_due() == 0
    (status,) = schedule.status()
    assert (status["total_added"], status["next_due"], status["last_error"]) == (2, None, None)


def test_a_removed_article_is_not_brought_back_by_its_file(
    setting: Setting, news: Path, running: list[SourceSchedule]
) -> None:
    path = news / "one.txt"
    setting.collection.removed = {make_article("x", identity=f"file:{path.resolve()}").article_id}
    schedule = setting.schedule(ScheduledSource(str(news)))
    running.append(schedule)
    schedule.start()
    wait_until(lambda: setting.taken, "the reading")
    assert setting.collection.accepted == []
    assert "was removed" in setting.taken[0][1].report.rejected[0].reason


def test_files_that_could_not_be_stored_are_tried_again(
    setting: Setting, news: Path, running: list[SourceSchedule], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SourceSchedule, "_delay", lambda self, source, failures: 0.05)
    setting.collection.failures = [StorageError("the disk is full")] * 2
    schedule = setting.schedule(ScheduledSource(str(news)))
    running.append(schedule)
    schedule.start()
    wait_until(lambda: setting.collection.accepted, "the file")
    wait_until(lambda: len(setting.taken) == 3, "three readings")
    assert [taken.error for _, taken in setting.taken] == ["the disk is full", "the disk is full", None]


def test_a_folder_that_is_not_there_yet_is_watched_once_it_is(
    setting: Setting, news: Path, running: list[SourceSchedule], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SourceSchedule, "_delay", lambda self, source, failures: 0.05)
    elsewhere = news.with_name("later")
    schedule = setting.schedule(ScheduledSource(str(elsewhere)))
    running.append(schedule)
    schedule.start()
    wait_until(lambda: "is no folder" in str(schedule.status()[0]["last_error"]), "the error")
    news.rename(elsewhere)
    wait_until(lambda: setting.collection.accepted, "the file")
    wait_until(lambda: schedule.status()[0]["last_error"] is None, "the recovery")


def test_a_folder_that_cannot_be_watched_says_so_and_is_tried_again(
    setting: Setting, news: Path, running: list[SourceSchedule], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SourceSchedule, "_delay", lambda self, source, failures: 0.05)
    failures: list[Exception] = [ValueError("oops"), OSError(28, "OS file watch limit reached")]
    watch_folder = folder_watch.watch_folder

    def fragile(folder: Path, stop: threading.Event) -> Iterator[list[Path | Rejection]]:
        if failures:
            raise failures.pop()
        yield from watch_folder(folder, stop)

    monkeypatch.setattr(source_schedule, "watch_folder", fragile)
    schedule = setting.schedule(ScheduledSource(str(news)))
    running.append(schedule)
    schedule.start()
    wait_until(lambda: setting.collection.accepted, "the file")
    wait_until(lambda: len(setting.taken) == 3, "three readings")
    assert schedule.status()[0]["last_error"] is None
    limit, unforeseen, none = [taken.error or "" for _, taken in setting.taken]
    assert "watch limit reached" in limit
    assert "max_user_watches" in limit
    assert "unforeseen ValueError: oops" in unforeseen
    assert none == ""


def test_a_folder_alone_has_its_failed_update_tried_again(
    setting: Setting, news: Path, running: list[SourceSchedule], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_schedule, "_LOOK_SECONDS", 0.02)
    setting.collection.error = StorageError("the disk is full")
    schedule = setting.schedule(ScheduledSource(str(news)))
    running.append(schedule)
    schedule.start()
    wait_until(lambda: schedule.status()[0]["last_error"] == "the disk is full", "the error")
    setting.collection.error = None
    setting.clock.now += index_upkeep.MAX_RETRY_SECONDS
    wait_until(lambda: schedule.status()[0]["last_error"] is None, "the recovery")


# The file of statuses


def test_a_damaged_file_of_statuses_is_begun_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "sources.json"
    for content in ("{", "[3]", '{"a": 1}', '[{"name": "x"}]', "\x00"):
        path.write_text(content)
        assert SourceStatusFile(path).load("https://a.example") == SourceStatus("https://a.example")
    assert "begun anew" in caplog.text


def test_statuses_of_other_sources_and_later_versions_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "sources.json"
    path.write_text('[{"address": "https://a.example", "total_added": 7, "a_new_key": 1}]')
    file = SourceStatusFile(path)
    file.save(SourceStatus("https://b.example"))
    assert file.load("https://a.example", "A").total_added == 7
    shown = file.show([("https://a.example", "A"), ("https://c.example", None)])
    assert [one["address"] for one in shown] == ["https://a.example", "https://c.example"]


def test_a_status_that_cannot_be_written_is_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "sources.json").mkdir()
    SourceStatusFile(tmp_path / "sources.json").save(SourceStatus("https://a.example"))
    assert "was not noted" in caplog.text
