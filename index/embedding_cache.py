"""Keeps embeddings by what was embedded and by which model, so that nothing is embedded twice; knows no passages."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from index.sql import SqlDatabase, marks
from index.types import FloatArray

_MAX_VARIABLES = 500  # below SQLite's limit on bound parameters in any build
_CHECKSUM_BYTES = 8


class EmbeddingCache:
    """Vectors (dim,) float32 of one model, beside the library."""

    def __init__(self, database: SqlDatabase, *, model_id: str, dim: int) -> None:
        self._database = database
        self._model_id = model_id
        self._dim = dim

    def get(self, texts: Sequence[str]) -> list[FloatArray | None]:
        """The cached vector of each text, None where there is none (or the disk damaged it)."""
        keys = [_key(text) for text in texts]
        found: dict[bytes, FloatArray] = {}
        with self._database.read() as connection:
            for first in range(0, len(keys), _MAX_VARIABLES):
                some = keys[first : first + _MAX_VARIABLES]
                rows = connection.execute(
                    f"SELECT input_hash, vector FROM embeddings WHERE model_id = ? AND input_hash IN ({marks(some)})",  # noqa: S608
                    (self._model_id, *some),
                )
                for row in rows:
                    key, stored = row["input_hash"], row["vector"]
                    is_typed = isinstance(key, bytes) and isinstance(stored, bytes)  # damage can change that, too
                    if is_typed and stored == _with_checksum(key, stored[:-_CHECKSUM_BYTES]):
                        vector = np.frombuffer(stored[:-_CHECKSUM_BYTES], dtype=np.float32)
                        if len(vector) == self._dim:
                            found[key] = vector
        return [found.get(key) for key in keys]

    def put(self, texts: Sequence[str], vectors: FloatArray, article_ids: Sequence[str]) -> None:
        """Store vectors (n, dim) in one transaction; ``article_ids`` says whose removal removes them.

        Those of articles that are not live, any more, are left out: nothing would remove them again.
        """
        keys = [_key(text) for text in texts]
        data = [np.ascontiguousarray(vector, dtype=np.float32).tobytes() for vector in vectors]
        rows = [
            (key, self._model_id, article_id, _with_checksum(key, vector), article_id)
            for key, vector, article_id in zip(keys, data, article_ids, strict=True)
        ]
        self._database.transact(
            lambda connection: connection.executemany(
                "INSERT INTO embeddings (input_hash, model_id, article_id, vector) SELECT ?, ?, ?, ? "
                "WHERE EXISTS (SELECT 1 FROM articles WHERE article_id = ? AND status = 'live') "
                "ON CONFLICT (input_hash, model_id) DO UPDATE SET article_id = excluded.article_id, "
                "vector = excluded.vector",
                rows,
            )
        )


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8")).digest()


def _with_checksum(key: bytes, vector: bytes) -> bytes:
    """SQLite hands out a vector with a flipped bit as if it were whole; the key is in the sum, so no vector moves."""
    return vector + hashlib.sha256(key + vector).digest()[:_CHECKSUM_BYTES]
