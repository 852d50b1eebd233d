"""An embedder that shows by its vectors what was embedded together; knows nothing of Ray."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from index.types import FloatArray
from tests.fakes import HashEmbedder
from tests.index.kill_child import note

DIM = 32


class BatchEmbedder(HashEmbedder):
    """Mixes a vector of the whole batch, in its order, into each vector, which is more than a real model does: only
    who embeds the same batches gets the same vectors.

    :param seconds: How long it works on a batch, at least.
    :param record: A line for each text that was embedded, which survives a kill.
    """

    def __init__(self, *, seconds: float = 0.0, record: Path | None = None) -> None:
        super().__init__(dim=DIM, model_id="batch-words")
        self._seconds = seconds
        self._record = record

    def embed_passages(self, texts: Sequence[str]) -> FloatArray:
        time.sleep(self._seconds)
        seed = int.from_bytes(hashlib.sha256("\0".join(texts).encode()).digest()[:8], "big")
        of_batch = np.random.default_rng(seed).standard_normal(DIM) / 20
        mixed = super().embed_passages(texts) + of_batch
        if self._record is not None:
            note(self._record, "\n".join(hashlib.sha256(text.encode()).hexdigest() for text in texts))
        return np.asarray(mixed / np.linalg.norm(mixed, axis=1, keepdims=True), dtype=np.float32)


def embed_slowly(seconds: float, record: str) -> BatchEmbedder:
    """What the nodes load."""
    return BatchEmbedder(seconds=seconds, record=Path(record) if record else None)
