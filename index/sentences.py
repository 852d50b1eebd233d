"""Splits text into sentences with exact character offsets (sentencex); knows nothing of tokens or passages."""

from __future__ import annotations

from dataclasses import dataclass

import sentencex


@dataclass(frozen=True, slots=True)
class Sentence:
    """Offsets [start, end) of a sentence without surrounding white space; ``paragraph`` counts from 0."""

    start: int
    end: int
    paragraph: int


def split_sentences(text: str, language: str = "en") -> list[Sentence]:
    """Sentences of ``text`` in order, non-empty and disjoint; everything between them is white space.

    :param language: ISO 639-1 code for the abbreviations known to the splitter.
    """
    sentences: list[Sentence] = []
    paragraph = 0
    for boundary in sentencex.get_sentence_boundaries(language, text):
        start, end = boundary["start_index"], boundary["end_index"]
        if boundary["is_paragraph_break"]:
            paragraph += 1
        # A single line break also ends a sentence in news text: headings, list items, captions.
        offset = start
        for line in text[start:end].splitlines(keepends=True):
            stripped = line.strip()
            if stripped:
                line_start = offset + line.index(stripped)
                sentences.append(Sentence(line_start, line_start + len(stripped), paragraph))
            offset += len(line)
    return sentences
