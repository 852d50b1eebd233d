"""Splits text into sentences with exact character offsets (sentencex); knows nothing of tokens or passages."""

from __future__ import annotations

from dataclasses import dataclass

import sentencex

# sentencex takes white space for one byte in places, and panics on what is longer. Characters stay where they are.
_LINE_ENDS = "\v\f\x1c\x1d\x1e\x85\u2028\u2029"
_SPACES = "\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000\x1f"
_PLAIN_SPACE = str.maketrans(dict.fromkeys(_LINE_ENDS, "\n") | dict.fromkeys(_SPACES, " "))


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
    for boundary in sentencex.get_sentence_boundaries(language, text.translate(_PLAIN_SPACE)):
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
