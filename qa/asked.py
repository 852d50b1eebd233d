"""One question on its way through the hops, and what it has gathered; knows nothing of how each hop works."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from index.types import RetrievedPassage
from qa.span_answer import SpanAnswer
from qa.types import Answer, Citation, Mode, Models, Outcome, Seconds


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
    """``passages``: to be returned, best first; ``context``: what the model is shown; ``span``: the words that answer
    best, None when no passage was found; ``best_cosine``: of a retrieved passage with the question."""

    text: str
    standalone: str
    generation: str | None
    mode: Mode
    clock: Clock
    passages: list[RetrievedPassage] = field(default_factory=list)
    context: list[RetrievedPassage] = field(default_factory=list)
    span: SpanAnswer | None = None
    best_cosine: float = 0.0
    is_whole_collection: bool = False

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
        )
