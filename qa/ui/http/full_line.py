"""Refuses questions while too many wait, before anything is done for them; knows nothing of what they ask.

Reading and checking a question costs more than refusing it: of hundreds at once the last would wait for its refusal.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from qa.ui.access.identity import BusyError
from qa.ui.http.errors import error_response
from qa.ui.problems import problem_of
from qa.ui.question_slots import QuestionSlots

_ASKING = frozenset({"/v1/ask", "/v1/ask_stream", "/v1/chat/completions"})


class FullLine:
    """ASGI middleware around the HTTP API."""

    def __init__(self, app: ASGIApp, slots: QuestionSlots) -> None:
        self._app = app
        self._slots = slots

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if scope["path"] in _ASKING and scope["method"] == "POST":
            try:
                self._slots.refuse_if_full()
            except BusyError as error:
                app = error_response(problem_of(error), scope["path"])
        await app(scope, receive, send)
