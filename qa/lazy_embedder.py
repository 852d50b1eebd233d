"""An embedder that is loaded when something is first embedded or counted; knows nothing of models.

For commands that need vectors only if there is something new: loading takes seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from index.embedder import Embedder
from index.types import FloatArray


class LazyEmbedder:
    """Stands for the embedder that ``load`` gives, and is called at most once.

    :param model_id: What the loaded embedder will call itself.
    :param dim: Of its vectors.
    """

    def __init__(self, model_id: str, dim: int, load: Callable[[], Embedder]) -> None:
        self._model_id = model_id
        self._dim = dim
        self._load = load
        self._embedder: Embedder | None = None
        self._lock = threading.Lock()

    @property
    def model_id(self) -> str:
        return self._model_id

    @property
    def dim(self) -> int:
        return self._dim

    def embed_query(self, text: str) -> FloatArray:
        """:raises ModelError: If the embedder cannot be loaded."""
        return self._loaded().embed_query(text)

    def embed_passages(self, texts: Sequence[str]) -> FloatArray:
        """:raises ModelError: If the embedder cannot be loaded."""
        return self._loaded().embed_passages(texts)

    def count_tokens(self, texts: Sequence[str]) -> Sequence[int]:
        """:raises ModelError: If the embedder cannot be loaded."""
        return self._loaded().count_tokens(texts)

    def _loaded(self) -> Embedder:
        with self._lock:
            if self._embedder is None:
                self._embedder = self._load()
        return self._embedder
