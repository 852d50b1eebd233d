"""Embeds units of texts on a node of a Ray cluster; knows nothing of the library, which lies on another machine.

What goes in and comes out are Arrow tables, a row for each unit, since that is what Ray's object store carries.
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from index.embedder import Embedder
from index.errors import ArticleQAError

LoadEmbedder = Callable[[], Embedder]

# Of different lengths, so that they are padded.
_PROBE_TEXTS = tuple("The council met to speak about the bridge again. " * count for count in (1, 2, 3, 5, 8, 13))


def unit_table(number: int, texts: Sequence[str]) -> pa.Table:
    """What :class:`UnitEmbedder` takes: the unit's number and its texts."""
    return pa.table({"number": pa.array([number], pa.int64()), "texts": pa.array([list(texts)], pa.list_(pa.string()))})


def probe(embedder: Embedder) -> str:
    """A hash of the vectors of a few fixed texts: two machines that compute other bits have other ones."""
    return hashlib.sha256(embedder.embed_passages(_PROBE_TEXTS).tobytes()).hexdigest()


class UnitEmbedder:
    """Holds the model in a process of a node and embeds with it.

    Our own errors come back as rows: raised, they would be taken for a broken node and be tried again for ever.

    :param load: Gives the embedder; it travels to the node by name, so that the node must have it installed.
    """

    def __init__(self, load: LoadEmbedder) -> None:
        self._node = socket.gethostname()
        self._embedder: Embedder | None = None
        self._probe = self._error = ""
        try:
            self._embedder = load()
            self._probe = probe(self._embedder)
        except ArticleQAError as error:
            self._error = str(error)

    def __call__(self, units: pa.Table) -> pa.Table:
        """For each unit its number, its vectors (n * dim float32, as bytes), who made them or why there are none."""
        return pa.Table.from_pylist([self._embed(unit["number"], unit["texts"]) for unit in units.to_pylist()])

    def _embed(self, number: int, texts: Sequence[str]) -> dict[str, Any]:
        vectors, error = b"", self._error
        if self._embedder is not None:
            try:
                vectors = self._embedder.embed_passages(texts).tobytes()
            except ArticleQAError as failure:
                error = str(failure)
        model_id = self._embedder.model_id if self._embedder is not None else ""
        return {
            "number": number,
            "vectors": vectors,
            "error": error,
            "node": self._node,
            "model_id": model_id,
            "probe": self._probe,
        }
