"""The part of OpenAI's chat completions that is spoken here, as typed models; knows nothing of answers.

Clients send many parameters that mean nothing here (temperature, tools, …): keys that are not known are ignored.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from qa.ui.http.replies import Answer, Reply
from qa.ui.http.requests import After, AsOf, Before, Source, Strict, UseDateWindow

MODEL_MODES: dict[str, Literal["full", "fast"]] = {"article-qa": "full", "article-qa-fast": "fast"}


class Lenient(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class TextPart(Lenient):
    type: Literal["text"]
    text: str


class Message(Lenient):
    """What other roles than user and assistant say is ignored: the answer comes from the articles."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Annotated[str | list[TextPart] | None, Field(description="Text, or a list of text parts.")] = None


class ChatOptions(Strict):
    """What bounds the answer, as in /v1/ask."""

    as_of: AsOf = None
    source: Source = None
    published_after: After = None
    published_before: Before = None
    use_date_window: UseDateWindow = True


class ChatRequest(Lenient):
    """A conversation whose last message is the question; earlier ones are its history."""

    model: Annotated[str, Field(max_length=200, description='"article-qa", or "article-qa-fast" for mode fast.')]
    messages: Annotated[list[Message], Field(min_length=1, max_length=2_000)]
    stream: bool | None = None
    article_qa: Annotated[ChatOptions | None, Field(description="Filters; not part of OpenAI's API.")] = None


class ReplyMessage(Reply):
    role: Literal["assistant"]
    content: str
    refusal: None = None


class Choice(Reply):
    index: Literal[0]
    message: ReplyMessage
    finish_reason: Literal["stop"]
    logprobs: None = None


class ChatCompletion(Reply):
    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: Annotated[list[Choice], Field(min_length=1, max_length=1)]
    article_qa: Annotated[Answer, Field(description="The same answer for programs, with citations and passages.")]


class Delta(Reply):
    role: Literal["assistant"] | None = None
    content: str | None = None


class ChunkChoice(Reply):
    index: Literal[0]
    delta: Delta
    finish_reason: Literal["stop"] | None


class ChatCompletionChunk(Reply):
    """One step of a streamed completion. The content is the checked answer only; ``article_qa`` holds every event."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: Annotated[list[ChunkChoice], Field(min_length=1, max_length=1)]
    article_qa: Annotated[dict[str, Any] | None, Field(description="An event, as of /v1/ask_stream.")] = None


class ModelCard(Reply):
    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class ModelList(Reply):
    object: Literal["list"]
    data: list[ModelCard]


class OpenAIErrorBody(Reply):
    message: str
    type: str
    param: str | None
    code: str


class OpenAIError(Reply):
    error: OpenAIErrorBody
