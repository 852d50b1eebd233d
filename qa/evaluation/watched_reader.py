"""Notes which passages an evidence reader was given; knows nothing of how they were found or what was said of them."""

from __future__ import annotations

from collections.abc import Sequence

from index.types import Passage
from qa.evidence import EvidenceReader, Reading


class WatchedReader:
    """Reads as another :class:`qa.evidence.EvidenceReader` does, and remembers what."""

    def __init__(self, inner: EvidenceReader) -> None:
        self._inner = inner
        self._read: dict[int, Passage] = {}

    @property
    def model_id(self) -> str:
        return self._inner.model_id

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        self._read |= {passage.passage_id: passage for passage in passages}
        return self._inner.read(question, passages)

    def taken(self) -> list[Passage]:
        """The passages read since this was last called, each once, in the order they were read."""
        read, self._read = list(self._read.values()), {}
        return read
