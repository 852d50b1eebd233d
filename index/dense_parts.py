"""One part of a dense index: a FAISS index that never changes once made, and its file; knows nothing of the others.

Rows are numbered from 0 in each part. A flat part holds a vector for every row, in float32; an inverted file (IVF) may
have lost some, and holds float16: half the bytes, and a cosine that differs by some 1e-4. Files are mapped into memory:
opening reads nothing, and what is searched is the system's cache, which it may take back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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

BoolArray = npt.NDArray[np.bool_]

_MAX_FILE_BYTES = 1 << 36
_FLAT_HEAD = b"IxFI"
_BLOCK_ROWS = 16_384

# FAISS takes array lengths from the file; a damaged or hostile one must not make it allocate without bound.
faiss.set_deserialization_vector_byte_limit(_MAX_FILE_BYTES)
faiss.set_deserialization_loop_limit(1 << 28)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class DensePart:
    """Vectors (n, dim) float32 of unit norm, searched by inner product = cosine."""

    index: Any

    @property
    def is_flat(self) -> bool:
        return isinstance(self.index, _faiss.IndexFlat)

    @property
    def num_vectors(self) -> int:
        return int(self.index.ntotal)

    def search(
        self, vector: FloatArray, k: int, allowed: BoolArray | None, nprobe: int | None
    ) -> tuple[IntArray, FloatArray]:
        """The k nearest rows with their cosine, best first.

        :param allowed: (n,) rows that may be found; None for all.
        :param nprobe: Cells of an inverted file to look into when all rows may be found. The fewer may be, the more
            cells are looked into: as many vectors are compared, and what is allowed is found as surely.
        """
        parameters: Any = None
        selector = None
        if allowed is not None:
            bits = np.packbits(allowed, bitorder="little")
            selector = faiss.IDSelectorBitmap(len(allowed), faiss.swig_ptr(bits))
        if not self.is_flat:
            cells = (nprobe or 1) if allowed is None else self._num_cells(nprobe or 1, allowed)
            parameters = faiss.SearchParametersIVF(sel=selector, nprobe=cells)
        elif selector is not None:
            parameters = faiss.SearchParameters(sel=selector)
        with _one_thread():
            scores, rows = self.index.search(vector[None, :], k, params=parameters)
        found = rows[0] >= 0
        return rows[0][found], scores[0][found]

    def _num_cells(self, nprobe: int, allowed: BoolArray) -> int:
        num_allowed = max(int(np.count_nonzero(allowed)), 1)
        return min(int(self.index.nlist), -(-nprobe * len(allowed) // num_allowed))

    def vectors(self, rows: IntArray) -> FloatArray:
        """(m, dim) of given rows."""
        if len(rows) == 0:
            return np.zeros((0, self.index.d), dtype=np.float32)
        return np.asarray(self.index.reconstruct_batch(rows), dtype=np.float32)

    def exact(self, vectors: FloatArray, k: int) -> IntArray:
        """The k nearest rows (q, k) of each of several vectors (q, dim) in an inverted file; -1 for none."""
        best = np.full((len(vectors), k), -np.inf, dtype=np.float32)
        found = np.full((len(vectors), k), -1, dtype=np.int64)
        for rows, some in self._blocks():
            all_scores = np.concatenate([best, vectors @ some.T], axis=1)
            all_rows = np.concatenate([found, np.broadcast_to(rows, (len(vectors), len(rows)))], axis=1)
            order = np.argpartition(-all_scores, k - 1, axis=1)[:, :k]
            best, found = np.take_along_axis(all_scores, order, axis=1), np.take_along_axis(all_rows, order, axis=1)
        return found

    def _blocks(self) -> Iterator[tuple[IntArray, FloatArray]]:
        """All rows (m,) with their vectors (m, dim), many at a time."""
        cells: list[tuple[IntArray, FloatArray]] = []
        for cell in range(self.index.nlist):
            cells.append(_cell(self.index, cell))
            if sum(len(rows) for rows, _ in cells) >= _BLOCK_ROWS or cell == self.index.nlist - 1:
                yield np.concatenate([rows for rows, _ in cells]), np.concatenate([some for _, some in cells])
                cells = []

    def write(self, path: Path) -> None:
        """:raises OSError: If the disk refuses."""
        # Through Python's file: FAISS's own writer keeps silent when the disk is full on closing.
        with path.open("wb") as file:
            faiss.write_index(self.index, faiss.PyCallbackIOWriter(file.write))


@contextmanager
def _one_thread() -> Iterator[None]:
    """For one question FAISS starts threads that have nothing to do but wait for one another: many times as slow on a
    busy machine. The number is the calling thread's own."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def read_part(path: Path) -> DensePart:
    """Read a file whose hash was checked before.

    :raises DamagedIndexError: If FAISS refuses it.
    """
    try:
        with path.open("rb") as file:
            is_flat = file.read(len(_FLAT_HEAD)) == _FLAT_HEAD
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC if is_flat else faiss.IO_FLAG_MMAP)
    except RuntimeError as error:
        raise DamagedIndexError(f"{path}: {error}") from error
    if not is_flat:
        # Else every search starts 32 threads to read ahead what was in memory already when its hash was checked.
        faiss.downcast_InvertedLists(index.invlists).prefetch_nthread = 0
    return DensePart(index)


