"""Measures one generation of any size: opening, searching, memory, recall; and plots figures of several sizes.

Knows nothing of how a generation was made.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from index.dense import DenseIndex
from index.lexical import LexicalIndex
from index.manifest import list_files, read_manifest
from index.passage_feed import embedding_input
from index.retriever import FusionSettings, Retriever, fuse
from index.snapshot import LEXICAL, Snapshot, open_dense
from index.types import Filters, FloatArray

_DEPTH = 60
_NUM_READ = 20
_RECALL_DEPTH = 10
_NUM_WARM_UP = 100
_NUM_TIMED = 500
_TITLE_WEIGHT = 0.2
_VECTORS_AT_ONCE = 20_000


class KnownQuestions:
    """A :class:`index.embedder.QueryEmbedder` of questions with known vectors; embedding one takes some 4 ms more."""

    def __init__(self, model_id: str, questions: Sequence[str], vectors: FloatArray) -> None:
        self.model_id = model_id
        self._vectors = dict(zip(questions, vectors, strict=True))

    def embed_query(self, text: str) -> FloatArray:
        vector: FloatArray = self._vectors[text]
        return vector


def measure_queries(folder: Path, library: Path, questions: Sequence[str], vectors: FloatArray) -> dict[str, Any]:
    """Open a generation twice, ask, and compare with exact search.

    :param library: The file whose cached embeddings are the exact vectors.
    :param vectors: (q, dim) of the questions.
    """
    before = memory_mib()
    evict(folder)
    started = time.perf_counter()
    snapshot = Snapshot(folder, title_weight=_TITLE_WEIGHT)
    cold = time.perf_counter() - started
    del snapshot
    started = time.perf_counter()
    snapshot = Snapshot(folder, title_weight=_TITLE_WEIGHT)
    warm = time.perf_counter() - started
    opened = memory_mib()
    times = _search_times(snapshot, questions, vectors)
    asked = memory_mib()
    dense, lexical = open_dense(folder, snapshot.manifest), snapshot.lexical
    num = min(len(questions), _NUM_TIMED)
    return {
        "num_passages": snapshot.num_passages,
        "bytes": {"dense": _bytes(folder, "dense"), "lexical": _bytes(folder, LEXICAL), "all": _bytes(folder, "")},
        "open_seconds": {"cold": cold, "warm": warm},
        "memory_mib": {"imports": before, "opened": opened, "asked": asked},
        "milliseconds": times,
        "recall_at_10": recall(dense, lexical, library, snapshot.manifest.embedder, vectors[:num]),
        "dense_index": dict(read_manifest(folder).dense),
    }


def _search_times(snapshot: Snapshot, questions: Sequence[str], vectors: FloatArray) -> dict[str, dict[str, float]]:
    """Milliseconds of the parts of a search by themselves, and of all together."""
    lexical, dense = snapshot.lexical, snapshot.dense
    retriever = Retriever(KnownQuestions(snapshot.manifest.embedder, questions, vectors))
    candidates = [snapshot.search(question, vector, _DEPTH) for question, vector in _pairs(questions, vectors)]
    days = np.sort(dense.rows["day"])
    dated = Filters(published_after=_iso(int(days[len(days) // 2])))
    settings = FusionSettings()
    parts: dict[str, Callable[[int], object]] = {
        "dense": lambda i: dense.search(vectors[i], _DEPTH),
        "lexical": lambda i: lexical.search(questions[i], _DEPTH, Filters()),
        "fusion": lambda i: fuse(candidates[i], settings, None),
        "fetch": lambda i: snapshot.fetch([c.passage_id for c in candidates[i][:_NUM_READ]]),
        "together": lambda i: retriever.retrieve(snapshot, questions[i], _NUM_READ),
        "together, half of the days": lambda i: retriever.retrieve(snapshot, questions[i], _NUM_READ, filters=dated),
    }
    return {name: _percentiles(part, len(candidates)) for name, part in parts.items()}


def _pairs(questions: Sequence[str], vectors: FloatArray) -> list[tuple[str, FloatArray]]:
    return list(zip(questions, vectors, strict=True))[: _NUM_TIMED + _NUM_WARM_UP]


def _percentiles(do: Callable[[int], object], num: int) -> dict[str, float]:
    times = []
    for i in range(num):
        started = time.perf_counter()
        do(i)
        times.append(1000 * (time.perf_counter() - started))
    timed = times[min(_NUM_WARM_UP, num // 2) :]
    return {"p50": float(np.percentile(timed, 50)), "p95": float(np.percentile(timed, 95))}


def recall(dense: DenseIndex, lexical: LexicalIndex, library: Path, model_id: str, vectors: FloatArray) -> float:
    """The share of the exact ten nearest passages of each question (q, dim) that the index finds, in [0, 1]."""
    expected = _exact_keys(_stored_vectors(library, model_id), vectors)
    shares = []
    for vector, keys in zip(vectors, expected, strict=True):
        rows, _ = dense.search(vector, _RECALL_DEPTH)
        found = lexical.fetch(dense.rows["passage_id"][rows].tolist())
        texts = {hashlib.sha256(embedding_input(passage).encode()).digest() for passage in found}
        shares.append(len(texts & keys) / len(keys))
    return float(np.mean(shares))


def _stored_vectors(library: Path, model_id: str) -> Iterable[tuple[list[bytes], FloatArray]]:
    connection = sqlite3.connect(f"file:{library}?mode=ro", uri=True)
    cursor = connection.execute("SELECT input_hash, vector FROM embeddings WHERE model_id = ?", (model_id,))
    while block := cursor.fetchmany(_VECTORS_AT_ONCE):
        stored = np.frombuffer(b"".join(vector[:-8] for _, vector in block), dtype=np.float32)  # 8: the checksum
        yield [key for key, _ in block], stored.reshape(len(block), -1)
    connection.close()


def _exact_keys(stored: Iterable[tuple[list[bytes], FloatArray]], vectors: FloatArray) -> list[set[bytes]]:
    best = np.full((len(vectors), _RECALL_DEPTH), -np.inf, dtype=np.float32)
    keys = np.full((len(vectors), _RECALL_DEPTH), b"", dtype="S64")
    for some_keys, some in stored:
        names = np.array([key.hex() for key in some_keys], dtype="S64")
        scores = vectors @ some.T
        first = np.argpartition(-scores, min(_RECALL_DEPTH, scores.shape[1]) - 1, axis=1)[:, :_RECALL_DEPTH]
        all_scores = np.concatenate([best, np.take_along_axis(scores, first, axis=1)], axis=1)
        all_keys = np.concatenate([keys, names[first]], axis=1)
        order = np.argpartition(-all_scores, _RECALL_DEPTH - 1, axis=1)[:, :_RECALL_DEPTH]
        best = np.take_along_axis(all_scores, order, axis=1)
        keys = np.take_along_axis(all_keys, order, axis=1)
    return [{bytes.fromhex(key.decode()) for key in row if key} for row in keys]


def memory_mib() -> dict[str, float]:
    """Resident memory of this process: all of it, its own, and pages of files, which the system may take back."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    names = {"all": "VmRSS", "own": "RssAnon", "files": "RssFile"}
    return {name: int(fields[field].split()[0]) / 1024 for name, field in names.items()}


