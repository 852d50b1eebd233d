"""What the HTTP API sends, as typed and documented models; knows nothing of how it is made.

Replies are the same JSON objects that the Gradio API, MCP and the command line give. Programs must ignore keys that
they do not know: more may come, and none goes or changes its meaning within /v1.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from qa.ui.problems import Code


class Reply(BaseModel):
    model_config = ConfigDict(extra="allow")


class ArticleName(Reply):
    article_id: str
    title: str
    url: str | None
    source: str | None
    published_at: Annotated[str | None, Field(description="An ISO date.")]


class Quoted(ArticleName):
    char_start: Annotated[int, Field(description="Offset into the article's text.")]
    char_end: int
    updated_on: Annotated[str | None, Field(description="When the article was revised, if it was.")]
    also_in: Annotated[list[ArticleName], Field(description="Other articles with nearly the same text.")]


class Citation(Quoted):
    marker: Annotated[int, Field(ge=1, description="The [n] in the answer.")]
    quote: Annotated[str, Field(description="article.text[char_start:char_end]")]


class Passage(Quoted):
    rank: Annotated[int, Field(ge=1)]
    score: Annotated[float, Field(description="Higher is better; compares within one reply only.")]
    text: Annotated[str, Field(description="article.text[char_start:char_end]")]


class Models(Reply):
    embedder: str
    evidence: str
    generator: Annotated[str | None, Field(description="null in mode fast.")]


class Seconds(Reply):
    retrieve: float
    evidence: float
    first_token: float | None
    total: float


class DatedBy(Reply):
    article_id: str
    title: str
    published_at: str | None


class DateWindow(Reply):
    phrase: str
    after: str | None
    before: str | None
    source: Annotated[DatedBy | None, Field(description="The article that dates the event, if there is one.")]


class Note(Reply):
    kind: Literal["age", "earlier", "updated", "partial"]
    text: str


class Answer(Reply):
    """The reply to one question."""

    question: str
    standalone_question: Annotated[str, Field(description="The question as understood from the history.")]
    outcome: Literal["answered", "not_in_articles", "no_articles"]
    short_answer: Annotated[str | None, Field(description="null unless the outcome is answered.")]
    answer: Annotated[str, Field(description="Sentences with [n] markers.")]
    confidence: Annotated[
        float, Field(ge=0, le=1, description="A calibrated probability that the short answer is right.")
    ]
    citations: list[Citation]
    passages: list[Passage]
    generation: str | None
    models: Models
    seconds: Seconds
    date_window: Annotated[DateWindow | None, Field(description="The days the question was taken to speak of.")]
    notes: Annotated[list[Note], Field(description="What should be shown beside the answer.")]


class SearchReply(Reply):
    query: str
    passages: list[Passage]


class ArticleSummary(ArticleName):
    accepted_at: Annotated[str, Field(description="When this revision came in, ISO 8601, UTC.")]


class Article(ArticleSummary):
    """The current revision of an article, with its whole text."""

    text: str
    content_hash: str
    num_revisions: Annotated[int, Field(ge=1)]


class ArticlePage(Reply):
    articles: list[ArticleSummary]
    total: Annotated[int, Field(ge=0, description="How many articles match in all.")]
    offset: int
    limit: int


class Rejected(Reply):
    item: str
    reason: str


class AddReport(Reply):
    """What became of every item of a batch."""

    added: int
    revised: int
    unchanged: int
    duplicates: int
    rejected: list[Rejected]
    generation: str | None


class Removed(Reply):
    removed: list[str]
    generation: str | None


class Rebuilt(Reply):
    generation: str | None


class Status(Reply):
    generation: str | None
    num_articles: int
    num_passages: int
    newest_published_at: str | None
    models: Models


class ErrorBody(Reply):
    code: Annotated[Code, Field(description="Stable: programs may branch on it.")]
    message: Annotated[str, Field(description="One line for people: what was found, what was expected, what to do.")]


class Error(Reply):
    """The body of every error."""

    error: ErrorBody


class Evidence(Reply):
    """The data of an ``evidence`` event: what was found, before anything is written."""

    standalone_question: str
    passages: list[Passage]
    answer: Annotated[
        Answer | None, Field(description="What the evidence says by itself; null when nothing was found.")
    ]


class Token(Reply):
    """The data of a ``token`` event: more of a draft that is not checked yet."""

    text: Annotated[str, Field(description="What is new.")]
    replaces: Annotated[bool, Field(description="Whether text is the whole draft, in place of what came before.")]
    draft: Annotated[str, Field(description="All of the draft so far.")]


class EvidenceEvent(Reply):
    event: Literal["evidence"]
    data: Evidence


class TokenEvent(Reply):
    event: Literal["token"]
    data: Token


class DoneEvent(Reply):
    event: Literal["done"]
    data: Answer


class ErrorEvent(Reply):
    event: Literal["error"]
    data: Error


def described(model: type[BaseModel], description: str) -> dict[str, Any]:
    """An entry of FastAPI's ``responses``."""
    return {"model": model, "description": description}
