"""Where in a question a date phrase stands, and the signs by which it is a name instead ("Theresa May", "USA Today").

Knows nothing of what the phrases mean.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from qa.date_calendar import Period

_SENTENCE_START = re.compile(r"(?:^|[.?!:;]\s)[\s\"'“‘(]*$")
_CAPITAL = re.compile(r"\s+[\"“‘(]?[A-Z]")
_POSSESSIVE = re.compile(r"['’]s?\b|['’](?=\s)")
_WORD = re.compile(r"[A-Za-z]+")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a phrase may start.

    ``preposition``: the word before it in lower case ("since", "between"), None when there is none that matters;
    ``opens``: whether the phrase, preposition included, begins a sentence.
    """

    question: str
    position: int
    reference: date
    preposition: str | None
    opens: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A period and where its words end. ``is_relative``: it is counted from the reference day ("last week")."""

    period: Period
    end: int
    is_relative: bool = False


def opens_sentence(question: str, position: int) -> bool:
    return _SENTENCE_START.search(question[max(0, position - 20) : position]) is not None if position else True


def is_possessive(question: str, end: int) -> bool:
    return _POSSESSIVE.match(question, end) is not None


def before_capital(question: str, end: int) -> bool:
    """Whether a word with a capital follows: what ends here is then likely part of a name ("Friday Night Lights")."""
    return _CAPITAL.match(question, end) is not None and not question.isupper()


def has_no_capitals(question: str) -> bool:
    """Typed without capitals, so that "march" may be the month."""
    return question == question.lower()


def is_title(words: str, place: Place) -> bool:
    """Whether common words are written like a name: "The Tonight Show", "USA Today"; a sentence's first word is not."""
    if place.question.isupper():
        return False
    spelled = _WORD.findall(words)
    return any(word[0].isupper() for word in (spelled[1:] if place.opens else spelled))
