"""The process that parses feeds and sitemaps: its answers, and what stops it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from index import child_process
from index.errors import BadInputError
from index.readers.limits import DEFAULT_LIMITS
from index.sources.feed import parse_feed
from index.sources.parsing import parse_apart
from index.sources.sitemap import parse_sitemap
from tests.index.sources.fakes import NOW, SITE, item, rss
from tests.index.sources.test_feed import BOMB

URLSET = b"<urlset><url><loc>https://news.example/1</loc></url></urlset>"


def test_feeds_and_sitemaps_come_back_from_the_process() -> None:
    feed = parse_feed(rss(item("/1", "Größe \U0001f600")), url=f"{SITE}/rss", now=NOW)
    assert [(entry.url, entry.title) for entry in feed.entries] == [(f"{SITE}/1", "Größe \U0001f600")]
    sitemap = parse_sitemap(URLSET, url=f"{SITE}/sitemap.xml", now=NOW)
    assert [entry.url for entry in sitemap.entries] == [f"{SITE}/1"]


def test_a_bomb_costs_nothing_and_opens_nothing() -> None:
    (entry,) = parse_feed(BOMB, url=f"{SITE}/rss", now=NOW).entries
    assert len(entry.title or "") < 100


def test_what_cannot_be_parsed_says_so() -> None:
    with pytest.raises(BadInputError, match="the sitemap cannot be parsed: it lists no addresses"):
        parse_sitemap(b"<urlset></urlset>", url=SITE, now=NOW)


def test_a_parser_that_takes_too_long_is_stopped() -> None:
    limits = replace(DEFAULT_LIMITS, max_document_seconds=0.01)
    with pytest.raises(BadInputError, match=r"takes more than 0\.01 seconds"):
        parse_apart("feed", rss(), url=SITE, charset=None, limits=limits)


@pytest.mark.skipif(os.name == "nt", reason="memory is capped on POSIX systems only")
def test_a_parser_that_takes_too_much_memory_is_stopped() -> None:
    limits = replace(DEFAULT_LIMITS, max_parser_memory_bytes=60 << 20)
    body = rss(*(item(f"/{number}", "x" * 1000) for number in range(30_000)))
    with pytest.raises(BadInputError, match="out of memory or crashed"):
        parse_apart("feed", body, url=SITE, charset=None, limits=limits)


@pytest.mark.skipif(os.name == "nt", reason="processor time is capped on POSIX systems only")
@pytest.mark.timeout(60)
@pytest.mark.slow  # its time is told in whole seconds
def test_a_parser_whose_parent_is_gone_ends_by_itself() -> None:
    script = (
        "import sys; from index.sources import parse_worker\n"
        "def forever(body):\n"
        "    while True: pass\n"
        "parse_worker.read_sitemap = forever\n"
        "sys.argv = ['parse_worker', str(1 << 30), '0.1']\n"
        "parse_worker.main()"
    )
    task = b'{"kind": "sitemap"}\n<urlset/>'
    assert subprocess.run([sys.executable, "-c", script], input=task, timeout=50, check=False).returncode < 0


def test_the_process_is_told_its_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[bytes]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 0, stdout=b"{}")

    monkeypatch.setattr(child_process.subprocess, "run", run)
    limits = replace(DEFAULT_LIMITS, max_parser_memory_bytes=5, max_document_seconds=7.5)
    parse_apart("feed", b"", url=SITE, charset=None, limits=limits)
    assert commands[0][-2:] == ["5", "7.5"]
