"""Answers requests that Gradio cannot make sense of with 400 and one line; knows nothing of what would make sense.

Gradio's routes take what they are sent apart without checking it, and fail with an internal error when it is not what
they expect; the work itself runs elsewhere, in its queue, so a route that fails was sent something wrong.
"""

from __future__ import annotations

import logging

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qa.ui.mcp_tools import MCP_PATH

_log = logging.getLogger(__name__)
_REASON = "The request could not be understood; /gradio_api/info describes the endpoints and their parameters."
_API = "/gradio_api/"


class Malformed:
    """ASGI middleware around the app that has the API."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_API) or scope["path"].startswith(MCP_PATH):
            await self._app(scope, receive, send)
            return
        reply = _Reply(send)
        try:
            await self._app(scope, receive, reply)
        except Exception as error:  # noqa: BLE001 (whatever Gradio fails with; said in the log and in the reply)
            _log.warning("refused %s %s: %s", scope["method"], scope["path"], _first_line(error))
            await reply.end()
        if reply.is_held:
            await PlainTextResponse(_REASON, 400)(scope, receive, send)


class _Reply:
    """A ``send`` that holds internal errors back."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._is_started = False
        self._is_ended = False
        self.is_held = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.is_held = message["status"] >= 500 and message["status"] != 503  # 503: the queue is full
            self._is_started = not self.is_held
        if self.is_held:
            return
        self._is_ended = message["type"] == "http.response.body" and not message.get("more_body", False)
        await self._send(message)

    async def end(self) -> None:
        """End a reply that broke off, so that nobody waits for the rest; one not begun is held."""
        if self._is_started and not self._is_ended:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        elif not self._is_started:
            self.is_held = True


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]
