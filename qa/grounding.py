"""Ties sentences to the words of passages that support them, and finds those nothing supports.

Knows nothing of models. A sentence is supported when some stretch of one or two sentences of a passage holds most of
its content words, and every name and number in it stands somewhere in the passages (title and date line included).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from index.sentences import split_sentences
from index.types import RetrievedPassage
from index.words import content_stems, stems
from qa.prompts import clean, passage_header
from qa.types import Citation

_MIN_SUPPORT = 0.5
# A whole sentence has more room to go wrong than a few words: what it adds must stand there too.
_MIN_SENTENCE_SUPPORT = 0.7
# A comma groups thousands, or else separates two numbers.
_NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)*|\d+(?:\.\d+)*")
_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*\.?")
_MARKER = re.compile(r"\s*\[\d+\]")
# Words that open a sentence and name nothing.
_OPENINGS = frozenset(
    """
    according additionally although another besides both currently despite during each either following
    furthermore however instead later meanwhile moreover overall recently several since therefore though thus
    unlike yes yet
    """.split()
)
_NUMBER_WORDS = dict(
    zip(
        """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen twenty
    """.split(),
        map(str, range(21)),
        strict=True,
    )
)


@dataclass(frozen=True, slots=True)
class Span:
    """Where support was found: offsets [start, end) into the passage's text; ``support`` in [0, 1]."""

    retrieved: RetrievedPassage
    start: int
    end: int
    support: float


@dataclass(frozen=True, slots=True)
class GroundedText:
    """What is left of a text: its supported sentences with [n] markers, what they cite, and what was dropped."""

    text: str
    citations: tuple[Citation, ...]
    dropped: tuple[str, ...]


class Grounder:
    """Checks texts against one question's passages."""

    def __init__(self, passages: Sequence[RetrievedPassage]) -> None:
        self._stretches = [stretch for retrieved in passages for stretch in _stretches(retrieved)]
        # Cleaned as in the prompt: the model writes "12" where the article has full-width digits.
        corpus = clean("\n".join(f"{passage_header(r.passage)}\n{r.passage.text}" for r in passages))
        self._stems = set(stems(corpus))
        self._numbers = numbers(corpus)

    def ground(self, text: str) -> GroundedText:
        """Keep the supported sentences of ``text`` and cite them; equal spans share a marker.

        Markers that stand in ``text`` are left out: models write them at random.
        """
        text = _MARKER.sub("", text)
        kept: list[str] = []
        dropped: list[str] = []
        spans: list[Span] = []
        for sentence in split_sentences(text):
            words = text[sentence.start : sentence.end]
            span = self.support(words)
            if span is None or span.support < _MIN_SENTENCE_SUPPORT:
                dropped.append(words)
                continue
            if not any(_same_span(span, known) for known in spans):
                spans.append(span)
            marker = next(i for i, known in enumerate(spans, start=1) if _same_span(span, known))
            kept.append(f"{words} [{marker}]")
        return GroundedText(" ".join(kept), make_citations(spans), tuple(dropped))

    def support(self, sentence: str, *, hint: str = "") -> Span | None:
        """The stretch that supports a sentence best, or None when nothing supports it.

        :param hint: Further words (such as the question's) that decide between stretches, but support nothing.
        """
        if self.foreign_names_and_numbers(sentence):
            return None
        wanted = content_stems(sentence) or stems(sentence)
        if not wanted or not self._stretches:
            return None
        hints = content_stems(hint)
        # Those that support it first: a stretch full of hints must not hide one.
        supporting = [stretch for stretch in self._stretches if stretch.coverage(wanted) >= _MIN_SUPPORT]
        if not supporting:
            return None
        best = max(supporting, key=lambda stretch: stretch.preference(wanted, hints))
        return Span(best.retrieved, best.start, best.end, best.coverage(wanted))

    def foreign_names_and_numbers(self, text: str) -> list[str]:
        """Names and numbers of ``text`` that stand in no passage."""
        foreign = [number for number in sorted(numbers(text)) if number not in self._numbers]
        for name in names(text):
            if any(stem not in self._stems for stem in content_stems(name)):
                foreign.append(name)
        return foreign


def make_citations(spans: Sequence[Span]) -> tuple[Citation, ...]:
    """Citations numbered from 1 in the order of the spans."""
    return tuple(Citation(marker, s.retrieved, s.start, s.end) for marker, s in enumerate(spans, start=1))


def numbers(text: str) -> set[str]:
    """Numbers of a text in one spelling: "1,200" and "1200" are the same, and so are "three" and "3"."""
    found = {match.group().replace(",", "") for match in _NUMBER.finditer(text)}
    found |= {_NUMBER_WORDS[word] for word in re.findall(r"[a-z]+", text.lower()) if word in _NUMBER_WORDS}
    return found


def names(text: str) -> list[str]:
    """Words written with a capital where English asks for none; a sentence's first word counts when no function word.

    Common nouns at the start of a sentence count too: a stem that stands in no passage is worth a doubt there as well.
    """
    found = []
    for match in _WORD.finditer(text):
        word = match.group()
        # Number words are compared as numbers.
        is_name = word[0].isupper() and content_stems(word)
        if is_name and word.lower() not in _NUMBER_WORDS and word.lower() not in _OPENINGS:
            found.append(word)
    return found


@dataclass(frozen=True, slots=True)
class _Stretch:
    retrieved: RetrievedPassage
    start: int
    end: int
    num_sentences: int
    stems: frozenset[str]

    def coverage(self, wanted: Sequence[str]) -> float:
        """Share, in [0, 1], of the wanted stems that stand here or in the title."""
        return sum(stem in self.stems for stem in wanted) / len(wanted)

    def preference(self, wanted: Sequence[str], hints: Sequence[str]) -> tuple[float, float]:
        """More coverage first, then more of the hints; two sentences must earn their length."""
        hint_share = sum(stem in self.stems for stem in hints) / len(hints) if hints else 0.0
        length_cost = 0.15 * (self.num_sentences - 1)
        return self.coverage(wanted) + 0.5 * hint_share - length_cost, -self.retrieved.rank


def _stretches(retrieved: RetrievedPassage) -> list[_Stretch]:
    """Every sentence of a passage, and every two neighbours."""
    text = retrieved.passage.text
    sentences = split_sentences(text)
    title = frozenset(stems(passage_header(retrieved.passage)))
    stretches = []
    for length in (1, 2):
        for first in range(len(sentences) - length + 1):
            start, end = sentences[first].start, sentences[first + length - 1].end
            own = frozenset([*stems(clean(text[start:end])), *numbers(text[start:end])])
            stretches.append(_Stretch(retrieved, start, end, length, own | title))
    return stretches


def _same_span(a: Span, b: Span) -> bool:
    key_a = (a.retrieved.passage.passage_id, a.start, a.end)
    return key_a == (b.retrieved.passage.passage_id, b.start, b.end)