def flat_part(vectors: FloatArray) -> DensePart:
    """Exact search over ``vectors`` (n, dim)."""
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return DensePart(index)


def ivf_part(vectors: FloatArray, num_cells: int) -> DensePart:
    """An inverted file over ``vectors`` (n, dim), row i for vector i.

    It learns its cells from some 40 vectors each, which is FAISS's guideline. The same vectors give the same cells.
    """
    index = faiss.index_factory(vectors.shape[1], f"IVF{num_cells},SQfp16", faiss.METRIC_INNER_PRODUCT)
    index.by_residual = False  # what is stored is the vector itself: written anew, it stays what it is
    index.cp.seed = 0
    sample = np.random.default_rng(0).permutation(len(vectors))[: num_cells * 40]
    index.train(vectors[np.sort(sample)])
    index.add_with_ids(vectors, np.arange(len(vectors), dtype=np.int64))
    return _with_places(index, len(vectors))


def changed_ivf_part(part: DensePart, dead_rows: IntArray, vectors: FloatArray, first_row: int) -> DensePart:
    """A copy of an inverted file without ``dead_rows`` and with ``vectors`` (m, dim) as rows ``first_row`` and on."""
    index = _without_vectors(part.index)
    is_dead = np.zeros(first_row, dtype=bool)
    is_dead[dead_rows] = True
    for cell in range(part.index.nlist):
        rows, old = _cell(part.index, cell)
        kept = ~is_dead[rows]
        _add(index, old[kept], rows[kept], cell)
    if len(vectors):
        index.add_with_ids(vectors, np.arange(first_row, first_row + len(vectors), dtype=np.int64))
    return _with_places(index, first_row + len(vectors))


def _without_vectors(index: Any) -> Any:
    """An inverted file with the same cells and nothing in them."""
    cells = faiss.downcast_index(index.quantizer).reconstruct_n(0, index.nlist)
    empty = faiss.index_factory(index.d, f"IVF{index.nlist},SQfp16", faiss.METRIC_INNER_PRODUCT)
    empty.by_residual = False
    empty.quantizer.add(cells)
    empty.train(cells)  # the cells are there: it only notes that nothing is to be learned
    return empty


def _cell(index: Any, cell: int) -> tuple[IntArray, FloatArray]:
    """The rows (m,) of a cell and their vectors (m, dim); what earlier versions wrote is float32."""
    size = index.invlists.list_size(cell)
    if size == 0:
        return np.zeros(0, dtype=np.int64), np.zeros((0, index.d), dtype=np.float32)
    rows = faiss.rev_swig_ptr(index.invlists.get_ids(cell), size)
    codes = faiss.rev_swig_ptr(index.invlists.get_codes(cell), size * index.code_size)
    stored = np.float16 if index.code_size == 2 * index.d else np.float32
    return rows, codes.view(stored).reshape(size, index.d).astype(np.float32)


def _add(index: Any, vectors: FloatArray, rows: IntArray, cell: int) -> None:
    if len(rows):
        codes = vectors.astype(np.float16).view(np.uint8)
        index.invlists.add_entries(cell, len(rows), faiss.swig_ptr(rows), faiss.swig_ptr(codes))
        index.ntotal += len(rows)


def _with_places(index: Any, num_rows: int) -> DensePart:
    """Note for every row in which cell it is, and where: of FAISS's own maps one has no gaps, the other is large."""
    places = np.full(num_rows, -1, dtype=np.int64)
    for cell in range(index.nlist):
        size = index.invlists.list_size(cell)
        if size:
            places[faiss.rev_swig_ptr(index.invlists.get_ids(cell), size)] = (cell << 32) | np.arange(size)
    faiss.copy_array_to_vector(places, index.direct_map.array)
    index.direct_map.type = faiss.DirectMap.Array
    return DensePart(index)
