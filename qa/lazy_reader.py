"""A reader that is loaded when something is first read; knows nothing of models. For commands that may never read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from index.types import Passage
from qa.evidence import EvidenceReader, Reading


class LazyReader:
    """Stands for the reader that ``load`` gives, and is called at most once.

    :param model_id: What the loaded reader will call itself.
    """

    def __init__(self, model_id: str, load: Callable[[], EvidenceReader]) -> None:
        self._model_id = model_id
        self._load = load
        self._reader: EvidenceReader | None = None
        self._lock = threading.Lock()

    @property
    def model_id(self) -> str:
        return self._model_id

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """:raises ModelError: If the reader cannot be loaded or fails."""
        with self._lock:
            if self._reader is None:
                self._reader = self._load()
        return self._reader.read(question, passages)
