"""Of amounts that changed over time (a death toll that rose), picks the newest and keeps the earlier one.

Knows nothing of models or of how answers are weighed. Two amounts are the same thing at two times only when their
sentences hold most content words of the question, their units agree, and their articles are of different days.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from index.recency import DayRange
from index.types import RetrievedPassage
from index.words import content_stems
from qa.excerpts import sentence_around
from qa.grounding import numbers

# Log-odds: the reader holds the likelier of the two amounts for at most three times as likely; or it holds that both
# passages answer (log-odds above 0) and the likelier for at most twenty times as likely, since it reads "was 12" more
# readily than "has risen to 27". Of best sentences, not of sums: that many articles repeat an old count says nothing
# against a new one.
_COMPARABLE = 1.1
_COMPARABLE_OF_TWO = 3.0
# Share of the question's content words that each of the two sentences must hold.
_SAME_THING = 0.6
_MAX_OPTIONS = 10
# An article may carry the date after the question's by time zone.
_MAX_DAYS_LATER = 2
_COUNT_QUESTION = re.compile(r"\bhow (?:many|much)\b", re.I)
_ASKING_STEMS = frozenset(content_stems("many much number now currently today"))
_SCALES = frozenset(content_stems("hundred thousand million billion trillion dozen percent half quarter third"))
_CURRENCY = re.compile(r"[$€£¥₹%]")
_NUMBER_STEM = re.compile(r"\d")
_NUMBER_WORD_STEMS = frozenset(
    content_stems(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen twenty at least about around nearly almost over under more less some roughly"
    )
)


@dataclass(frozen=True, slots=True)
class Option:
    """A possible answer where it stands best: [start, end) of the passage's text.

    ``log_odds``: what the reader says of that place, without any prior.
    """

    text: str
    retrieved: RetrievedPassage
    start: int
    end: int
    log_odds: float

    @property
    def day(self) -> date | None:
        published_at = self.retrieved.passage.published_at
        return date.fromisoformat(published_at[:10]) if published_at else None


@dataclass(frozen=True, slots=True)
class EarlierAnswer:
    """What an older article gave as the amount."""

    text: str
    retrieved: RetrievedPassage


def newest_of(
    question: str, options: Sequence[Option], window: DayRange | None = None, asked_on: date | None = None
) -> tuple[int, int | None]:
    """Which option stands, and which is mentioned as the earlier one (None: none).

    :param options: Best first, at least one.
    :param window: The days the question speaks of; amounts of other days do not compete.
    :param asked_on: The day the question is asked on; amounts of later days do not compete.
    """
    best = options[0]
    if not _COUNT_QUESTION.search(question) or best.day is None or not _tells(question, best):
        return 0, None
    least = min(best.log_odds - _COMPARABLE, max(0.0, best.log_odds - _COMPARABLE_OF_TWO))
    rivals = [
        i
        for i, option in enumerate(options[:_MAX_OPTIONS])
        if i
        and option.log_odds >= least
        and option.day is not None
        and (window is None or window.holds(option.day))
        and (asked_on is None or (option.day - asked_on).days <= _MAX_DAYS_LATER)
        and _tells(question, option)
        and differ_in_amount(best.text, option.text)
    ]
    newer = [i for i in rivals if _day(options[i]) > best.day]
    if newer:
        return max(newer, key=lambda i: _day(options[i])), 0
    older = [i for i in rivals if _day(options[i]) < best.day]
    return 0, min(older, default=None)


def differ_in_amount(one: str, other: str) -> bool:
    """Whether both name an amount of the same unit, and not the same amount."""
    ours, theirs = numbers(one), numbers(other)
    if not ours or not theirs or ours == theirs:
        return False
    if set(_CURRENCY.findall(one)) != set(_CURRENCY.findall(other)):
        return False
    our_unit, their_unit = _unit(one), _unit(other)
    if our_unit & _SCALES != their_unit & _SCALES:
        return False
    our_unit, their_unit = our_unit - _SCALES, their_unit - _SCALES
    return not our_unit or not their_unit or bool(our_unit & their_unit)


def gives_amount_of(text: str, earlier: EarlierAnswer, newest: str) -> bool:
    """Whether a text gives the earlier amount in place of the newest one."""
    given = numbers(text)
    return bool(given & numbers(earlier.text)) and not given & numbers(newest)


def same_amount(one: str, other: str) -> bool:
    """Whether two texts share a number."""
    return bool(numbers(one) & numbers(other))


def _unit(text: str) -> frozenset[str]:
    stems = content_stems(text)
    return frozenset(stem for stem in stems if not _NUMBER_STEM.search(stem) and stem not in _NUMBER_WORD_STEMS)


def _tells(question: str, option: Option) -> bool:
    """Whether the option's own sentence holds most of what is asked."""
    wanted = [stem for stem in content_stems(question) if stem not in _ASKING_STEMS]
    text = option.retrieved.passage.text
    start, end = sentence_around(text, option.start, option.end)
    present = set(content_stems(text[start:end]))
    return bool(wanted) and sum(stem in present for stem in wanted) >= _SAME_THING * len(wanted)


def _day(option: Option) -> date:
    return option.day or date.min
