"""Finds passages by meaning: a FAISS index over unit vectors, its kind chosen by size; knows nothing of text.

Row i of ``rows`` describes vector i. Exact search (flat) costs one pass over all vectors; from ``flat_limit`` rows on,
an inverted file (IVF: k-means cells, Jégou et al., "Product Quantization for Nearest Neighbor Search", 2011) looks
into ``nprobe`` cells only, and ``nprobe`` is the smallest that finds ``_TARGET_RECALL`` of the exact top 10.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss as _faiss
import numpy as np
import numpy.typing as npt

from index.errors import DamagedIndexError
from index.types import FloatArray, IntArray

# Its type stubs lack the keyword arguments that its Python wrappers take.
faiss: Any = _faiss

ROW_DTYPE = np.dtype([("passage_id", "<i8"), ("day", "<i4"), ("source", "<i4")])
DEAD = -1  # passage_id of a row whose vector is gone
RowArray = npt.NDArray[np.void]
BoolArray = npt.NDArray[np.bool_]

_TARGET_RECALL = 0.98
_RECALL_DEPTH = 10
_MAX_FILE_BYTES = 1 << 36
_RETRAIN_GROWTH = 4.0

# FAISS takes array lengths from the file; a damaged or hostile one must not make it allocate without bound.
faiss.set_deserialization_vector_byte_limit(_MAX_FILE_BYTES)
faiss.set_deserialization_loop_limit(1 << 28)


@dataclass(frozen=True, slots=True)
class DenseInfo:
    """What was built, for the manifest. ``recall_at_10`` is measured against exact search on ``num_probes`` queries."""

    kind: str
    num_trained: int
    nprobe: int | None
    recall_at_10: float
    num_probes: int


class DenseIndex:
    """Vectors (n, dim) float32 of unit norm, searched by inner product = cosine."""

    def __init__(self, index: Any, rows: RowArray, info: DenseInfo) -> None:
        if index.ntotal > len(rows):
            raise DamagedIndexError(f"the FAISS index holds {index.ntotal} vectors for {len(rows)} rows")
        self._index = index
        self.rows = rows
        self.info = info
        self._live = rows["passage_id"] != DEAD
        self._row_order = np.argsort(rows["passage_id"], kind="stable")
        self._sorted_ids = rows["passage_id"][self._row_order]

    @property
    def is_flat(self) -> bool:
        return self.info.kind == "flat"

    def search(self, vector: FloatArray, k: int, mask: BoolArray | None = None) -> tuple[IntArray, FloatArray]:
        """The k nearest live rows.

        :param vector: (dim,) float32, unit norm.
        :param mask: (n,) rows that may be found; None for all.
        :return: rows (m,) and their cosine (m,), best first, m <= k.
        """
        parameters: Any = None
        selector = None
        if mask is not None or not self.is_flat:
            allowed = self._live if mask is None else self._live & mask
            bits = np.packbits(allowed, bitorder="little")
            selector = faiss.IDSelectorBitmap(len(allowed), faiss.swig_ptr(bits))
        if self.is_flat:
            parameters = faiss.SearchParameters(sel=selector) if selector is not None else None
        else:
            parameters = faiss.SearchParametersIVF(sel=selector, nprobe=self.info.nprobe or 1)
        scores, rows = self._index.search(vector[None, :], k, params=parameters)
        found = rows[0] >= 0
        return rows[0][found], scores[0][found]

    def cosines(self, vector: FloatArray, rows: IntArray) -> FloatArray:
        """Cosine (m,) of given rows with ``vector`` (dim,)."""
        if len(rows) == 0:
            return np.zeros(0, dtype=np.float32)
        return np.asarray(self._index.reconstruct_batch(rows) @ vector, dtype=np.float32)

    def rows_of(self, passage_ids: IntArray) -> IntArray:
        """Row of each passage id.

        :raises KeyError: If one is not in the index.
        """
        positions = np.searchsorted(self._sorted_ids, passage_ids)
        inside = positions < len(self._sorted_ids)
        if not inside.all() or (self._sorted_ids[positions] != passage_ids).any():
            raise KeyError("a passage id is not in the dense index")
        return self._row_order[positions]

    def vectors(self) -> tuple[FloatArray, RowArray]:
        """All live vectors (m, dim) with their rows (m,)."""
        rows = np.flatnonzero(self._live)
        return np.asarray(self._index.reconstruct_batch(rows), dtype=np.float32), self.rows[self._live]

    def save(self, path: Path) -> None:
        """:raises OSError: If the disk refuses."""
        # Through Python's file: FAISS's own writer keeps silent when the disk is full on closing.
        with path.open("wb") as file:
            faiss.write_index(self._index, faiss.PyCallbackIOWriter(file.write))


def load_dense(path: Path, rows: RowArray, info: DenseInfo) -> DenseIndex:
    """Read a file whose hash was checked before.

    :raises DamagedIndexError: If FAISS refuses it.
    """
    try:
        index = faiss.read_index(str(path))
    except RuntimeError as error:
        raise DamagedIndexError(f"{path}: {error}") from error
    return DenseIndex(index, rows, info)


def build_dense(vectors: FloatArray, rows: RowArray, *, probes: FloatArray, flat_limit: int) -> DenseIndex:
    """Build from scratch.

    :param vectors: (n, dim) float32, unit norm, one for each of ``rows`` (n,).
    :param probes: (p, dim) question-like vectors that recall is measured with; used above ``flat_limit`` only.
    """
    dim = vectors.shape[1]
    if len(vectors) < flat_limit:
        flat = faiss.IndexFlatIP(dim)
        flat.add(vectors)
        return DenseIndex(flat, rows, DenseInfo("flat", 0, None, 1.0, 0))
    # FAISS's guideline: about 4 * sqrt(n) cells, trained on some 40 vectors a cell.
    num_cells = int(4 * math.sqrt(len(vectors)))
    index = faiss.index_factory(dim, f"IVF{num_cells},Flat", faiss.METRIC_INNER_PRODUCT)
    index.cp.seed = 0
    sample = np.random.default_rng(0).permutation(len(vectors))[: num_cells * 40]
    index.train(vectors[np.sort(sample)])
    index.set_direct_map_type(faiss.DirectMap.Hashtable)  # the kind that allows both removal and look-up
    index.add_with_ids(vectors, np.arange(len(vectors), dtype=np.int64))
    nprobe, recall = _choose_nprobe(index, vectors, probes, num_cells)
    return DenseIndex(index, rows, DenseInfo(f"ivf{num_cells}", len(vectors), nprobe, recall, len(probes)))


def update_dense(
    parent: DenseIndex, dead_ids: IntArray, vectors: FloatArray, rows: RowArray, *, probes: FloatArray, flat_limit: int
) -> DenseIndex:
    """A new index from ``parent`` (spent afterwards) without ``dead_ids`` and with new vectors (m, dim).

    Flat indexes close their gaps; inverted files keep dead rows until half are dead, or until they have grown to
    ``_RETRAIN_GROWTH`` times what they were trained on: then they are built anew.
    """
    dead_rows = parent.rows_of(dead_ids)
    num_rows = len(parent.rows) - len(dead_rows) + len(rows)
    if parent.is_flat and num_rows < flat_limit:
        keep = np.ones(len(parent.rows), dtype=bool)
        keep[dead_rows] = False
        if len(dead_rows):
            parent._index.remove_ids(dead_rows)
        if len(vectors):
            parent._index.add(vectors)
        return DenseIndex(parent._index, np.concatenate([parent.rows[keep], rows]), parent.info)
    num_live = int(parent._live.sum()) - len(dead_rows)
    is_worn = num_live + len(rows) > _RETRAIN_GROWTH * parent.info.num_trained or num_live < len(parent.rows) // 2
    if parent.is_flat or is_worn:
        parent.rows["passage_id"][dead_rows] = DEAD
        old_vectors, old_rows = DenseIndex(parent._index, parent.rows, parent.info).vectors()
        return build_dense(
            np.concatenate([old_vectors, vectors]),
            np.concatenate([old_rows, rows]),
            probes=probes,
            flat_limit=flat_limit,
        )
    all_rows = np.concatenate([parent.rows, rows])
    all_rows["passage_id"][dead_rows] = DEAD
    index = parent._index
    new_ids = np.arange(len(parent.rows), len(all_rows), dtype=np.int64)
    if len(dead_rows):
        index.remove_ids(faiss.IDSelectorArray(np.ascontiguousarray(dead_rows)))
    if len(vectors):
        index.add_with_ids(vectors, new_ids)
    return DenseIndex(index, all_rows, parent.info)


def _choose_nprobe(index: Any, vectors: FloatArray, probes: FloatArray, num_cells: int) -> tuple[int, float]:
    """The smallest power of two of cells whose recall of the exact top 10 reaches the target, and that recall."""
    exact = faiss.IndexFlatIP(vectors.shape[1])
    exact.add(vectors)
    _, truth = exact.search(probes, _RECALL_DEPTH)
    nprobe, recall = 4, 0.0
    while recall < _TARGET_RECALL and nprobe < num_cells:
        nprobe = min(nprobe * 2, num_cells)
        _, found = index.search(probes, _RECALL_DEPTH, params=faiss.SearchParametersIVF(nprobe=nprobe))
        recall = float(np.mean([len(set(t) & set(f)) / _RECALL_DEPTH for t, f in zip(truth, found, strict=True)]))
    return nprobe, recall
