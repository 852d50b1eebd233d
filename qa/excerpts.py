"""Cuts from passages the sentences worth showing to the model; knows nothing of how they were found or of prompts.

An excerpt is itself a passage: a run of whole sentences with its offsets into the article, so that what is cited from
it can be found there. Few good sentences are read sooner than whole passages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from index.sentences import split_sentences
from index.types import Passage, RetrievedPassage
from qa.evidence import Reading
from qa.prompts import passage_header


def best_excerpts(
    ranked: Sequence[RetrievedPassage], readings: Sequence[Reading], max_chars: int
) -> list[RetrievedPassage]:
    """The sentences around the best span of each passage, best passage first, until ``max_chars`` are full.

    Headers count too. There is always one excerpt, if there is a passage; the same words are not shown twice.
    """
    chosen: list[RetrievedPassage] = []
    seen: set[str] = set()
    num_chars = 0
    for retrieved, reading in zip(ranked, readings, strict=True):
        excerpt = around(retrieved.passage, reading.start, reading.end)
        if excerpt.text in seen:
            continue
        num_chars += len(excerpt.text) + len(passage_header(excerpt))
        if chosen and num_chars > max_chars:
            break
        seen.add(excerpt.text)
        chosen.append(replace(retrieved, passage=excerpt))
    return chosen


def around(passage: Passage, start: int, end: int) -> Passage:
    """The sentences that hold the characters [start, end), with one neighbour on either side."""
    sentences = split_sentences(passage.text)
    inside = [i for i, s in enumerate(sentences) if s.start < end and start < s.end]
    if not inside:
        return passage
    first = sentences[max(inside[0] - 1, 0)].start
    last = sentences[min(inside[-1] + 1, len(sentences) - 1)].end
    return replace(passage, text=passage.text[first:last], start=passage.start + first, end=passage.start + last)


def sentence_around(text: str, start: int, end: int) -> tuple[int, int]:
    """Offsets of the sentence, or sentences, that hold the characters [start, end) of a text."""
    inside = [s for s in split_sentences(text) if s.start < end and start < s.end]
    return (inside[0].start, inside[-1].end) if inside else (start, end)
