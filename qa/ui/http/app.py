"""Puts the HTTP API together: routes, errors, schema; knows nothing of the page, and nothing of who may come in.

It is an app of its own beside Gradio's, so that neither's errors are the other's.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from qa.ui import text
from qa.ui.calls import Calls
from qa.ui.endpoints import Endpoints
from qa.ui.http import replies
from qa.ui.http.articles import article_routes
from qa.ui.http.chat import chat_routes
from qa.ui.http.context import HttpContext
from qa.ui.http.errors import add_error_handlers
from qa.ui.http.idempotency import KeyedCalls
from qa.ui.http.questions import question_routes
from qa.ui.http.schema import contract_schema
from qa.ui.ports import QuestionService
from qa.ui.question_slots import QuestionSlots

API_VERSION = "1"
_PATHS = ("/v1/", "/schema", "/openapi.json")
_FAILURES: dict[int | str, dict[str, Any]] = {
    400: replies.described(replies.Error, "The request is not acceptable as it is."),
    503: replies.described(
        replies.Error, "Too much waits or the models are loading (Retry-After says when to come back), or it is broken."
    ),
    "default": replies.described(replies.Error, "Any other error."),
}


def make_http_api(
    service: QuestionService, endpoints: Endpoints, slots: QuestionSlots, keyed: KeyedCalls, *, max_file_bytes: int
) -> FastAPI:
    """The app for the paths that :class:`BesidePage` sends to it.

    :param endpoints: Over a service that answers at once: here is where questions take their turns.
    :param slots: Where they wait for them.
    :param keyed: Does requests with an Idempotency-Key once.
    :param max_file_bytes: The largest file of an upload.
    """
    context = HttpContext(service, endpoints, max_file_bytes, slots, Calls(slots.num_parallel, 0), keyed=keyed)
    app = FastAPI(
        title=text.PRODUCT,
        version=API_VERSION,
        description="Answers questions from a collection of news articles, and quotes the sentences it rests on.",
        docs_url=None,
        redoc_url=None,
        responses=_FAILURES,
        separate_input_output_schemas=False,
        redirect_slashes=False,
    )
    for routes in (question_routes, article_routes, chat_routes):
        app.include_router(routes(context))

    @app.get("/schema", operation_id="schema", tags=["contracts"], responses={200: {"description": "JSON Schema."}})
    async def schema() -> Response:
        """The JSON Schema of every contract."""
        return JSONResponse(contract_schema())

    add_error_handlers(app)
    return app


class BesidePage:
    """ASGI app that sends the HTTP API's paths to it, and all others to the page."""

    def __init__(self, http_api: ASGIApp, page: ASGIApp) -> None:
        self._http_api = http_api
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_api = scope["type"] == "http" and _is_api(scope["path"])
        await (self._http_api if is_api else self._page)(scope, receive, send)


def _is_api(path: str) -> bool:
    return path.startswith(_PATHS[0]) or path in _PATHS[1:]
