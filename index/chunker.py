"""Cuts an article's text into passages of whole sentences; knows nothing of models or storage.

Sentences are packed greedily. A passage closes when the next sentence would take it past ``max_tokens``, or at
the end of a paragraph once it holds ``min_tokens``; a last passage under ``min_tokens`` stays as it is, since
joining it to its neighbour would blur both. One sentence longer than ``max_tokens`` is cut at white space.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

from index.sentences import Sentence, split_sentences
from index.types import PASSAGES_PER_REVISION

CountTokens = Callable[[Sequence[str]], Sequence[int]]


@dataclass(frozen=True, slots=True)
class Span:
    """Character offsets [start, end) into an article's text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ChunkerSettings:
    """Part of every manifest: other settings need a rebuild. Sizes are in tokens of the embedder."""

    min_tokens: int = 80
    max_tokens: int = 120
    version: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.min_tokens <= self.max_tokens:
            raise ValueError(f"min_tokens={self.min_tokens} must lie between 1 and max_tokens={self.max_tokens}")

    def to_json(self) -> dict[str, int]:
        return asdict(self)


class Chunker:
    """Splits texts by one set of settings.

    :param count_tokens: Number of tokens of each of several texts, without special tokens.
    """

    def __init__(self, count_tokens: CountTokens, settings: ChunkerSettings | None = None) -> None:
        self.settings = settings or ChunkerSettings()
        self._count_tokens = count_tokens

    def chunk(self, text: str) -> list[Span]:
        """Passages in order, non-empty and disjoint; all that lies between them is white space."""
        sentences = split_sentences(text)
        if not sentences:
            return []
        lengths = self._count_tokens([text[s.start : s.end] for s in sentences])
        pieces = [p for s, n in zip(sentences, lengths, strict=True) for p in self._cut_long(text, s, n)]
        return list(self._pack(pieces))[:PASSAGES_PER_REVISION]

    def _pack(self, pieces: Sequence[tuple[Sentence, int]]) -> Iterator[Span]:
        start, total = 0, 0
        for position, (piece, length) in enumerate(pieces):
            is_new_paragraph = position > 0 and piece.paragraph != pieces[position - 1][0].paragraph
            is_full = total + length > self.settings.max_tokens
            if position > start and (is_full or (is_new_paragraph and total >= self.settings.min_tokens)):
                yield Span(pieces[start][0].start, pieces[position - 1][0].end)
                start, total = position, 0
            total += length
        yield Span(pieces[start][0].start, pieces[-1][0].end)

    def _cut_long(self, text: str, sentence: Sentence, length: int) -> list[tuple[Sentence, int]]:
        if length <= self.settings.max_tokens or sentence.end - sentence.start < 2:
            return [(sentence, length)]
        num_parts = -(-length // self.settings.max_tokens)
        width = -(-(sentence.end - sentence.start) // num_parts)
        cuts = _cut_points(text, sentence.start, sentence.end, width)
        parts = [Sentence(a, b, sentence.paragraph) for a, b in cuts]
        lengths = self._count_tokens([text[p.start : p.end] for p in parts])
        # Parts of one length in characters may differ in tokens: a long word can be one token, or many.
        return [piece for part, n in zip(parts, lengths, strict=True) for piece in self._cut_long(text, part, n)]


def _cut_points(text: str, start: int, end: int, width: int) -> list[tuple[int, int]]:
    """Cut [start, end) into runs of about ``width`` characters, at white space where there is any."""
    cuts = []
    while start < end:
        stop = min(start + width, end)
        if stop < end:
            space = max(text.rfind(" ", start + width // 2, stop), text.rfind("\n", start + width // 2, stop))
            stop = space if space > start else stop
        cuts.append((start, start + len(text[start:stop].rstrip())))
        start = stop
        while start < end and text[start].isspace():
            start += 1
    return cuts
