"""Keeps embeddings by what was embedded and by which model, so that nothing is embedded twice; knows no passages."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from index.database import Database
from index.types import FloatArray

_MAX_VARIABLES = 500  # below SQLite's limit on bound parameters in any build


class EmbeddingCache:
    """Vectors (dim,) float32 of one model, in the library's file."""

    def __init__(self, database: Database, *, model_id: str, dim: int) -> None:
        self._database = database
        self._model_id = model_id
        self._dim = dim

    def get(self, texts: Sequence[str]) -> list[FloatArray | None]:
        """The cached vector of each text, None where there is none (or it has another length)."""
        keys = [_key(text) for text in texts]
        found: dict[bytes, FloatArray] = {}
        with self._database.read() as connection:
            for first in range(0, len(keys), _MAX_VARIABLES):
                some = keys[first : first + _MAX_VARIABLES]
                marks = ",".join("?" * len(some))
                rows = connection.execute(
                    f"SELECT input_hash, vector FROM embeddings WHERE model_id = ? AND input_hash IN ({marks})",  # noqa: S608
                    (self._model_id, *some),
                )
                for row in rows:
                    if len(row["vector"]) == self._dim * np.dtype(np.float32).itemsize:
                        found[bytes(row["input_hash"])] = np.frombuffer(row["vector"], dtype=np.float32)
        return [found.get(key) for key in keys]

    def put(self, texts: Sequence[str], vectors: FloatArray, article_ids: Sequence[str]) -> None:
        """Store vectors (n, dim) in one transaction; ``article_ids`` says whose removal removes them."""
        rows = [
            (_key(text), self._model_id, article_id, np.ascontiguousarray(vector, dtype=np.float32).tobytes())
            for text, vector, article_id in zip(texts, vectors, article_ids, strict=True)
        ]
        with self._database.write() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO embeddings (input_hash, model_id, article_id, vector) VALUES (?, ?, ?, ?)", rows
            )


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8")).digest()
