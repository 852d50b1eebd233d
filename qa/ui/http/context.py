"""What every route of the HTTP API works with; knows nothing of routes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TypeVar

from starlette.requests import Request

from index.errors import ModelError
from qa.ui.calls import Calls
from qa.ui.endpoints import Endpoints
from qa.ui.http.idempotency import IdempotentCalls, KeyedCalls
from qa.ui.http.turns import turn
from qa.ui.ports import QuestionService
from qa.ui.problems import NotReadyError
from qa.ui.question_slots import QuestionSlots

Result = TypeVar("Result")
_NUM_READING, _MAX_READING_WAITING = 8, 256
_NUM_WRITING, _MAX_WRITING_WAITING = 4, 32


@dataclass(frozen=True, slots=True)
class HttpContext:
    """``max_file_bytes``: the largest file of an upload. ``slots``: where questions wait for their turns; ``asking``:
    has a thread for each that has one, so that no refusal, and nobody's next words, wait for a thread."""

    service: QuestionService
    endpoints: Endpoints
    max_file_bytes: int
    slots: QuestionSlots
    asking: Calls
    reading: Calls = field(default_factory=lambda: Calls(_NUM_READING, _MAX_READING_WAITING))
    writing: Calls = field(default_factory=lambda: Calls(_NUM_WRITING, _MAX_WRITING_WAITING))
    keyed: KeyedCalls = field(default_factory=IdempotentCalls)

    def require_ready(self) -> None:
        """:raises NotReadyError: The models are still loading; waiting for them here would only block the line.

        :raises ModelError: They cannot be loaded.
        """
        loading = self.service.loading()
        if loading.error is not None:
            raise ModelError(loading.error)
        if not loading.is_ready:
            raise NotReadyError(f"still loading: {loading.stage} ({loading.done} of {loading.total}); try again soon")

    async def read(self, call: Callable[[], Result]) -> Result:
        self.require_ready()
        return await self.reading.run(call)

    async def write(self, call: Callable[[], Result]) -> Result:
        self.require_ready()
        return await self.writing.run(call)

    async def ask(self, request: Request, start: Callable[[], Iterator[Result]]) -> AsyncGenerator[Result]:
        """The steps of an answer; ends early, and stops the writing, when whoever asked is gone.

        :param start: Checks what is asked, at once, and makes what yields the steps, which does nothing before that.
        :raises BusyError: At once, if too many questions wait.
        """
        self.require_ready()
        iterator = start()
        async with turn(self.slots, request), aclosing(self.asking.steps(iterator)) as steps:
            async for step in steps:
                yield step
                if await request.is_disconnected():
                    return
