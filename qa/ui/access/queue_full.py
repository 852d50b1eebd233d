"""Says "busy, try in N seconds" where Gradio only says that its queue is full; knows nothing of how long the queue is.

Gradio answers 503, which its page turns into a sentence of its own; of a 429 it shows what is said.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qa.ui.access.identity import BusyError
from qa.ui.access.metrics import Metrics
from qa.ui.access.paths import GRADIO_API


class QueueFull:
    """ASGI middleware around the app that has the queue.

    :param retry_after: How many seconds to wait, when that is asked now.
    """

    def __init__(self, app: ASGIApp, retry_after: Callable[[], int], metrics: Metrics) -> None:
        self._app = app
        self._retry_after = retry_after
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(GRADIO_API):
            await self._app(scope, receive, send)
            return
        is_full = False

        async def held(message: Message) -> None:
            nonlocal is_full
            is_full = is_full or (message["type"] == "http.response.start" and message["status"] == 503)
            if not is_full:
                await send(message)

        await self._app(scope, receive, held)
        if is_full:
            self._metrics.refusal("busy")
            busy = BusyError(self._retry_after())
            headers = {"Retry-After": str(busy.retry_after_seconds)}
            await JSONResponse({"detail": str(busy)}, 429, headers)(scope, receive, send)
