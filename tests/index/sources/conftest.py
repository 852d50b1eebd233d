"""What the tests of sources share; knows nothing of what they test."""

from __future__ import annotations

from pathlib import Path

import pytest

from index.sources import feed, sitemap
from index.sources.fetch_log import FetchLog
from tests.fakes import Parts, open_parts
from tests.index.sources.fakes import FakeWeb, parse_here


@pytest.fixture
def parsed_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process for each feed; tests/index/sources/test_parsing.py has those with one."""
    monkeypatch.setattr(feed, "parse_apart", parse_here)
    monkeypatch.setattr(sitemap, "parse_apart", parse_here)


@pytest.fixture
def web() -> FakeWeb:
    return FakeWeb()


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return open_parts(tmp_path)


@pytest.fixture
def fetch_log(parts: Parts) -> FetchLog:
    return FetchLog(parts.database)
