"""One question on its way through the hops, and what it has gathered; knows nothing of how each hop works."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from index.errors import PartialResultsError
from index.protocols import PassageSnapshot
from index.recency import DayRange, reference_date
from index.types import RetrievedPassage
from qa.answer_notes import age_note, earlier_note, partial_note, updated_notes
from qa.date_windows import DateWindow
from qa.newest_answer import same_amount
from qa.span_answer import SpanAnswer
from qa.types import Answer, Citation, Mode, Models, Note, Outcome, Seconds


@dataclass(slots=True)
class Clock:
    """Seconds since the question came in."""

    started: float = field(default_factory=time.perf_counter)
    retrieve: float = 0.0
    evidence: float = 0.0
    first_token: float | None = None

    def now(self) -> float:
        return time.perf_counter() - self.started

    def seconds(self) -> Seconds:
        return Seconds(self.retrieve, self.evidence, self.first_token, self.now())


@dataclass(slots=True)
class AskedQuestion:
    """``as_of``: the day it is asked on, if that was said; ``today``: the clock's day; ``window``: the days it speaks
    of, if they count.

    ``passages``: to be returned, best first; ``context``: what the model is shown; ``span``: the words that answer
    best, None when no passage was found; ``best_cosine``: of a retrieved passage with the question; ``is_partial``:
    whether a part of the index did not answer."""

    text: str
    standalone: str
    generation: str | None
    mode: Mode
    clock: Clock
    as_of: date | None = None
    today: date = field(default_factory=date.today)
    window: DateWindow | None = None
    passages: list[RetrievedPassage] = field(default_factory=list)
    context: list[RetrievedPassage] = field(default_factory=list)
    span: SpanAnswer | None = None
    best_cosine: float = 0.0
    is_partial: bool = False
    is_whole_collection: bool = False

    @property
    def day(self) -> date:
        """The day that "today" means in it."""
        return self.as_of or self.today

    @property
    def reference(self) -> date | None:
        """The day that newness counts from; None when it does not matter."""
        return reference_date(self.standalone, self.as_of, self.today)

    @property
    def days(self) -> DayRange | None:
        return self.window.days if self.window is not None else None

    def answer(
        self,
        outcome: Outcome,
        text: str,
        models: Models,
        *,
        short: str | None = None,
        confidence: float = 0.0,
        citations: Sequence[Citation] = (),
    ) -> Answer:
        """The reply, as things stand now."""
        return Answer(
            question=self.text,
            standalone_question=self.standalone,
            outcome=outcome,
            short_answer=short,
            answer=text,
            confidence=confidence,
            models=models,
            citations=tuple(citations),
            passages=tuple(self.passages),
            generation=self.generation,
            seconds=self.clock.seconds(),
            date_window=self.window,
            notes=tuple(self._notes(short, citations)),
        )

    def _notes(self, short: str | None, citations: Sequence[Citation]) -> list[Note]:
        partial = [partial_note()] if self.is_partial else []
        if short is None:
            return partial
        age = age_note(self.standalone, citations, self.window, self.day, is_as_of=self.as_of is not None)
        earlier = self.span.earlier if self.span is not None else None
        # Of another short answer than the passages' it is not known that it came later.
        if earlier is not None and self.span is not None and not same_amount(short, self.span.text):
            earlier = None
        notes = [*partial, age, earlier_note(earlier), *updated_notes(citations)]
        return [note for note in notes if note is not None]


def must_be_whole(snapshot: PassageSnapshot) -> None:
    """:raises PartialResultsError: If what this snapshot was asked so far left a part of the index out."""
    if snapshot.problems:
        raise PartialResultsError("a part of the articles cannot be searched just now; try again later")
