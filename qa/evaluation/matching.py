"""Says whether a gold answer stands in a text, by whole normalised words; knows nothing of questions or passages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from qa.metrics import normalise


def searchable(text: str) -> str:
    """The text's normalised words with a space on either side of each, for :func:`holds`."""
    return f" {normalise(text)} "


def searchable_answers(answers: Iterable[str]) -> tuple[str, ...]:
    """Gold answers to look for; one that normalises to nothing ("The") would stand anywhere and is left out."""
    return tuple(dict.fromkeys(f" {words} " for answer in answers if (words := normalise(answer))))


def holds(text: str, answers: Sequence[str]) -> bool:
    """Whether any of the answers stands in the text.

    :param text: From :func:`searchable`.
    :param answers: From :func:`searchable_answers`.
    """
    return any(answer in text for answer in answers)
