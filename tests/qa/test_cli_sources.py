"""Web addresses and watched sources on the command line, over real data folders with a fake web and embedder."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from index.errors import BadInputError, StorageError, TransientFetchError
from index.sources.fetch_log import FetchLog, FetchRecord
from qa import composition
from qa.cli import articles
from qa.config import load_config
from qa.source_schedule import ScheduledSource, SourceSchedule
from tests.index.sources.fakes import SITE, FakeWeb, article_html, item, rss
from tests.qa.helpers import CommandLine

pytestmark = pytest.mark.slow

FEED = f"{SITE}/rss.xml"


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> FakeWeb:
    """A feed of two articles, and a third page by itself."""
    web = FakeWeb()
    for number, place in enumerate(("Lindby", "Norby", "Sundby"), start=1):
        web.put(f"{SITE}/{number}", article_html(place), etag=f'"{place}"')
    web.put(FEED, rss(item("/1"), item("/2"), item("/gone")), etag='"feed"')
    monkeypatch.setattr(composition, "build_fetcher", lambda config: web)
    return web


def figures(report: dict[str, Any]) -> tuple[int, int, int, int]:
    return report["added"], report["revised"], report["unchanged"], len(report["rejected"])


def configure(*tables: str) -> None:
    Path("article-qa.toml").write_text("\n".join(f"[[sources]]\n{table}" for table in tables))


# add


def test_add_takes_pages_feeds_and_files_together(cli: CommandLine, web: FakeWeb) -> None:
    Path("letter.txt").write_text("A letter about the pier of Ekby, which nobody repairs.")
    report = cli.json("add", FEED, f"{SITE}/3?utm_source=mail", "letter.txt")
    assert figures(report) == (4, 0, 0, 1)
    assert report["rejected"][0]["item"] == f"{SITE}/gone"
    assert report["generation"] == "gen-000001"
    assert cli.json("status")["num_articles"] == 4
    assert cli.json("search", "pier of Sundby")["passages"][0]["url"] == f"{SITE}/3"


def test_adding_a_feed_again_changes_nothing_and_asks_conditionally(cli: CommandLine, web: FakeWeb) -> None:
    cli.json("add", FEED)
    web.asked.clear()
    assert figures(cli.json("add", FEED)) == (0, 0, 2, 1)
    assert [asked.etag for asked in web.asked] == [None, '"Lindby"', '"Norby"', None]


def test_a_removed_page_comes_back_only_by_its_own_address(cli: CommandLine, web: FakeWeb) -> None:
    cli.json("add", FEED)
    gone = cli.json("search", "pier of Norby")["passages"][0]
    cli.json("remove", gone["article_id"])
    web.put(f"{SITE}/2", article_html("Norby once more"))
    assert figures(cli.json("add", FEED)) == (0, 0, 1, 2)
    assert figures(cli.json("add", f"{SITE}/2")) == (1, 0, 0, 0)


def test_an_address_that_fails_is_one_line_and_a_failure(cli: CommandLine, web: FakeWeb) -> None:
    web.pages[FEED] = TransientFetchError("the server is busy")
    result = cli("add", FEED)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line == f"rejected: {FEED}: try again later: the server is busy"


def test_an_address_that_breaks_midway_costs_nothing_that_was_taken_before(
    cli: CommandLine, web: FakeWeb, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("letter.txt").write_text("A letter about the pier of Ekby, which nobody repairs.")
    put = FetchLog.put

    def fragile(log: FetchLog, record: FetchRecord) -> None:
        if record.url == f"{SITE}/2":
            raise StorageError("the disk is full; free some space")
        put(log, record)

    monkeypatch.setattr(FetchLog, "put", fragile)
    result = cli("add", "letter.txt", f"{SITE}/3", FEED, "--report", "report.json")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == ["error: the disk is full; free some space"]
    report = json.loads(Path("report.json").read_text())
    assert (report["generation"], report["error"]) == ("gen-000001", "the disk is full; free some space")
    # The letter, the page, and the feed's first page; the one that broke is found, too.
    assert (report["totals"]["added"], [one["outcome"] for one in report["items"]]) == (3, ["added"] * 3)
    assert cli.json("status")["num_articles"] == 4
    assert cli.json("search", "pier of Ekby")["passages"][0]["text"].startswith("A letter")


def test_a_long_feed_is_cut_with_a_note(cli: CommandLine, web: FakeWeb) -> None:
    links = [f"https://many.example/{number}" for number in range(300)]
    web.pages |= {link: TransientFetchError("slow") for link in links}
    web.put(FEED, rss(*map(item, links)))
    result = cli("add", FEED)
    assert result.stderr.startswith(f"note: {FEED}: the feed lists 300 articles; the newest 200 are read\n")


# [[sources]]


def test_sources_are_configured_with_defaults(cli: CommandLine) -> None:
    config = load_config(
        environment={}, file=_file('[[sources]]\naddress = "news"\n[[sources]]\naddress = "b"\nlimit = 5')
    )
    assert composition.configured_sources(config) == (
        ScheduledSource("news", None, 900.0, 200),
        ScheduledSource("b", None, 900.0, 5),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('address = ""', "sources.0.address"),
        ('address = "a"\ninterval_minutes = 0.5', "interval_minutes"),
        ('address = "a"\nlimit = 0', "limit"),
        ('address = "a"\nurl = "b"', "sources.0.url"),
        ('address = "a"\n[[sources]]\naddress = "a"', "twice"),
        ('address = "a"\n[fetch]\nallowed_networks = ["10.0.0.1/8"]', "allowed_networks"),
        ('address = "a"\n[fetch]\nmax_mb = 0', "max_mb"),
    ],
)
def test_wrong_sources_are_named(text: str, message: str, cli: CommandLine) -> None:
    configure(text)
    assert message in cli.error("status")


def _file(text: str) -> Path:
    path = Path("named.toml")
    path.write_text(text)
    return path


def test_the_fetchers_limits_come_from_the_configuration(cli: CommandLine) -> None:
    config = load_config(
        environment={}, file=_file('[fetch]\ntimeout_seconds = 3\nmax_mb = 20\nallowed_networks = ["10.0.0.0/8"]')
    )
    fetcher = composition.build_fetcher(config.fetch)._fetcher  # type: ignore[attr-defined]
    assert (fetcher.limits.total_seconds, fetcher.limits.max_bytes) == (3, 20 << 20)
    assert fetcher.limits.max_wire_bytes > fetcher.limits.max_bytes
    assert [str(network) for network in fetcher.policy.allowed_networks] == ["10.0.0.0/8"]


# status


def test_status_shows_the_configured_sources(cli: CommandLine, web: FakeWeb, tmp_path: Path) -> None:
    assert cli.json("status")["sources"] == []
    configure(f'address = "{FEED}"\nname = "Lindby News"', 'address = "elsewhere"')
    (feed, folder) = cli.json("status")["sources"]
    assert (feed["address"], feed["name"], feed["last_checked"], folder["added"]) == (FEED, "Lindby News", None, 0)
    lines = cli("status").stdout.splitlines()
    assert "source Lindby News: not read yet" in lines
    watch_until(cli, lambda: Path("var/sources.json").exists(), FEED)
    (feed, _) = cli.json("status")["sources"]
    assert (feed["added"], feed["rejected"], feed["last_error"]) == (2, 1, None)
    assert feed["next_due"] > feed["last_checked"]
    assert any(
        line.startswith("source Lindby News: read 2") and "2 added" in line
        for line in cli("status").stdout.splitlines()
    )


# watch


def watch_until(cli: CommandLine, is_done: Callable[[], bool], *arguments: str) -> Any:
    """Run `watch` until something has happened, then interrupt it."""
    schedules: list[SourceSchedule] = []
    build = composition.build_schedule

    def remembered(*values: Any) -> SourceSchedule:
        schedules.append(build(*values))
        return schedules[0]

    def stop_in_time() -> None:
        deadline = time.monotonic() + 30
        try:
            while not (schedules and is_done()) and time.monotonic() < deadline:
                time.sleep(0.02)
        finally:
            schedules[0].stop()

    stopper = threading.Thread(target=stop_in_time)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(articles, "build_schedule", remembered)
        stopper.start()
        result = cli("watch", *arguments)
        stopper.join()
    assert is_done(), result.output
    return result


def test_watch_takes_a_folder_and_what_comes_into_it(cli: CommandLine) -> None:
    folder = Path("news")
    folder.mkdir()
    (folder / "one.txt").write_text("The pier of Lindby will be rebuilt.")

    def is_done() -> bool:
        path = Path("var/sources.json")
        num_added = json.loads(path.read_text())[0]["total_added"] if path.exists() else 0
        if num_added == 1 and not (folder / "two.txt").exists():
            (folder / "two.txt").write_text("The pier of Norby burnt down.")
        return bool(num_added == 2)

    result = watch_until(cli, is_done, "news")
    assert [line[:7] for line in result.stdout.splitlines()] == ["1 added", "1 added"]
    assert len(cli.json("search", "pier")["passages"]) == 2


def test_watch_without_a_name_reads_all_configured_sources(cli: CommandLine, web: FakeWeb) -> None:
    web.pages[f"{SITE}/down.xml"] = TransientFetchError("busy")
    configure(f'address = "{FEED}"', f'address = "{SITE}/down.xml"')

    def is_done() -> bool:
        path = Path("var/sources.json")
        return path.exists() and len(json.loads(path.read_text())) == 2

    result = watch_until(cli, is_done, "--json")
    reports = [json.loads(line) for line in result.stdout.splitlines()]
    assert sorted(figures(report) for report in reports) == [(0, 0, 0, 1), (2, 0, 0, 1)]


def test_watching_nothing_is_one_line(cli: CommandLine) -> None:
    assert "configure [[sources]]" in cli.error("watch")


# serve


def test_served_sources_are_the_configured_and_the_named(cli: CommandLine) -> None:
    Path("news").mkdir()
    config = load_config(environment={}, file=_file(f'[[sources]]\naddress = "{FEED}"\nlimit = 7'))
    assert [one.address for one in articles.served_sources(config, [])] == [FEED]
    served = articles.served_sources(config, ["news", FEED, "news"])
    assert [(one.address, one.limit) for one in served] == [(FEED, 7), ("news", 200)]
    with pytest.raises(BadInputError, match="missing is no folder"):
        articles.served_sources(config, ["missing"])
