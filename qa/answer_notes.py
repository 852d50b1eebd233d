"""What should be said beside an answer: how old its evidence is, what was true earlier, what was revised.

Knows nothing of how the answer was found. The texts are plain English, part of the answer's public form.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from index.recency import asks_for_news
from index.types import Passage
from qa.date_named import MONTHS
from qa.date_windows import DateWindow
from qa.newest_answer import EarlierAnswer
from qa.types import Citation, Note

# Evidence older than this is old for a question about the present.
_OLD_DAYS = 30
_PRESENT = re.compile(
    r"^\W*(?:who|whose|what|where|which\b.{0,40}?|how\s+(?:many|much|old)\b.{0,60}?)(?:\s+|['’])(?:is|are|s)\b", re.I
)
# From here on months, and from here on years, say more than smaller units.
_MONTHS_FROM_DAYS, _YEARS_FROM_DAYS = 60, 730


def partial_note() -> Note:
    """What an answer must say when a server that holds a part of the articles did not answer."""
    return Note("partial", "A part of the articles could not be searched just now; they may say more, or otherwise.")


def asks_for_the_present(question: str) -> bool:
    """Whether a question is about how things are when it is asked ("who is the president", "the latest")."""
    return asks_for_news(question) or _PRESENT.search(question) is not None


def age_note(
    question: str, citations: Sequence[Citation], window: DateWindow | None, day: date, *, is_as_of: bool
) -> Note | None:
    """How old the newest cited article is, when that is old for what is asked.

    :param day: The day the question is asked on; ``is_as_of``: it was given, so that ages count to that day.
    """
    if not citations or (window is None and not asks_for_the_present(question)):
        return None
    dates = [_day_of(citation.retrieved.passage) for citation in citations]
    known = [some for some in dates if some is not None]
    if not known:
        return Note(
            "age", "From an undated article." if len(set(_articles(citations))) == 1 else "From undated articles."
        )
    newest = max(known)
    if window is not None and window.days.holds(newest):
        return None
    # Of days that are over, an article is old when it is older than they are.
    asked_day = window.after if window is not None and window.after is not None else day
    if (asked_day - newest).days <= _OLD_DAYS:
        if window is None or window.after is None or newest >= window.after:
            return None
        return Note("age", f"From an article of {shown_day(newest)}, before the days asked about.")
    age = shown_age((day - newest).days)
    return Note("age", f"From an article of {shown_day(newest)}, {age} {'before' if is_as_of else 'ago'}.")


def earlier_note(earlier: EarlierAnswer | None) -> Note | None:
    """What an older article gave: "Earlier: 10 (2 March 2022, Outlet)"."""
    day = _day_of(earlier.retrieved.passage) if earlier is not None else None
    if earlier is None or day is None:
        return None
    origin = ", ".join(part for part in (shown_day(day), earlier.retrieved.passage.source) if part)
    return Note("earlier", f"Earlier: {earlier.text} ({origin}).")


def updated_notes(citations: Sequence[Citation]) -> list[Note]:
    """One for each cited article that was revised before the version that is cited."""
    updated = {
        citation.retrieved.passage.article_id: (citation.retrieved.passage.title, citation.retrieved.updated_on)
        for citation in citations
        if citation.retrieved.updated_on is not None
    }
    return [
        Note("updated", f"“{title}” was updated on {shown_day(date.fromisoformat(on))}.")
        for title, on in updated.values()
        if on is not None
    ]


def shown_day(day: date) -> str:
    return f"{day.day} {MONTHS[day.month - 1].capitalize()} {day.year}"


def shown_age(num_days: int) -> str:
    """ "45 days", "8 months", "2 years", rounded to the nearest."""
    if num_days < _MONTHS_FROM_DAYS:
        return f"{num_days} days"
    if num_days < _YEARS_FROM_DAYS:
        return f"{round(num_days / 30.44)} months"
    return f"{round(num_days / 365.25)} years"


def _articles(citations: Sequence[Citation]) -> list[str]:
    return [citation.retrieved.passage.article_id for citation in citations]


def _day_of(passage: Passage) -> date | None:
    return date.fromisoformat(passage.published_at[:10]) if passage.published_at else None
