"""A conversation on the page as values: one exchange a question; knows nothing of HTML or of Gradio."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from index.types import RetrievedPassage
from qa.types import Answer, Citation, Event, EvidenceFound, TextWritten, Turn
from qa.ui.ask_options import AskOptions

_MARKERS = re.compile(r"\s?\[\d{1,3}\]")


class Phase(StrEnum):
    """Where a question stands. The first three are under way; the others are final. LOST: it was kept, and its answer
    cannot be shown any more."""

    WAITING = "waiting"
    SEARCHING = "searching"
    WRITING = "writing"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and all that is known of its answer so far.

    ``use_date_window``: whether articles of the days it speaks of count for more; ``options``: what else it is asked
    with; ``is_alone``: it is no follow-up of what was said before; ``evidence``: what the passages alone say, shown
    until the answer is whole.
    """

    question: str
    phase: Phase = Phase.WAITING
    evidence: Answer | None = None
    draft: str = ""
    passages: tuple[RetrievedPassage, ...] = ()
    answer: Answer | None = None
    problem: str | None = None
    use_date_window: bool = True
    options: AskOptions = field(default_factory=AskOptions)
    is_alone: bool = False

    @property
    def is_under_way(self) -> bool:
        return self.phase in (Phase.WAITING, Phase.SEARCHING, Phase.WRITING)

    @property
    def citations(self) -> tuple[Citation, ...]:
        known = self.answer or self.evidence
        return known.citations if known is not None else ()

    def citation(self, marker: int) -> Citation | None:
        return next((citation for citation in self.citations if citation.marker == marker), None)

    def passage(self, rank: int) -> RetrievedPassage | None:
        return next((retrieved for retrieved in self.passages if retrieved.rank == rank), None)

    @property
    def shown(self) -> Answer | None:
        """The answer, or what the evidence alone says until there is one; None while neither answers."""
        known = self.answer or self.evidence
        return known if known is not None and known.outcome == "answered" else None

    @property
    def draft_parts(self) -> tuple[str, str]:
        """The short answer that the model decided on and the text it has written under it so far."""
        short, _, written = self.draft.partition("\n\n")
        return short.strip(), written.strip()

    @property
    def lead(self) -> Citation | None:
        """The quote to show with the short answer: the one that was shown first, as long as it holds the answer."""
        shown = self.shown
        if shown is None:
            return None
        short = (shown.short_answer or "").casefold()
        earlier = self.evidence.citations if self.evidence is not None else ()
        candidates = (*earlier, *shown.citations)
        holding = (citation for citation in candidates if short and short in citation.quote.casefold())
        return next(holding, shown.citations[0] if shown.citations else None)


Conversation = tuple[Exchange, ...]


def with_event(exchange: Exchange, event: Event) -> Exchange:
    """The exchange after one more event of its answer."""
    if isinstance(event, EvidenceFound):
        return replace(exchange, phase=Phase.WRITING, passages=event.passages, evidence=event.answer)
    if isinstance(event, TextWritten):
        return replace(exchange, phase=Phase.WRITING, draft=event.draft)
    passages = event.answer.passages or exchange.passages
    return replace(exchange, phase=Phase.DONE, answer=event.answer, passages=passages)


def stopped(conversation: Conversation) -> Conversation:
    """The conversation with its last question given up, if that is under way."""
    if conversation and conversation[-1].is_under_way:
        return (*conversation[:-1], replace(conversation[-1], phase=Phase.STOPPED))
    return conversation


def is_under_way(conversation: Conversation) -> bool:
    return bool(conversation) and conversation[-1].is_under_way


def turns(conversation: Sequence[Exchange]) -> list[Turn]:
    """What was said, as plain text without citation markers, for understanding a follow-up question."""
    said: list[Turn] = []
    for exchange in conversation:
        reply = _reply(exchange)
        if reply:
            said += [{"role": "user", "content": exchange.question}, {"role": "assistant", "content": reply}]
    return said


def _reply(exchange: Exchange) -> str:
    if exchange.answer is None:
        return ""
    return _MARKERS.sub("", exchange.answer.answer).strip() or exchange.answer.short_answer or ""
