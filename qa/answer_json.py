"""Reads an answer back from its public JSON form, with checks; knows nothing of where it was kept.

What the JSON form leaves out (ids of passages, their cosine and BM25, revisions) is made up: enough to show the answer
and to write the same JSON again, not to search with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, ValidationError

from index.errors import BadInputError
from index.types import ClusterMember, Passage, RetrievedPassage
from qa.date_windows import DateSource, DateWindow
from qa.types import Answer, Citation, Models, Note, Outcome, Seconds

_STAGE = "kept"


class _Json(BaseModel):
    """Strict: a number is no text. Unknown keys are those of a newer version."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, allow_inf_nan=False)


class _Article(_Json):
    article_id: str
    title: str
    url: str | None
    source: str | None
    published_at: str | None


class _Place(_Article):
    char_start: NonNegativeInt
    char_end: NonNegativeInt
    updated_on: str | None = None
    also_in: list[_Article] = []


class _Citation(_Place):
    marker: PositiveInt
    quote: str


class _Passage(_Place):
    rank: PositiveInt
    score: float
    text: str


class _Source(_Json):
    article_id: str
    title: str
    published_at: str


class _Window(_Json):
    phrase: str
    after: str | None
    before: str | None
    source: _Source | None


class _Note(_Json):
    kind: Literal["age", "earlier", "updated", "partial"]
    text: str


class _Models(_Json):
    embedder: str
    evidence: str
    generator: str | None


class _Seconds(_Json):
    retrieve: float
    evidence: float
    first_token: float | None
    total: float


class _Answer(_Json):
    question: str
    standalone_question: str
    outcome: Outcome
    short_answer: str | None
    answer: str
    confidence: Annotated[float, Field(ge=0, le=1)]
    citations: list[_Citation]
    passages: list[_Passage]
    generation: str | None
    models: _Models
    seconds: _Seconds
    date_window: _Window | None = None
    notes: list[_Note] = []


def answer_from_json(value: object) -> Answer:
    """The answer that :meth:`qa.types.Answer.to_json` made ``value`` of; its JSON is the same again.

    :raises BadInputError: Naming the first key that is missing or of another kind.
    """
    try:
        read = _Answer.model_validate(value)
        passages = tuple(_retrieved(passage, passage.text, passage.rank, passage.score) for passage in read.passages)
        return Answer(
            question=read.question,
            standalone_question=read.standalone_question,
            outcome=read.outcome,
            short_answer=read.short_answer,
            answer=read.answer,
            confidence=read.confidence,
            models=Models(read.models.embedder, read.models.evidence, read.models.generator),
            citations=tuple(
                _cited(citation, passages, len(passages) + number) for number, citation in enumerate(read.citations, 1)
            ),
            passages=passages,
            generation=read.generation,
            seconds=Seconds(read.seconds.retrieve, read.seconds.evidence, read.seconds.first_token, read.seconds.total),
            date_window=_window(read.date_window, read.question) if read.date_window is not None else None,
            notes=tuple(Note(note.kind, note.text) for note in read.notes),
        )
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "answer"
        raise BadInputError(f"the answer's {key!r} is not as it should be: {first['msg']}") from error
    except ValueError as error:  # a date that is none, a window that ends before it starts
        raise BadInputError(f"the answer's dates are not as they should be: {error}") from error


def article_keys(value: Mapping[str, object]) -> tuple[set[str], set[str]]:
    """Ids and addresses of every article that an answer's JSON names, in citations, passages and elsewhere.

    :param value: As :meth:`qa.types.Answer.to_json` makes it.
    """
    ids: set[str] = set()
    urls: set[str] = set()
    waiting: list[object] = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            article_id, url = one.get("article_id"), one.get("url")
            ids |= {article_id} if isinstance(article_id, str) else set()
            urls |= {url} if isinstance(url, str) else set()
            waiting += one.values()
        elif isinstance(one, Sequence) and not isinstance(one, str):
            waiting += one
    return ids, urls


def _cited(citation: _Citation, passages: Sequence[RetrievedPassage], rank: int) -> Citation:
    """The citation in the passage that it was cut from; in one that is the quote alone where that was not returned."""
    length = citation.char_end - citation.char_start
    for retrieved in passages:
        passage = retrieved.passage
        start = citation.char_start - passage.start
        is_same = passage.article_id == citation.article_id and start >= 0
        if is_same and passage.text[start : start + length] == citation.quote:
            return Citation(citation.marker, retrieved, start, start + length)
    return Citation(citation.marker, _retrieved(citation, citation.quote, rank, 0.0), 0, len(citation.quote))


def _retrieved(place: _Place, text: str, rank: int, score: float) -> RetrievedPassage:
    if len(text) != place.char_end - place.char_start:
        raise BadInputError("the answer's offsets and texts differ")
    passage = Passage(
        passage_id=-rank,
        article_id=place.article_id,
        revision_id=0,
        title=place.title,
        url=place.url,
        source=place.source,
        published_at=place.published_at,
        text=text,
        start=place.char_start,
        end=place.char_end,
    )
    also_in = tuple(
        ClusterMember(0, other.article_id, other.title, other.url, other.source, other.published_at)
        for other in place.also_in
    )
    return RetrievedPassage(passage, rank, score, _STAGE, 0.0, 0.0, also_in=also_in, updated_on=place.updated_on)


def _window(window: _Window, question: str) -> DateWindow:
    source = window.source
    start = max(question.find(window.phrase), 0)
    return DateWindow(
        window.phrase,
        start,
        start + len(window.phrase),
        date.fromisoformat(window.after) if window.after is not None else None,
        date.fromisoformat(window.before) if window.before is not None else None,
        strict=True,
        source=DateSource(source.article_id, source.title, source.published_at) if source is not None else None,
    )
