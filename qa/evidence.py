"""Reads passages for a question: how relevant each is and which words of it answer best; knows nothing of writing.

`EvidenceReader` is the protocol; `SentenceReader` is the reader that needs no model but the embedder's: it picks the
sentence closest to the question in meaning and words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from index.embedder import Embedder
from index.sentences import split_sentences
from index.types import Passage
from index.words import content_stems, stems

_WORD_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader says of one passage.

    ``relevance``: higher is better, comparable between passages of one question. [start, end): the answering span in
    the passage's text. ``span_score`` in [0, 1], higher is better. ``no_answer_score`` in [0, 1], higher means that
    the passage rather does not answer.
    """

    relevance: float
    start: int
    end: int
    span_score: float
    no_answer_score: float


class EvidenceReader(Protocol):
    @property
    def model_id(self) -> str: ...

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """One reading a passage, in order."""
        ...


class SentenceReader:
    """Scores each sentence by its cosine to the question plus half the share of the question's words that it holds."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    @property
    def model_id(self) -> str:
        return f"sentence-similarity:{self._embedder.model_id}"

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """See :class:`EvidenceReader`; passages must not be empty of sentences."""
        spans = [[(s.start, s.end) for s in split_sentences(passage.text)] for passage in passages]
        texts = [p.text[a:b] for p, some in zip(passages, spans, strict=True) for a, b in some]
        if not texts:
            return []
        cosines = self._embedder.embed_passages(texts) @ self._embedder.embed_query(question)
        wanted = content_stems(question)
        shares = np.array([_share(wanted, text) for text in texts])
        scores = (np.clip(cosines, 0.0, 1.0) + _WORD_WEIGHT * shares) / (1.0 + _WORD_WEIGHT)
        readings = []
        first = 0
        for some in spans:
            own = scores[first : first + len(some)]
            best = int(np.argmax(own))
            score = float(own[best])
            readings.append(Reading(score, some[best][0], some[best][1], score, 1.0 - score))
            first += len(some)
        return readings


def _share(wanted: Sequence[str], text: str) -> float:
    """Share, in [0, 1], of the wanted stems in a text."""
    if not wanted:
        return 0.0
    present = set(stems(text))
    return sum(stem in present for stem in wanted) / len(wanted)
