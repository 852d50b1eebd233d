"""Says whether a gold answer stands in a text, by whole normalised words; knows nothing of questions or passages.

More lenient than SQuAD's normalisation, by which answers are scored: a possessive and words joined by a dash are also
looked at apart, so that "Mariah Carey" stands in "Mariah Carey’s" and "12 year" in "12-year".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from qa.metrics import normalise

_POSSESSIVE = re.compile(r"(?<=\w)['’ʼ]s\b", re.IGNORECASE)
_DASH_BETWEEN_WORDS = re.compile(r"(?<=\w)[-‐‑‒–—―](?=\w)")


def searchable(text: str) -> str:
    """The text's normalised words with a space on either side of each, in both forms, for :func:`holds`."""
    return "".join(f" {form} " for form in _forms(text))


def searchable_answers(answers: Iterable[str]) -> tuple[str, ...]:
    """Gold answers to look for; one that normalises to nothing ("The") would stand anywhere and is left out."""
    return tuple(dict.fromkeys(f" {form} " for answer in answers for form in _forms(answer) if form))


def holds(text: str, answers: Sequence[str]) -> bool:
    """Whether any of the answers stands in the text.

    :param text: From :func:`searchable`.
    :param answers: From :func:`searchable_answers`.
    """
    return any(answer in text for answer in answers)


def _forms(text: str) -> tuple[str, ...]:
    """As SQuAD normalises it, and, where that differs, with possessives and joined words taken apart."""
    # The "s" stays a word of its own: else "McDonald's" would be found wherever a McDonald is.
    apart = _DASH_BETWEEN_WORDS.sub(" ", _POSSESSIVE.sub(" s", text))
    return tuple(dict.fromkeys((normalise(text), normalise(apart))))
