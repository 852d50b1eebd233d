"""The fuzzing script: its seeds are sound, it says what it lacks, and what it found is kept fixed."""

from __future__ import annotations

import importlib.util
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from index.readers import docx, eml, html, pdf, read_bytes
from index.readers.apart_worker import parse
from index.sources.feed import parse_feed
from index.types import Article
from scripts import fuzz
from scripts.fuzz_samples import samples

_READERS = {"html": ".html", "pdf": ".pdf", "docx": ".docx", "eml": ".eml", "text": ".txt", "markdown": ".md"}
_READERS |= {"json": ".json", "jsonl": ".jsonl", "front_matter": ".md"}


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for reader in (docx, eml, html, pdf):
        monkeypatch.setattr(reader, "parse_apart", parse)


def _run(*arguments: str) -> tuple[int, str]:
    app = Typer()
    app.command()(fuzz.main)
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


def test_every_kind_has_seeds() -> None:
    assert tuple(samples()) == fuzz.KINDS


@pytest.mark.parametrize("kind", _READERS)
def test_every_seed_is_read_as_articles(kind: str, in_process: None) -> None:
    for seed in samples()[kind]:
        results = list(read_bytes(f"seed{_READERS[kind]}", seed))
        assert results
        assert all(isinstance(result, Article) for result in results), results


def test_a_long_feed_title_is_cut_to_a_clean_line() -> None:
    """Found by fuzzing feeds: the cut left a space at the end."""
    item = f"<item><title>{'x' * 299} y</title><link>https://x.example/1</link></item>"
    data = f"<rss version='2.0'><channel><title>{'z' * 299} y</title>{item}</channel></rss>".encode()
    found = parse_feed(data, url="https://x.example/feed", now=datetime(2024, 6, 1, tzinfo=UTC))
    assert (found.title, found.entries[0].title) == ("z" * 299, "x" * 299)


def test_without_the_fuzzer_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    code, output = _run("pdf", "--corpus", str(tmp_path))
    assert code == 1
    assert "pip install atheris" in output
    assert not list(tmp_path.iterdir())


def test_an_unknown_kind_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    code, output = _run("exe", "--corpus", str(tmp_path))
    assert code == 1
    assert "'exe' cannot be fuzzed" in output
    assert "html" in output


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="needs atheris, which is installed by hand")
def test_a_short_run_counts_its_executions(tmp_path: Path) -> None:
    code, output = _run("json", "--corpus", str(tmp_path), "--seconds", "5")
    assert code == 0, output
    assert "json: " in output
    assert "0 findings" in output
    assert len(list((tmp_path / "json").iterdir())) > 2
