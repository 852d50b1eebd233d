"""Sends requests to an app in this process and says what must not have come of one; knows nothing of what is wrong.

A reply of 500 or more is a server error, unless it is 503, which says that a well-formed request may come again later.
An error nobody foresaw that is told within a reply of 200 (an event, a JSON-RPC result) counts as one, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp

from tests.api_fuzzing.requests import Sent

_PATIENCE_SECONDS = 120.0
# Some replies are streams that stand open until the client goes away.
_GOES_AWAY_AFTER_SECONDS = 30.0
_MCP_STREAM_SECONDS = 0.3
# In a stream of Gradio, of the HTTP API, and in a JSON-RPC reply.
_INTERNAL = re.compile(r'"error":\s*null|event: error\ndata: null|"code":\s*"internal"|"code":\s*-32603')


@dataclass(frozen=True, slots=True)
class Reply:
    """``problem``: why this must not have come; None when it may."""

    status: int
    body: str
    problem: str | None = None


@contextlib.asynccontextmanager
async def running(app: ASGIApp) -> AsyncIterator[None]:
    """The app between its start and its end."""
    to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    from_app: asyncio.Queue[Any] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}}
    task: asyncio.Task[None] = asyncio.ensure_future(app(scope, to_app.get, from_app.put))
    for step in ("startup", "shutdown"):
        await to_app.put({"type": f"lifespan.{step}"})
        said = await from_app.get()
        if said["type"] != f"lifespan.{step}.complete":
            raise RuntimeError(f"the app did not survive its {step}: {said}")
        if step == "startup":
            yield
    await task


async def tried(app: ASGIApp, request: Sent) -> Reply:
    """The reply to a request; of a call that Gradio queued, the reply to asking for its result."""
    reply = await _sent(app, request)
    event_id = _event_id(reply) if request.way == "gradio" and "/call/" in request.path else None
    if event_id is None or reply.problem is not None:
        return reply
    name = request.path.rstrip("/").rsplit("/", 1)[-1]
    return await _sent(app, Sent("gradio", "GET", f"/gradio_api/call/{name}/{event_id}"))


async def _sent(app: ASGIApp, request: Sent) -> Reply:
    status, parts, is_over = 0, [b""], asyncio.Event()
    patience = _MCP_STREAM_SECONDS if (request.way, request.method) == ("mcp", "GET") else _GOES_AWAY_AFTER_SECONDS
    bodies = [{"type": "http.request", "body": request.body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if bodies:
            return bodies.pop()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(is_over.wait(), patience)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                is_over.set()

    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await app(_scope(request), receive, send)
    except TimeoutError:
        return Reply(status, _text(parts), f"no end after {_PATIENCE_SECONDS:.0f} seconds")
    except Exception as error:  # noqa: BLE001 (whatever it is, a server would have failed with it)
        return Reply(status, _text(parts), f"raised {type(error).__name__}: {error}"[:300])
    return _judged(Reply(status, _text(parts)))


def _judged(reply: Reply) -> Reply:
    if reply.status == 0:
        return replace(reply, problem="no reply")
    if reply.status >= 500 and reply.status != 503:
        return replace(reply, problem=f"status {reply.status}")
    found = _INTERNAL.search(reply.body)
    return replace(reply, problem=f"an unforeseen error: {found.group()}") if found else reply


def _scope(request: Sent) -> dict[str, Any]:
    given = {name for name, _ in request.headers}
    headers = [*request.headers]
    if "host" not in given:
        headers.append(("host", "localhost"))
    if "content-length" not in given and request.body:
        headers.append(("content-length", str(len(request.body))))
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote(request.path, errors="replace"),
        "raw_path": request.path.encode("utf-8"),
        "root_path": "",
        "query_string": request.query.encode("ascii", "replace"),
        "headers": [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 7_860),
    }


def _event_id(reply: Reply) -> str | None:
    try:
        found = json.loads(reply.body)
    except ValueError:
        return None
    event_id = found.get("event_id") if isinstance(found, dict) else None
    return event_id if reply.status == 200 and isinstance(event_id, str) else None


def _text(parts: list[bytes]) -> str:
    return b"".join(parts).decode("utf-8", "replace")