def evict(folder: Path) -> None:
    """Let the system forget the files' pages, so that they come from the disk next."""
    for path in list_files(folder):
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def _bytes(folder: Path, prefix: str) -> int:
    files = [path for path in list_files(folder) if str(path.relative_to(folder)).startswith(prefix)]
    return sum(path.stat().st_size for path in files)


def _iso(day: int) -> str:
    return date.fromordinal(max(day, 1)).isoformat()


def plot(path: Path, figures: Sequence[dict[str, Any]]) -> None:
    """Cost against size, four panels."""
    figure = Figure(figsize=(11, 7.5), layout="constrained")
    FigureCanvasAgg(figure)  # draws in memory: no window, no display
    build, queries, adding, memory = figure.subplots(2, 2).flat
    sizes = [some["query"]["num_passages"] for some in figures]
    _draw(build, sizes, {"build, without embedding": _build_seconds(figures)}, "seconds")
    _draw(
        adding,
        sizes,
        {
            "ten articles, running app": [some["add"]["running"]["seconds"] for some in figures],
            "ten articles, new process": [some["add"]["fresh_seconds"] for some in figures],
            "opening, cold disk": [some["query"]["open_seconds"]["cold"] for some in figures],
            "opening, warm": [some["query"]["open_seconds"]["warm"] for some in figures],
        },
        "seconds",
    )
    times = [some["query"]["milliseconds"] for some in figures]
    parts = {f"{name}, p95": [some[name]["p95"] for some in times] for name in ("dense", "lexical", "together")}
    _draw(queries, sizes, parts, "milliseconds")
    asked = [some["query"]["memory_mib"]["asked"] for some in figures]
    used = {"own": "own memory", "files": "pages of files", "all": "all"}
    _draw(memory, sizes, {name: [some[key] for some in asked] for key, name in used.items()}, "MiB resident")
    figure.savefig(path, format="png", dpi=110)


def _build_seconds(figures: Sequence[dict[str, Any]]) -> list[float]:
    steps = [[a["accept"]["seconds"] + a["update"]["seconds"] for a in some["grow"]["arrivals"]] for some in figures]
    return [float(total) for total in np.cumsum([sum(step) for step in steps])]


def _draw(axes: Any, sizes: Sequence[int], lines: Mapping[str, Sequence[float]], unit: str) -> None:
    for name, values in lines.items():
        axes.plot(sizes, values, marker="o", markersize=4, label=name)
    axes.set(xscale="log", yscale="log", xlabel="passages", ylabel=unit)
    axes.grid(alpha=0.3, which="both")
    axes.legend()
