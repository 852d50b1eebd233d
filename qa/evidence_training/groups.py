"""The unit of training: one question with a few contexts; knows nothing of where they come from or of models."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa.metrics import normalise

Span = tuple[int, int]
"""Character offsets [start, end)."""


@dataclass(frozen=True, slots=True)
class Context:
    """A text that the question is asked of.

    ``spans``: where the answer stands in ``text``, every place counts as right; empty when the text does not answer.
    """

    title: str
    text: str
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """A question with contexts that compete for it. ``kind`` names the source, for sampling and for reports."""

    question: str
    contexts: tuple[Context, ...]
    kind: str

    @property
    def positives(self) -> list[Context]:
        return [context for context in self.contexts if context.spans]

    @property
    def negatives(self) -> list[Context]:
        return [context for context in self.contexts if not context.spans]

    def draw(self, num_positives: int, num_negatives: int, rng: random.Random) -> Group:
        """At most so many contexts of either sort, drawn at random, positives first."""
        positives, negatives = self.positives, self.negatives
        chosen = rng.sample(positives, min(num_positives, len(positives)))
        chosen += rng.sample(negatives, min(num_negatives, len(negatives)))
        return Group(self.question, tuple(chosen), self.kind)


def find_answer(text: str, answer: str) -> tuple[Span, ...]:
    """Where an answer stands in a text as whole words, compared as SQuAD does (case, articles and punctuation aside).

    >>> find_answer("He chose “Squid Game”, again.", "squid game")
    ((10, 20),)
    """
    wanted = normalise(answer).split()
    if not wanted:
        return ()
    words = [(word, start, end) for word, start, end in _words(text) if word]
    spans = []
    for first in range(len(words) - len(wanted) + 1):
        if all(words[first + i][0] == wanted[i] for i in range(len(wanted))):
            spans.append((words[first][1], words[first + len(wanted) - 1][2]))
    return tuple(spans)


def _words(text: str) -> Iterator[tuple[str, int, int]]:
    """Each word normalised ("" for articles and bare punctuation), with offsets that leave punctuation at its ends
    out."""
    position = 0
    for raw in text.split():
        start = text.index(raw, position)
        end = position = start + len(raw)
        while start < end and not (text[start].isalnum() or text[start] in "$€£"):
            start += 1
        while end > start and not (text[end - 1].isalnum() or text[end - 1] == "%"):
            end -= 1
        yield normalise(raw), start, end


def write_groups(groups: Iterable[Group], path: Path) -> int:
    """Write one JSON line a group; returns how many."""
    num = 0
    with path.open("w", encoding="utf-8") as file:
        for group in groups:
            contexts = [{"title": c.title, "text": c.text, "spans": c.spans} for c in group.contexts]
            line = {"question": group.question, "kind": group.kind, "contexts": contexts}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            num += 1
    return num


def read_groups(paths: Sequence[Path]) -> list[Group]:
    """:raises OSError: If a file cannot be read."""
    groups = []
    for path in paths:
        with path.open(encoding="utf-8") as file:
            groups += [_group(json.loads(line)) for line in file]
    return groups


def _group(line: dict[str, Any]) -> Group:
    contexts = tuple(
        Context(c["title"], c["text"], tuple((int(a), int(b)) for a, b in c["spans"])) for c in line["contexts"]
    )
    return Group(line["question"], contexts, line["kind"])
