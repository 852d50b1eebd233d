"""One part of a dense index: a FAISS index that never changes once made, and its file; knows nothing of the others.

Rows are numbered from 0 in each part. A flat part holds a vector for every row; an inverted file (IVF) may have lost
some.
"""

from __future__ import annotations

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
        :param nprobe: Cells of an inverted file to look into.
        """
        parameters: Any = None
        selector = None
        if allowed is not None:
            bits = np.packbits(allowed, bitorder="little")
            selector = faiss.IDSelectorBitmap(len(allowed), faiss.swig_ptr(bits))
        if not self.is_flat:
            parameters = faiss.SearchParametersIVF(sel=selector, nprobe=nprobe or 1)
        elif selector is not None:
            parameters = faiss.SearchParameters(sel=selector)
        scores, rows = self.index.search(vector[None, :], k, params=parameters)
        found = rows[0] >= 0
        return rows[0][found], scores[0][found]

    def vectors(self, rows: IntArray) -> FloatArray:
        """(m, dim) of given rows."""
        if len(rows) == 0:
            return np.zeros((0, self.index.d), dtype=np.float32)
        return np.asarray(self.index.reconstruct_batch(rows), dtype=np.float32)

    def write(self, path: Path) -> None:
        """:raises OSError: If the disk refuses."""
        # Through Python's file: FAISS's own writer keeps silent when the disk is full on closing.
        with path.open("wb") as file:
            faiss.write_index(self.index, faiss.PyCallbackIOWriter(file.write))


def read_part(path: Path) -> DensePart:
    """Read a file whose hash was checked before.

    :raises DamagedIndexError: If FAISS refuses it.
    """
    try:
        return DensePart(faiss.read_index(str(path)))
    except RuntimeError as error:
        raise DamagedIndexError(f"{path}: {error}") from error


def flat_part(vectors: FloatArray) -> DensePart:
    """Exact search over ``vectors`` (n, dim)."""
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return DensePart(index)


def changed_ivf_part(part: DensePart, dead_rows: IntArray, vectors: FloatArray, first_row: int) -> DensePart:
    """A copy of an inverted file without ``dead_rows`` and with ``vectors`` (m, dim) as rows ``first_row`` and on."""
    index = faiss.clone_index(part.index)
    if len(dead_rows):
        index.remove_ids(faiss.IDSelectorArray(np.ascontiguousarray(dead_rows)))
    if len(vectors):
        index.add_with_ids(vectors, np.arange(first_row, first_row + len(vectors), dtype=np.int64))
    return DensePart(index)
