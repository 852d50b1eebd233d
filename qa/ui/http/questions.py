"""Routes that ask and search; knows nothing of how answers come about."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from index.errors import ModelError
from qa.ui.http import replies
from qa.ui.http.context import HttpContext
from qa.ui.http.requests import AskRequest, SearchRequest
from qa.ui.http.streams import EVENT_STREAM, event_stream, server_sent
from qa.ui.http.turns import client_left
from qa.ui.problems import Problem, error_json

Json = dict[str, Any]
_STREAM = {
    "description": "Server-Sent Events: evidence, token (any number), then done; or error. See /schema for their data.",
    "content": {EVENT_STREAM: {}},
}


def question_routes(context: HttpContext) -> APIRouter:
    router = APIRouter(tags=["questions"])

    @router.post("/v1/ask", operation_id="ask", response_model=replies.Answer)
    async def ask(request: Request, body: AskRequest) -> Response:
        """Answer a question from the articles, with quoted evidence, or say that they do not hold the answer."""
        return JSONResponse(await answered(context, request, **asked(body)))

    @router.post("/v1/ask_stream", operation_id="ask_stream", response_class=Response, responses={200: _STREAM})
    async def ask_stream(request: Request, body: AskRequest) -> Response:
        """The same step by step: the evidence first, then the draft as it is written, then the answer."""
        steps = context.ask(request, lambda: context.endpoints.ask_stream(**asked(body)))

        async def chunks() -> AsyncIterator[str]:
            async with aclosing(steps):
                async for step in steps:
                    yield server_sent(step["data"], event=step["event"])

        return await event_stream(chunks(), _failed)

    @router.post("/v1/search", operation_id="search", response_model=replies.SearchReply)
    async def search(body: SearchRequest) -> Response:
        """Find the passages nearest to a query, best first."""
        return JSONResponse(await context.read(lambda: context.endpoints.search(**body.model_dump())))

    return router


def asked(body: AskRequest) -> Json:
    """The arguments of :meth:`qa.ui.endpoints.Endpoints.ask`."""
    return body.model_dump()


async def answered(context: HttpContext, request: Request, **arguments: Any) -> Json:
    """The Answer; nothing is written any more once whoever asked is gone."""
    data: Json | None = None
    async with aclosing(context.ask(request, lambda: context.endpoints.ask_stream(**arguments))) as steps:
        async for step in steps:
            if step["event"] == "done":
                data = step["data"]
    if data is None and await request.is_disconnected():
        raise client_left()
    if data is None:
        raise ModelError("the question ended without an answer; ask again")
    return data


def _failed(problem: Problem) -> str:
    return server_sent(error_json(problem.code, problem.message), event="error")
