"""Waits for a question's turn without a thread, and no longer than whoever asked does; knows nothing of questions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import anyio
from starlette.exceptions import HTTPException
from starlette.requests import Request

from qa.ui.question_slots import QuestionSlots

_CLIENT_LEFT = 499  # nobody reads it, but the figures count it, and it is no error of ours


def client_left() -> HTTPException:
    """What ends a request whose client is gone."""
    return HTTPException(_CLIENT_LEFT, "whoever asked is gone")


@asynccontextmanager
async def turn(slots: QuestionSlots, request: Request) -> AsyncIterator[None]:
    """Wait for a turn and keep it.

    :raises BusyError: At once, if too many wait already.
    :raises HTTPException: If the client left meanwhile; its place is free again then.
    """
    loop, came = asyncio.get_running_loop(), asyncio.Event()

    def call() -> None:
        with suppress(RuntimeError):  # the loop is closed: the server stops, and nobody waits any more
            loop.call_soon_threadsafe(came.set)

    place = slots.line_up(call)
    try:
        if place.came_at is None:
            await _wait(came, request)
        yield
    finally:
        slots.leave(place)


async def _wait(came: asyncio.Event, request: Request) -> None:
    async with anyio.create_task_group() as waiting:
        waiting.start_soon(_until_gone, request, waiting.cancel_scope)
        await came.wait()
        waiting.cancel_scope.cancel()
    if not came.is_set():
        raise client_left()


async def _until_gone(request: Request, scope: anyio.CancelScope) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass  # what is left of the body
    scope.cancel()
