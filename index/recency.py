"""Says how much newer articles count for a question; knows nothing of searching."""

from __future__ import annotations

import re
from datetime import date

import numpy as np

from index.types import FloatArray, IntArray

_RECENCY_WORDS = re.compile(
    r"\b(today|tonight|yesterday|this (?:week|month|year|morning|weekend)|(?:last|past) (?:week|month|few days)|latest|"
    r"newest|recent|recently|current|currently|now|so far|breaking|these days)\b",
    re.IGNORECASE,
)


def asks_for_news(question: str) -> bool:
    """Whether the wording itself asks for what is new ("today", "this week", "latest")."""
    return _RECENCY_WORDS.search(question) is not None


def reference_date(question: str, as_of: date | None, today: date) -> date | None:
    """The day that newness is counted from: ``as_of`` when given, today when the question asks for news, else None."""
    if as_of is not None:
        return as_of
    return today if asks_for_news(question) else None


def recency(days: IntArray, reference: date, half_life_days: float) -> FloatArray:
    """Newness (n,) in [0, 1]: 1 on the reference day, halved by every half-life, 2 ** -(age / half_life).

    Days after the reference count like days before it (an article may carry the date after the question's by time
    zone); undated articles get 0.

    :param days: (n,) proleptic ordinals, 0 when unknown.
    """
    age = np.abs(days - reference.toordinal())
    newness = np.exp2(-age / half_life_days)
    return np.where(days > 0, newness, 0.0).astype(np.float32)
