"""Replies to requests that fail: always ``{"error": {"code", "message"}}``; knows nothing of what was asked.

For the paths of the OpenAI-compatible part the object has that API's ``type`` and ``param``, too.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from index.errors import ArticleQAError
from qa.ui.problems import Code, Problem, code_of_status, error_json, one_line, problem_of

_log = logging.getLogger(__name__)
_OPENAI = ("/v1/chat/", "/v1/models")
_MAX_SHOWN = 3
_INTERNAL = Problem("internal", 500, "Something went wrong inside the program; its log says what.")


def add_error_handlers(app: FastAPI) -> None:
    """Nothing but our own JSON is ever sent for an error."""
    app.add_exception_handler(ArticleQAError, _own)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_middleware(_Unforeseen)  # a handler for Exception would have Starlette raise it all the same


def error_response(problem: Problem, path: str) -> JSONResponse:
    body: dict[str, Any] = error_json(problem.code, problem.message)
    if path.startswith(_OPENAI):
        kind = "server_error" if problem.status >= 500 else "invalid_request_error"
        body["error"] |= {"type": kind, "param": None}
    headers = {"Retry-After": str(problem.retry_after_seconds)} if problem.retry_after_seconds is not None else None
    return JSONResponse(body, problem.status, headers)


def unforeseen(error: Exception) -> Problem:
    """What is told of an error nobody foresaw; the rest is for the log."""
    _log.error("an unforeseen error", exc_info=error)
    return _INTERNAL


async def _own(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ArticleQAError)
    return error_response(problem_of(error), request.url.path)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return error_response(Problem("bad_input", 400, _explained(error.errors(), request)), request.url.path)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code: Code = code_of_status(error.status_code)
    reply = error_response(Problem(code, error.status_code, str(error.detail)), request.url.path)
    reply.headers.update(error.headers or {})
    return reply


class _Unforeseen:
    """ASGI middleware that answers for errors nobody foresaw, and keeps the connection."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_started = False

        async def noticed(message: Message) -> None:
            nonlocal is_started
            is_started = True
            await send(message)

        try:
            await self._app(scope, receive, noticed)
        except Exception as error:
            if is_started:
                raise
            await error_response(unforeseen(error), scope["path"])(scope, receive, send)


def _explained(errors: Sequence[Any], request: Request) -> str:
    """Where and why the first few values are wrong, without repeating what was sent."""
    is_json = "json" in request.headers.get("content-type", "")
    if request.method == "POST" and not is_json and request.url.path != "/v1/files":
        return "the body must be JSON, sent with the header Content-Type: application/json"
    shown = [f"{_place(error['loc'])}{error['msg']}" for error in errors[:_MAX_SHOWN]]
    if len(errors) > _MAX_SHOWN:
        shown.append(f"and {len(errors) - _MAX_SHOWN} more")
    return one_line("; ".join(shown)) or "the request could not be understood"


def _place(location: Sequence[object]) -> str:
    """Such as "history[2].role: "."""
    path = ""
    for part in location[1:]:  # the first says body, query, path or header
        path += f"[{part}]" if isinstance(part, int) else f".{str(part)[:80]}"
    return f"{path.removeprefix('.')}: " if path else ""
