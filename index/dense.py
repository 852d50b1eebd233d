"""Finds passages by meaning: FAISS indexes over unit vectors, their kind chosen by size; knows nothing of text.

Row i of ``rows`` describes vector i. Exact search (flat) costs one pass over all vectors; from ``flat_limit`` rows on,
an inverted file (IVF: k-means cells, Jégou et al., "Product Quantization for Nearest Neighbor Search", 2011) looks
into ``nprobe`` cells only, and ``nprobe`` is the smallest that finds ``_TARGET_RECALL`` of the exact top 10. It is
chosen anew whenever the inverted file takes in what came later.

An index is a few parts, each in a file that is never changed: the first is the large one, flat or inverted; the others
are flat, hold what came later, and each has more than twice the rows of all behind it, or is merged with them (the
logarithmic method; Bentley and Saxe, "Decomposable Searching Problems", 1980). So an arrival writes about its own size.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from index.dense_parts import BoolArray, DensePart, changed_ivf_part, faiss, flat_part, ivf_part, read_part
from index.errors import DamagedIndexError
from index.proven import ProvenFiles
from index.types import FloatArray, IntArray

ROW_DTYPE = np.dtype([("passage_id", "<i8"), ("day", "<i4"), ("source", "<i4")])
DEAD = -1  # passage_id of a row whose vector is gone; ~passage_id while the vector of a dead row is still there
RowArray = npt.NDArray[np.void]
Probes = Callable[[], FloatArray]

_TARGET_RECALL = 0.99  # of titles, which are nearer to their passages: of questions it is some .98
_RECALL_DEPTH = 10
_RETRAIN_GROWTH = 4.0
_MIN_PART_ROWS = 2048  # smaller ones are merged whatever their proportions: 3 MB at 384 dimensions


@dataclass(frozen=True, slots=True)
class DenseInfo:
    """What was built, for the manifest. ``recall_at_10`` is measured against exact search on ``num_probes`` queries."""

    kind: str
    num_trained: int
    nprobe: int | None
    recall_at_10: float
    num_probes: int


class DenseIndex:
    """Vectors (n, dim) float32 of unit norm, searched by inner product = cosine. Never changes.

    :param parts: In the order of their rows; the first may be an inverted file, the others are flat.
    :param paths: Where each part can be linked from; None for one that is in no file yet.
    """

    def __init__(
        self, parts: Sequence[DensePart], rows: RowArray, info: DenseInfo, paths: Sequence[Path | None] | None = None
    ) -> None:
        tail = sum(part.num_vectors for part in parts[1:])
        num_first = parts[0].num_vectors
        if num_first + tail > len(rows) or (parts[0].is_flat and num_first + tail != len(rows)):
            raise DamagedIndexError(f"the FAISS index holds {num_first + tail} vectors for {len(rows)} rows")
        self.parts = tuple(parts)
        self.paths = tuple(paths) if paths is not None else (None,) * len(parts)
        self.rows = rows
        self.info = info
        sizes = [len(rows) - tail, *(part.num_vectors for part in parts[1:])]
        self.bounds: IntArray = np.cumsum([0, *sizes])
        self._live = rows["passage_id"] >= 0
        has_ghost = rows["passage_id"] < DEAD
        self._has_ghosts = [bool(has_ghost[i:j].any()) for i, j in pairwise(self.bounds.tolist())]
        self._row_order = np.argsort(rows["passage_id"], kind="stable")
        self._sorted_ids = rows["passage_id"][self._row_order]

    @property
    def is_flat(self) -> bool:
        return self.info.kind == "flat"

    @property
    def live(self) -> BoolArray:
        """(n,) rows that may be found."""
        return self._live

    def search(self, vector: FloatArray, k: int, mask: BoolArray | None = None) -> tuple[IntArray, FloatArray]:
        """The k nearest live rows.

        :param vector: (dim,) float32, unit norm.
        :param mask: (n,) rows that may be found; None for all.
        :return: rows (m,) and their cosine (m,), best first, m <= k.
        """
        allowed = self._live if mask is None else self._live & mask
        found: list[tuple[IntArray, FloatArray]] = []
        for number, part in enumerate(self.parts):
            first, last = self.bounds[number], self.bounds[number + 1]
            is_any_allowed = mask is None and not self._has_ghosts[number]
            some = None if is_any_allowed else allowed[first:last]
            rows, scores = part.search(vector, k, some, self.info.nprobe)
            found.append((rows + first, scores))
        rows = np.concatenate([rows for rows, _ in found])
        scores = np.concatenate([scores for _, scores in found])
        best = np.argsort(-scores, kind="stable")[:k]
        return rows[best], scores[best]

    def cosines(self, vector: FloatArray, rows: IntArray) -> FloatArray:
        """Cosine (m,) of given rows with ``vector`` (dim,)."""
        return np.asarray(self.vectors_of(rows) @ vector, dtype=np.float32)

    def vectors_of(self, rows: IntArray) -> FloatArray:
        """(m, dim) of given rows, which must be live."""
        vectors = np.zeros((len(rows), self.parts[0].index.d), dtype=np.float32)
        for number, part in enumerate(self.parts):
            first, last = self.bounds[number], self.bounds[number + 1]
            here = (rows >= first) & (rows < last)
            vectors[here] = part.vectors(rows[here] - first)
        return vectors

    def rows_of(self, passage_ids: IntArray) -> IntArray:
        """Row of each passage id.

        :raises KeyError: If one is not in the index.
        """
        positions = np.searchsorted(self._sorted_ids, passage_ids)
        inside = (positions < len(self._sorted_ids)) & (np.asarray(passage_ids) >= 0)
        if not inside.all() or (self._sorted_ids[positions] != passage_ids).any():
            raise KeyError("a passage id is not in the dense index")
        return self._row_order[positions]

    def vectors(self) -> tuple[FloatArray, RowArray]:
        """All live vectors (m, dim) with their rows (m,)."""
        return self.vectors_of(np.flatnonzero(self._live)), self.rows[self._live]

    def save(self, folder: Path) -> None:
        """Write the parts that are in no file yet, and link the others.

        :raises OSError: If the disk refuses.
        """
        for number, (part, path) in enumerate(zip(self.parts, self.paths, strict=True)):
            target = folder / part_name(number)
            if path is None:
                part.write(target)
                continue
            try:
                os.link(path, target)
            except OSError:  # some file systems have no hard links
                shutil.copyfile(path, target)


def part_name(number: int) -> str:
    """The file of the ``number``-th part, counted from 0."""
    return f"dense-{number}.faiss" if number else "dense.faiss"


def load_dense(folder: Path, rows: RowArray, info: DenseInfo, proven: ProvenFiles | None = None) -> DenseIndex:
    """Read files whose hashes were checked before.

    :param proven: Shares a part with the other generations that hold it.
    :raises DamagedIndexError: If FAISS refuses one.
    """
    proven = proven or ProvenFiles()
    paths = [folder / part_name(0)]
    for number in count(1):
        if not (folder / part_name(number)).exists():
            break
        paths.append(folder / part_name(number))
    return DenseIndex([proven.shared(path, read_part) for path in paths], rows, info, paths)


def build_dense(vectors: FloatArray, rows: RowArray, *, probes: Probes, flat_limit: int) -> DenseIndex:
    """Build from scratch.

    :param vectors: (n, dim) float32, unit norm, one for each of ``rows`` (n,).
    :param probes: Makes (p, dim) question-like vectors that recall is measured with; asked above ``flat_limit`` only.
    """
    if len(vectors) < flat_limit:
        return DenseIndex([flat_part(vectors)], rows, DenseInfo("flat", 0, None, 1.0, 0))
    num_cells = int(4 * math.sqrt(len(vectors)))  # FAISS's guideline
    part = ivf_part(vectors, num_cells)
    queries = probes()
    _, truth = faiss.knn(queries, vectors, _RECALL_DEPTH, metric=faiss.METRIC_INNER_PRODUCT)
    nprobe, recall = _choose_nprobe(part, truth, queries)
    return DenseIndex([part], rows, DenseInfo(f"ivf{num_cells}", len(vectors), nprobe, recall, len(queries)))


def update_dense(
    parent: DenseIndex,
    dead_ids: IntArray,
    vectors: FloatArray,
    rows: RowArray,
    *,
    probes: Probes,
    flat_limit: int,
    erase: bool = False,
) -> DenseIndex:
    """A new index from ``parent`` without ``dead_ids`` and with new vectors (m, dim); parts that can stay are shared.

    Inverted files are built anew when half of their rows are dead, or when the index has grown to ``_RETRAIN_GROWTH``
    times what they were trained on.

    :param erase: Let no vector of a dead row stay in any file, of earlier updates neither.
    """
    old_rows = parent.rows.copy()
    dead = parent.rows_of(dead_ids)
    old_rows["passage_id"][dead] = ~old_rows["passage_id"][dead]
    old_rows["day"][dead], old_rows["source"][dead] = 0, -1
    marked = DenseIndex(parent.parts, old_rows, parent.info, parent.paths)
    num_live = int(marked.live.sum()) + len(rows)
    if _must_train(marked, num_live, flat_limit):
        old_vectors, old_rows = marked.vectors()
        all_vectors, all_rows = np.concatenate([old_vectors, vectors]), np.concatenate([old_rows, rows])
        return build_dense(all_vectors, all_rows, probes=probes, flat_limit=flat_limit)
    num_kept = _num_parts_to_keep(marked, len(rows), most_behind=flat_limit // 2, erase=erase)
    if num_kept == len(marked.parts) and len(rows) == 0:
        return marked
    return _merged(marked, num_kept, vectors, rows, probes)


def _must_train(index: DenseIndex, num_live: int, flat_limit: int) -> bool:
    if index.is_flat:
        return num_live >= flat_limit
    num_rows_of_first = int(index.bounds[1])
    is_worn = int(index.live[:num_rows_of_first].sum()) < num_rows_of_first // 2
    return is_worn or num_live > _RETRAIN_GROWTH * index.info.num_trained


def _num_parts_to_keep(index: DenseIndex, num_new: int, *, most_behind: int, erase: bool) -> int:
    """How many parts, from the first on, stay as they are; those behind them are merged with what is new.

    :param most_behind: How many rows may stand behind an inverted file: each is compared with every question.
    """
    behind = int(index.live.sum()) + num_new
    for number, part in enumerate(index.parts):
        first, last = int(index.bounds[number]), int(index.bounds[number + 1])
        live = int(index.live[first:last].sum())
        behind -= live
        must_erase = erase and part.num_vectors > live
        is_slow = not part.is_flat and behind > most_behind
        if must_erase or is_slow or live < (last - first) // 2 or last - first <= max(2 * behind, _MIN_PART_ROWS):
            return number
    return len(index.parts)


def _merged(index: DenseIndex, num_kept: int, vectors: FloatArray, rows: RowArray, probes: Probes) -> DenseIndex:
    """Everything from part ``num_kept`` on as one part, with what is new at its end."""
    first = int(index.bounds[num_kept])
    if num_kept == 0 and not index.is_flat:
        return _grown_ivf(index, vectors, rows, probes)
    live = first + np.flatnonzero(index.live[first:])
    merged = np.concatenate([index.vectors_of(live), vectors])
    all_rows = np.concatenate([index.rows[:first], index.rows[live], rows])
    if len(merged) == 0 and num_kept:
        return DenseIndex(index.parts[:num_kept], all_rows, index.info, index.paths[:num_kept])
    parts, paths = (*index.parts[:num_kept], flat_part(merged)), (*index.paths[:num_kept], None)
    return DenseIndex(parts, all_rows, index.info, paths)


def _grown_ivf(index: DenseIndex, vectors: FloatArray, rows: RowArray, probes: Probes) -> DenseIndex:
    """The inverted file takes in all other parts. Its dead rows keep their places: row numbers are its ids."""
    num_old = int(index.bounds[1])
    old_rows = index.rows[:num_old].copy()
    dead = np.flatnonzero(~index.live[:num_old])
    old_rows["passage_id"][dead] = DEAD
    live = num_old + np.flatnonzero(index.live[num_old:])
    added = np.concatenate([index.vectors_of(live), vectors])
    all_rows = np.concatenate([old_rows, index.rows[live], rows])
    part = changed_ivf_part(index.parts[0], dead, added, num_old)
    if len(added) == 0:
        return DenseIndex([part], all_rows, index.info)
    queries = probes()
    nprobe, recall = _choose_nprobe(part, part.exact(queries, _RECALL_DEPTH), queries)
    info = replace(index.info, nprobe=nprobe, recall_at_10=recall, num_probes=len(queries))
    return DenseIndex([part], all_rows, info)


def _choose_nprobe(part: DensePart, truth: IntArray, probes: FloatArray) -> tuple[int, float]:
    """The smallest step in the number of cells whose recall of the exact top 10 reaches the target, and that recall.

    :param truth: (p, 10) the rows nearest to each of ``probes`` (p, dim).
    """
    num_cells = int(part.index.nlist)
    nprobe, recall = 0, 0.0
    for nprobe in _steps(num_cells):
        found = [part.search(probe, _RECALL_DEPTH, None, nprobe)[0] for probe in probes]
        recall = float(np.mean([len(set(t) & set(f)) / _RECALL_DEPTH for t, f in zip(truth, found, strict=True)]))
        if recall >= _TARGET_RECALL:
            break
    return nprobe, recall


def _steps(num_cells: int) -> Iterator[int]:
    """8, 12, 16, 24, 32, ... up to all cells."""
    nprobe = 8
    while nprobe < num_cells:
        yield nprobe
        nprobe = nprobe * 3 // 2 if nprobe & (nprobe - 1) == 0 else nprobe * 4 // 3
    yield num_cells
