"""What an answer is and what happens while one is made; knows nothing of models or pages.

The JSON form of :class:`Answer` is a public contract.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

from index.types import ClusterMember, RetrievedPassage
from qa.date_windows import DateWindow

Outcome = Literal["answered", "not_in_articles", "no_articles"]
Mode = Literal["fast", "full"]


class Turn(TypedDict):
    """One turn of a conversation, as in the OpenAI and Gradio message formats."""

    role: Literal["user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Citation:
    """A marker in the answer and the words it stands for: ``passage.text[start:end]`` is the quote.

    ``marker`` counts from 1; ``start`` and ``end`` are offsets into the passage's text.
    """

    marker: int
    retrieved: RetrievedPassage
    start: int
    end: int

    @property
    def quote(self) -> str:
        return self.retrieved.passage.text[self.start : self.end]

    @property
    def article_span(self) -> tuple[int, int]:
        """Offsets of the quote into the article's text."""
        offset = self.retrieved.passage.start
        return offset + self.start, offset + self.end


@dataclass(frozen=True, slots=True)
class Seconds:
    """Wall-clock seconds from the question to each point; ``first_token`` is None when nothing was written."""

    retrieve: float = 0.0
    evidence: float = 0.0
    first_token: float | None = None
    total: float = 0.0


@dataclass(frozen=True, slots=True)
class Models:
    """Ids of the models that took part; ``generator`` is None in fast mode."""

    embedder: str
    evidence: str
    generator: str | None


@dataclass(frozen=True, slots=True)
class Note:
    """One sentence to be shown beside an answer.

    ``kind``: "age" (the evidence is old for what is asked), "earlier" (what an older article gave as the amount),
    "updated" (a cited article was revised before the version that is cited), or "partial" (not all articles were
    searched).
    """

    kind: Literal["age", "earlier", "updated", "partial"]
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The reply to one question.

    ``short_answer`` is None unless ``outcome`` is "answered". ``answer`` holds the sentences to show, with [n] markers.
    ``confidence`` is a calibrated probability that the short answer is right. ``date_window``: the days the question
    was taken to speak of, whose articles counted for more; None when it speaks of none, or when it was asked without.
    ``notes``: what should be shown beside the answer.
    """

    question: str
    standalone_question: str
    outcome: Outcome
    short_answer: str | None
    answer: str
    confidence: float
    models: Models
    citations: tuple[Citation, ...] = ()
    passages: tuple[RetrievedPassage, ...] = ()
    generation: str | None = None
    seconds: Seconds = field(default_factory=Seconds)
    date_window: DateWindow | None = None
    notes: tuple[Note, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "question": self.question,
            "standalone_question": self.standalone_question,
            "outcome": self.outcome,
            "short_answer": self.short_answer,
            "answer": self.answer,
            "confidence": round(self.confidence, 4),
            "citations": [_citation_json(citation) for citation in self.citations],
            "passages": [passage_json(retrieved) for retrieved in self.passages],
            "generation": self.generation,
            "models": {
                "embedder": self.models.embedder,
                "evidence": self.models.evidence,
                "generator": self.models.generator,
            },
            "seconds": {
                "retrieve": round(self.seconds.retrieve, 4),
                "evidence": round(self.seconds.evidence, 4),
                "first_token": None if self.seconds.first_token is None else round(self.seconds.first_token, 4),
                "total": round(self.seconds.total, 4),
            },
            "date_window": _window_json(self.date_window) if self.date_window is not None else None,
            "notes": [{"kind": note.kind, "text": note.text} for note in self.notes],
        }


@dataclass(frozen=True, slots=True)
class EvidenceFound:
    """The passages are read; nothing is written yet.

    ``answer``: what the evidence alone says, with its quote; None when no passage was found. In mode fast it is the
    final one.
    """

    standalone_question: str
    passages: tuple[RetrievedPassage, ...]
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class TextWritten:
    """All that the model has written so far and that may be shown: ungrounded draft, before citations."""

    draft: str


@dataclass(frozen=True, slots=True)
class Done:
    """The last event of every question.

    ``signals``: what was decided from, by name, for evaluation and calibration (:func:`qa.decision.evidence_of`).
    """

    answer: Answer
    signals: Mapping[str, Any] = field(default_factory=dict)


Event = EvidenceFound | TextWritten | Done


def passage_json(retrieved: RetrievedPassage) -> dict[str, Any]:
    """One entry of ``passages`` in the public contract."""
    passage = retrieved.passage
    return {
        "rank": retrieved.rank,
        "score": round(retrieved.score, 6),
        **_article_json(passage.article_id, passage.title, passage.url, passage.source, passage.published_at),
        "text": passage.text,
        "char_start": passage.start,
        "char_end": passage.end,
        "updated_on": retrieved.updated_on,
        "also_in": also_in_json(retrieved.also_in),
    }


def also_in_json(members: Sequence[ClusterMember]) -> list[dict[str, str | None]]:
    """Other articles that tell the same story nearly word for word, in the public contract."""
    return [
        _article_json(member.article_id, member.title, member.url, member.source, member.published_at)
        for member in members
    ]


def _citation_json(citation: Citation) -> Mapping[str, Any]:
    passage = citation.retrieved.passage
    start, end = citation.article_span
    return {
        "marker": citation.marker,
        **_article_json(passage.article_id, passage.title, passage.url, passage.source, passage.published_at),
        "quote": citation.quote,
        "char_start": start,
        "char_end": end,
        "updated_on": citation.retrieved.updated_on,
        "also_in": also_in_json(citation.retrieved.also_in),
    }


def _window_json(window: DateWindow) -> dict[str, Any]:
    """Days are ISO dates, both included; null where the window is open. ``source`` dates the event, if there is one."""
    source = window.source
    return {
        "phrase": window.phrase,
        "after": window.after.isoformat() if window.after is not None else None,
        "before": window.before.isoformat() if window.before is not None else None,
        "source": {"article_id": source.article_id, "title": source.title, "published_at": source.published_at}
        if source is not None
        else None,
    }


def _article_json(
    article_id: str, title: str, url: str | None, source: str | None, published_at: str | None
) -> dict[str, str | None]:
    return {"article_id": article_id, "title": title, "url": url, "source": source, "published_at": published_at}
