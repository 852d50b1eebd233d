"""Turns steps into Server-Sent Events; knows nothing of what the steps are.

The first step is waited for before anything is sent, so that what fails until then (wrong arguments, too many
questions, models that are loading) is an ordinary HTTP error. What fails later can only be an event.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.responses import StreamingResponse

from index.errors import ArticleQAError
from qa.ui.http.errors import unforeseen
from qa.ui.problems import Problem, problem_of

Json = dict[str, Any]
EVENT_STREAM = "text/event-stream"
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # proxies must not collect what comes slowly


async def event_stream(chunks: AsyncIterator[str], failed: Callable[[Problem], str]) -> StreamingResponse:
    """A response that sends chunks as they come, and ``failed(problem)`` when one fails after the first.

    :raises Exception: Whatever the first chunk fails with.
    """
    first = await anext(chunks)

    async def all_chunks() -> AsyncIterator[str]:
        try:
            yield first
            async for chunk in chunks:
                yield chunk
        except ArticleQAError as error:
            yield failed(problem_of(error))
        except Exception as error:  # noqa: BLE001 (goes to the log; the caller learns that there was one)
            yield failed(unforeseen(error))
        finally:
            await chunks.aclose()  # type: ignore[attr-defined]  # they are generators

    return StreamingResponse(all_chunks(), media_type=EVENT_STREAM, headers=_HEADERS)


def server_sent(data: Json | str, *, event: str | None = None) -> str:
    """One event. JSON keeps to one line, since line feeds in strings are escaped."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return f"event: {event}\ndata: {text}\n\n" if event is not None else f"data: {text}\n\n"
