"""What is said of an index's size, speed and recall is so, for indexes small enough to know the truth."""

from __future__ import annotations

import mmap
from pathlib import Path

import numpy as np
import pytest

from index.dense import DenseIndex
from index.snapshot import Snapshot
from qa.evaluation.size_figures import evict, measure_queries, memory_mib, plot, recall
from tests.fakes import HashEmbedder, Parts, numbered_articles, open_parts

_QUESTIONS = [f"Who objected to subject{number} in place{number}?" for number in range(12)]


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    parts = open_parts(tmp_path_factory.mktemp("grown"))
    parts.collection.add(numbered_articles(40))
    return parts


def _vectors() -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.stack([HashEmbedder().embed_query(question) for question in _QUESTIONS])


def test_figures_of_an_exact_index(grown: Parts) -> None:
    figures = measure_queries(grown.live_folder, grown.folder / "library.sqlite", _QUESTIONS, _vectors())
    assert figures["num_passages"] == 120
    assert figures["recall_at_10"] == 1.0
    assert figures["bytes"]["dense"] > 120 * 64 * 4
    assert figures["bytes"]["all"] > figures["bytes"]["dense"] + figures["bytes"]["lexical"]
    times = figures["milliseconds"]
    assert set(times) == {"dense", "lexical", "fusion", "fetch", "together", "together, half of the days"}
    assert all(0 < some["p50"] <= some["p95"] for some in times.values())
    assert times["together"]["p50"] > times["dense"]["p50"]
    assert figures["memory_mib"]["asked"]["all"] > 0


def test_recall_counts_what_an_index_does_not_find(grown: Parts) -> None:
    snapshot = Snapshot(grown.live_folder, title_weight=0.2)
    rows = snapshot.dense.rows.copy()
    rows["passage_id"][::2] = ~rows["passage_id"][::2]
    half = DenseIndex(snapshot.dense.parts, rows, snapshot.dense.info)
    library = grown.folder / "library.sqlite"
    found = recall(half, snapshot.lexical, library, snapshot.manifest.embedder, _vectors())
    assert 0.2 < found < 0.8
    assert recall(snapshot.dense, snapshot.lexical, library, snapshot.manifest.embedder, _vectors()) == 1.0


def test_what_was_evicted_can_be_read_again(grown: Parts) -> None:
    evict(grown.live_folder)
    assert Snapshot(grown.live_folder, title_weight=0.2).num_passages == 120


def test_memory_is_of_this_process() -> None:
    before = memory_mib()
    # From the system: an array may get what this process had and does not use any more.
    block = mmap.mmap(-1, 32 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    block.write(b"x" * len(block))
    after = memory_mib()
    assert after["own"] - before["own"] == pytest.approx(len(block) / (1 << 20), abs=4)
    assert after["all"] >= after["own"] + after["files"] - 1


def test_the_plot_is_a_picture(tmp_path: Path) -> None:
    parts = {name: {"p50": 1.0, "p95": 2.0} for name in ("dense", "lexical", "together")}
    figures = [
        {
            "grow": {"arrivals": [{"accept": {"seconds": 0.1}, "update": {"seconds": float(size)}}]},
            "add": {"running": {"seconds": 0.5}, "fresh_seconds": 1.0},
            "query": {
                "num_passages": size,
                "open_seconds": {"cold": 0.2, "warm": 0.1},
                "milliseconds": parts,
                "memory_mib": {"asked": {"all": 3.0, "own": 2.0, "files": 1.0}},
            },
        }
        for size in (1_000, 3_000)
    ]
    plot(tmp_path / "sizes.png", figures)
    assert (tmp_path / "sizes.png").read_bytes().startswith(b"\x89PNG")
