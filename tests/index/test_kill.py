"""A process killed at any moment of adding and rebuilding loses nothing it acknowledged and breaks nothing."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.retriever import Retriever
from tests.fakes import numbered_article, open_parts
from tests.index.kill_child import NUM_ARTICLES, PASSAGES_PER_BATCH, REMOVED, REVISED, RecordingEmbedder

_NUM_KILLS = 50
_ROOT = Path(__file__).parents[2]


class _Workers:
    """Starts workers and kills them."""

    def __init__(self) -> None:
        environment = os.environ | {"PYTHONPATH": str(_ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.index.kill_child"],
            cwd=_ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, folder: Path, *, kill_after_seconds: float | None = None, suicide: int = 0) -> tuple[int, int]:
        """The exit status, which is 0 or -SIGKILL, and the number of renames."""
        worker = int(self._ask(f"{suicide} {folder}"))
        if kill_after_seconds is not None:
            time.sleep(kill_after_seconds)
            os.kill(worker, signal.SIGKILL)  # a finished one is still there until its status is asked for
        status, num_renames = self._ask("").split()
        return int(status), int(num_renames)

    def _ask(self, line: str) -> str:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(f"{line}\n")
        self._server.stdin.flush()
        return self._server.stdout.readline()

    def close(self) -> None:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.stdout.close()
        self._server.wait(30)


@pytest.fixture
def workers() -> Iterator[_Workers]:
    workers = _Workers()
    yield workers
    workers.close()


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
def test_nothing_acknowledged_is_lost_by_a_kill_at_any_moment(workers: _Workers, tmp_path: Path) -> None:
    chance = random.Random(50)
    num_killed = 0
    started = time.monotonic()
    assert workers.run(tmp_path / "whole")[0] == 0
    whole_run_seconds = time.monotonic() - started
    _assert_nothing_lost(tmp_path / "whole")
    stages: Counter[str] = Counter()
    for kill in range(_NUM_KILLS):
        folder = tmp_path / f"kill{kill}"
        started = time.monotonic()
        # Spread over the whole run, which takes more or less long as the machine is busy.
        moment = whole_run_seconds * (kill + chance.random()) / _NUM_KILLS
        status, _ = workers.run(folder, kill_after_seconds=moment)
        if status == 0:
            whole_run_seconds = min(whole_run_seconds, time.monotonic() - started)
        assert status in (0, -signal.SIGKILL)
        num_killed += status == -signal.SIGKILL
        stages[(_lines(folder / "acknowledged") or ["nothing"])[-1]] += 1
        _assert_nothing_lost(folder)
        shutil.rmtree(folder)
    assert num_killed >= _NUM_KILLS // 2
    assert len(stages) >= 8, f"the kills did not spread over the run: {stages}"


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_by_a_kill_before_any_rename(workers: _Workers, tmp_path: Path) -> None:
    status, num_renames = workers.run(tmp_path / "whole")
    assert status == 0
    assert num_renames >= 20  # five generations, each with a manifest, its hash, the folder's name and CURRENT
    for rename in range(1, num_renames + 1):
        folder = tmp_path / f"rename{rename}"
        assert workers.run(folder, suicide=rename) == (-signal.SIGKILL, rename - 1)
        _assert_nothing_lost(folder)
        shutil.rmtree(folder)
