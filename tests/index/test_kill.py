"""A process killed at any moment of adding and rebuilding loses nothing it acknowledged and breaks nothing."""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.retriever import Retriever
from tests.fakes import numbered_article, open_parts
from tests.index.kill_child import NUM_ARTICLES, PASSAGES_PER_BATCH, REMOVED, REVISED, RecordingEmbedder
from tests.torture.workers import Workers

_NUM_KILLS = 20  # tests/torture has the many


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    with Workers(tmp_path / "workers.log") as workers:
        yield workers


def _run(
    workers: Workers, folder: Path, *, kill_after_seconds: float | None = None, suicide: int = 0
) -> tuple[int, int]:
    """The exit status, which is 0 or -SIGKILL, and the number of renames if it came to its end."""
    worker = workers.start("work-through", folder=str(folder), suicide=suicide)
    worker.receive()
    worker.channel.send(go=True)
    if kill_after_seconds is not None:
        time.sleep(kill_after_seconds)
        worker.kill()
    end = worker.receive()
    return worker.wait(), end["num_renames"] if end is not None else 0


def _lines(record: Path) -> list[str]:
    return record.read_text().splitlines() if record.exists() else []


def _assert_nothing_lost(folder: Path) -> None:
    """Open what a killed worker left: first as it is, then after one update."""
    acknowledged = _lines(folder / "acknowledged")
    parts = open_parts(folder, embedder=RecordingEmbedder(folder), keep=2)
    collection = parts.collection
    snapshot = collection.snapshot()  # verified, or it would not open
    assert collection.problem is None
    assert collection.check().problems == ()
    indexed = [line.split()[1] for line in acknowledged if line.startswith("indexed")]
    if indexed:
        assert snapshot is not None
        assert snapshot.generation >= indexed[-1]
    live = {r.article.article_id: r.article for r in collection.articles(limit=1000)[0]}
    may_be_gone = {REMOVED} if "removing" in acknowledged else set()
    for number in [int(line.split()[1]) for line in acknowledged if line.startswith("accepted")]:
        assert numbered_article(number).article_id in live or number in may_be_gone
    if "removed" in acknowledged:
        assert numbered_article(REMOVED).article_id not in live
    if "revised" in acknowledged:
        assert live[numbered_article(REVISED).article_id] == numbered_article(REVISED, version=2)

    collection.update()
    assert sorted(p.name for p in parts.generations.folder.glob(".*")) in ([], [".builder.lock"])
    if live:
        snapshot = collection.snapshot()
        assert snapshot is not None
        passages = snapshot.all_passages()
        assert {passage.article_id for passage in passages} == set(live)
        assert all(live[p.article_id].text[p.start : p.end] == p.text for p in passages)
        retriever = Retriever(parts.embedder)
        for number in range(NUM_ARTICLES):
            article_id = numbered_article(number).article_id
            if article_id in live:
                best = retriever.retrieve(snapshot, f"Who objected to subject{number}?", 1)[0]
                assert best.passage.article_id == article_id
    twice = [text for text, count in Counter(_lines(folder / "embedded")).items() if count > 1]
    assert len(twice) <= PASSAGES_PER_BATCH
    assert collection.check().problems == ()


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_by_a_kill_at_any_moment(workers: Workers, tmp_path: Path) -> None:
    chance = random.Random(20)
    num_killed = 0
    started = time.monotonic()
    assert _run(workers, tmp_path / "whole")[0] == 0
    whole_run_seconds = time.monotonic() - started
    _assert_nothing_lost(tmp_path / "whole")
    stages: Counter[str] = Counter()
    for kill in range(_NUM_KILLS):
        folder = tmp_path / f"kill{kill}"
        started = time.monotonic()
        # Spread over the whole run, which takes more or less long as the machine is busy.
        moment = whole_run_seconds * (kill + chance.random()) / _NUM_KILLS
        status, _ = _run(workers, folder, kill_after_seconds=moment)
        if status == 0:
            whole_run_seconds = min(whole_run_seconds, time.monotonic() - started)
        assert status in (0, -signal.SIGKILL)
        num_killed += status == -signal.SIGKILL
        stages[(_lines(folder / "acknowledged") or ["nothing"])[-1]] += 1
        _assert_nothing_lost(folder)
        shutil.rmtree(folder)
    assert num_killed >= _NUM_KILLS // 2
    assert len(stages) >= 6, f"the kills did not spread over the run: {stages}"


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_by_a_kill_before_any_rename(workers: Workers, tmp_path: Path) -> None:
    status, num_renames = _run(workers, tmp_path / "whole")
    assert status == 0
    assert num_renames >= 20  # five generations, each with a manifest, its hash, the folder's name and CURRENT
    for rename in range(1, num_renames + 1):
        folder = tmp_path / f"rename{rename}"
        assert _run(workers, folder, suicide=rename) == (-signal.SIGKILL, 0)
        _assert_nothing_lost(folder)
        shutil.rmtree(folder)
