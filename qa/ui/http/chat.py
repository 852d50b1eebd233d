"""Chat completions as OpenAI's API has them, so that existing clients can ask; knows nothing of how answers come about.

A streamed reply's text is the checked answer, sent once it is checked: a client cannot take back a draft. The steps on
the way there are in the chunks' ``article_qa``, for those who want to show them.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from index.errors import NotFoundError
from qa.ui.http import replies
from qa.ui.http.chat_models import MODEL_MODES, ChatCompletion, ChatOptions, ChatRequest, ModelList, OpenAIError
from qa.ui.http.chat_text import question_and_history, reply_text
from qa.ui.http.context import HttpContext
from qa.ui.http.questions import answered
from qa.ui.http.streams import EVENT_STREAM, event_stream, server_sent
from qa.ui.problems import Problem

Json = dict[str, Any]
_OWNER = "article-qa"
_PIECES = re.compile(r"\S+\s*|\s+")
_REPLY = {
    "description": "The completion; with stream, chat.completion.chunk objects as Server-Sent Events, then [DONE].",
    "content": {EVENT_STREAM: {}},
}
_ERRORS: dict[int | str, Json] = {
    400: replies.described(OpenAIError, "The request is not acceptable as it is."),
    404: replies.described(OpenAIError, "There is no such model."),
    503: replies.described(OpenAIError, "Too much waits, or the models are loading: see Retry-After."),
    "default": replies.described(OpenAIError, "Any other error."),
}


def chat_routes(context: HttpContext) -> APIRouter:
    router = APIRouter(tags=["openai"])

    @router.post(
        "/v1/chat/completions",
        operation_id="chat_completions",
        response_model=ChatCompletion,
        responses={200: _REPLY, **_ERRORS},
    )
    async def chat_completions(request: Request, body: ChatRequest) -> Response:
        """Answer the last message of a conversation from the articles, in the form of OpenAI's API."""
        arguments = _arguments(body)
        head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": body.model}
        if not body.stream:
            return JSONResponse(_completion(head, await answered(context, request, **arguments)))
        steps = context.ask(request, lambda: context.endpoints.ask_stream(**arguments))
        return await event_stream(_chunks(head, steps), _failed)

    @router.get("/v1/models", operation_id="models", response_model=ModelList)
    async def models() -> Response:
        """List the model names that /v1/chat/completions takes."""
        cards = [{"id": name, "object": "model", "created": 0, "owned_by": _OWNER} for name in MODEL_MODES]
        return JSONResponse({"object": "list", "data": cards})

    return router


def _arguments(body: ChatRequest) -> Json:
    """The arguments of :meth:`qa.ui.endpoints.Endpoints.ask_stream`.

    :raises NotFoundError: If there is no such model.
    """
    mode = MODEL_MODES.get(body.model)
    if mode is None:
        raise NotFoundError(f"there is no such model; there are {' and '.join(MODEL_MODES)}")
    question, history = question_and_history(body.messages)
    options = body.article_qa or ChatOptions()
    return {"question": question, "history": history, "mode": mode, **options.model_dump()}


def _completion(head: Json, answer: Json) -> Json:
    message = {"role": "assistant", "content": reply_text(answer), "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return {**head, "object": "chat.completion", "choices": [choice], "article_qa": answer}


async def _chunks(head: Json, steps: AsyncGenerator[Json]) -> AsyncIterator[str]:
    """The role with the first step, a chunk for each step, the words of the answer, its end."""
    delta: Json = {"role": "assistant", "content": ""}
    async with aclosing(steps):
        async for step in steps:
            yield _chunk(head, delta, article_qa=step)
            delta = {}
            if step["event"] == "done":
                for piece in _PIECES.findall(reply_text(step["data"])):
                    yield _chunk(head, {"content": piece})
                yield _chunk(head, {}, finish_reason="stop")
                yield server_sent("[DONE]")


def _chunk(head: Json, delta: Json, *, finish_reason: str | None = None, article_qa: Json | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    extra = {"article_qa": article_qa} if article_qa is not None else {}
    return server_sent({**head, "object": "chat.completion.chunk", "choices": [choice], **extra})


def _failed(problem: Problem) -> str:
    error = {"message": problem.message, "type": "server_error", "param": None, "code": problem.code}
    return server_sent({"error": error})
