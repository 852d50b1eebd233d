"""Says how much an article's date counts for a question: newness, or nearness to the days asked about.

Knows nothing of searching.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from index.types import FloatArray, IntArray

_RECENCY_WORDS = re.compile(
    r"\b(today|tonight|yesterday|this (?:week|month|year|morning|weekend)|(?:last|past) (?:week|month|few days)|latest|"
    r"newest|recent|recently|current|currently|now|so far|breaking|these days)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class DayRange:
    """Days that a question speaks of, both ends included, None where open.

    ``grace_days`` after the last day count as inside it: what happened on a day is told on the next ones.
    """

    first: date | None
    last: date | None
    grace_days: int = 0

    def holds(self, day: date) -> bool:
        """Whether a day lies inside, the grace days included."""
        return (self.first is None or self.first <= day) and (self.last is None or day <= self._told_until(self.last))

    @property
    def ordinals(self) -> tuple[float, float]:
        """The first and the last day, the grace days included, as proleptic ordinals; infinite where open."""
        first = float(self.first.toordinal()) if self.first is not None else float("-inf")
        last = float(self.last.toordinal() + self.grace_days) if self.last is not None else float("inf")
        return first, last

    def _told_until(self, last: date) -> date:
        return last + timedelta(days=min(self.grace_days, (date.max - last).days))


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


def closeness(days: IntArray, window: DayRange, half_life_days: float) -> FloatArray:
    """Nearness (n,) in [0, 1] to the days of a window: 1 inside, halved by every half-life of distance outside.

    Undated articles get 0.

    :param days: (n,) proleptic ordinals, 0 when unknown.
    """
    first, last = window.ordinals
    distance = np.maximum(np.maximum(first - days, days - last), 0.0)
    nearness = np.exp2(-distance / half_life_days)
    return np.where(days > 0, nearness, 0.0).astype(np.float32)


def date_prior(
    days: IntArray, reference: date | None, window: DayRange | None, half_life_days: float
) -> FloatArray | None:
    """What each article's date (n,) is worth, in [0, 1]; None when dates do not matter.

    Newness or closeness to the window, whichever is more: of what happened in March articles of March tell, and so may
    those of today ("figures of last year"). In a window that reaches the reference day newness counts alone.
    """
    newness = recency(days, reference, half_life_days) if reference is not None else None
    if window is None or (reference is not None and window.holds(reference)):
        return newness
    nearness = closeness(days, window, half_life_days)
    return nearness if newness is None else np.maximum(newness, nearness)
