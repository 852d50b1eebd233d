"""Finds the sentence of a passage that comes closest to a question; knows nothing of answers or pages."""

from __future__ import annotations

from index.sentences import split_sentences
from index.types import Passage
from index.words import content_stems


def nearest_sentence(passage: Passage, question: str) -> tuple[int, int]:
    """Offsets [start, end) into the passage's text: the sentence that shares most words with the question.

    Of equally close ones the first; the whole passage when it has no sentence.
    """
    asked = set(content_stems(question))
    sentences = split_sentences(passage.text)
    if not sentences:
        return 0, len(passage.text)
    best = max(sentences, key=lambda s: len(asked.intersection(content_stems(passage.text[s.start : s.end]))))
    return best.start, best.end
