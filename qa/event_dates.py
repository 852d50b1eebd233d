"""Dates the event of "since the election" by the articles about it, when they leave no doubt; else there is no window.

Knows nothing of how articles are found.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from index.types import RetrievedPassage
from index.words import content_stems, stems
from qa.date_windows import DateSource, DateWindow

_BOUND = re.compile(r"\b(?P<word>since|after|before)\s+(?P<noun>(?:the\s+)?[\w’'-]+(?:\s+[\w’'-]+){0,9})", re.I)
# A noun phrase ends before these; prepositions may go on with it ("the election in Brazil").
_ENDS = frozenset(
    "is are was were be been being has have had did do does will would can could may might must should who whom whose "
    "which what when where why how and or but that than because while if began begin begins started ended happened "
    "took broke came went left hit struck died won lost resigned this last next".split()
)
_MAX_WORDS = 7
_PREPOSITIONS = frozenset("in of on at for to from with by against over the a an".split())
# The event must have been news on a few days in a row, in this many articles, and these must be most of those about it.
_NUM_DAYS = 4
_MIN_ARTICLES = 3
_MIN_SHARE = 0.6
# Cosine of passage and phrase; unrelated passages stay below.
_MIN_COSINE = 0.35


@dataclass(frozen=True, slots=True)
class EventPhrase:
    """ "since the election": ``word`` is since, after or before; it all stands at [start, end) of the question."""

    word: str
    noun: str
    start: int
    end: int


def event_phrase(question: str) -> EventPhrase | None:
    """The first event that bounds the time asked about; only "the ..." and names are taken for one."""
    for match in _BOUND.finditer(question):
        noun = _noun_phrase(match["noun"])
        is_name = noun[:1].isupper()
        if noun and (is_name or noun.lower().startswith("the ")) and content_stems(noun):
            start = match.start("noun")
            return EventPhrase(match["word"].lower(), noun, match.start(), start + len(noun))
    return None


def event_window(
    event: EventPhrase, question: str, hits: Sequence[RetrievedPassage], reference: date
) -> DateWindow | None:
    """The window from or up to the day the event was first told of; None when the articles do not agree on one.

    :param hits: Passages found for the event's words.
    """
    about = _about(event, hits, reference)
    days = sorted(day for day, _ in about)
    best = _newest_cluster(days)
    if best is None:
        return None
    first, told = next(
        (day, hit) for day, hit in sorted(about, key=lambda some: (some[0], some[1].rank)) if day >= best
    )
    passage = told.passage
    source = DateSource(passage.article_id, passage.title, first.isoformat())
    phrase = " ".join(question[event.start : event.end].split())
    after, before = (None, first) if event.word == "before" else (first, None)
    return DateWindow(phrase, event.start, event.end, after, before, strict=False, source=source)


def _noun_phrase(words: str) -> str:
    """The words up to the first one that cannot be part of it."""
    kept: list[re.Match[str]] = []
    for word in re.finditer(r"\S+", words):
        if word.group().lower() in _ENDS or len(kept) == _MAX_WORDS:
            break
        kept.append(word)
    while kept and kept[-1].group().lower() in _PREPOSITIONS:
        kept.pop()
    return words[: kept[-1].end()] if kept else ""


def _about(
    event: EventPhrase, hits: Sequence[RetrievedPassage], reference: date
) -> list[tuple[date, RetrievedPassage]]:
    """One passage an article that holds all words of the event, with its day, of articles not after the reference."""
    wanted = content_stems(event.noun)
    articles: dict[str, tuple[date, RetrievedPassage]] = {}
    for hit in hits:
        passage = hit.passage
        if passage.published_at is None or hit.cosine < _MIN_COSINE or passage.article_id in articles:
            continue
        day = date.fromisoformat(passage.published_at[:10])
        present = set(stems(f"{passage.title} {passage.text}"))
        if day <= reference and all(stem in present for stem in wanted):
            articles[passage.article_id] = (day, hit)
    return list(articles.values())


def _newest_cluster(days: Sequence[date]) -> date | None:
    """First day of the newest run of a few days with enough of the articles."""
    for first in sorted(set(days), reverse=True):
        num_inside = sum(first <= day < first + timedelta(days=_NUM_DAYS) for day in days)
        if num_inside >= _MIN_ARTICLES and num_inside >= _MIN_SHARE * len(days):
            # As early as the same cluster goes: a later first day may hold enough articles too.
            return _earliest(first, days)
    return None


def _earliest(first: date, days: Sequence[date]) -> date:
    end = max(day for day in days if first <= day < first + timedelta(days=_NUM_DAYS))
    return min(day for day in days if end - timedelta(days=_NUM_DAYS) < day <= end)
