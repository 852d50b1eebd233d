"""Bounds how many questions are answered and wait at once, for all ways of asking; knows nothing of who asks how.

The page, the Gradio API, MCP and plain HTTP all ask the one service that :class:`LimitedService` wraps.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from index.types import Filters, RetrievedPassage
from qa.types import Event, Mode, Turn
from qa.ui.access.identity import BusyError
from qa.ui.ports import ArticleStore, LoadingState, QuestionService, WebAddresses

_FIRST_GUESS_SECONDS = 2.0
_WEIGHT_OF_LATEST = 0.2
_LONGEST_RETRY_SECONDS = 120


class QuestionSlots:
    """Some questions at once, some more in line, first come, first served.

    :param num_parallel: How many are answered at once.
    :param max_waiting: How many more may wait; beyond that a question is refused at once.
    """

    def __init__(self, num_parallel: int, max_waiting: int) -> None:
        self._num_parallel = num_parallel
        self._max_waiting = max_waiting
        self._lock = threading.Lock()
        self._num_free = num_parallel
        self._line: deque[threading.Event] = deque()
        self._usual_seconds = _FIRST_GUESS_SECONDS

    @property
    def num_waiting(self) -> int:
        return len(self._line)

    @property
    def num_answering(self) -> int:
        return self._num_parallel - self._num_free

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for a turn and keep it.

        :raises BusyError: If too many wait already.
        """
        turn = self._take_or_line_up()
        if turn is not None:
            turn.wait()
        started = time.monotonic()
        try:
            yield
        finally:
            self._hand_over(time.monotonic() - started)

    def _take_or_line_up(self) -> threading.Event | None:
        with self._lock:
            if self._num_free > 0:
                self._num_free -= 1
                return None
            if len(self._line) >= self._max_waiting:
                raise BusyError(self.retry_after_seconds())
            turn = threading.Event()
            self._line.append(turn)
            return turn

    def _hand_over(self, seconds: float) -> None:
        with self._lock:
            self._usual_seconds += _WEIGHT_OF_LATEST * (seconds - self._usual_seconds)
            if self._line:
                self._line.popleft().set()  # the slot goes over as it is, so that nobody can jump the line
            else:
                self._num_free += 1

    def retry_after_seconds(self, num_more: int = 0) -> int:
        """When, at the usual pace, half of those who wait will have had their turn.

        :param num_more: How many wait elsewhere.
        """
        seconds = self._usual_seconds * ((len(self._line) + num_more) / 2 + 1) / self._num_parallel
        return max(1, min(math.ceil(seconds), _LONGEST_RETRY_SECONDS))


class LimitedService:
    """A question service whose questions take their turns."""

    def __init__(self, service: QuestionService, slots: QuestionSlots) -> None:
        self._service = service
        self._slots = slots

    @property
    def collection(self) -> ArticleStore:
        return self._service.collection

    @property
    def addresses(self) -> WebAddresses:
        return self._service.addresses

    def loading(self) -> LoadingState:
        return self._service.loading()

    def status(self) -> dict[str, Any]:
        return self._service.status()

    def search(self, query: str, k: int = 10, filters: Filters | None = None) -> list[RetrievedPassage]:
        return self._service.search(query, k, filters)

    def ask(
        self,
        question: str,
        *,
        as_of: str | None = None,
        history: Sequence[Turn] = (),
        mode: Mode = "full",
        filters: Filters | None = None,
        use_date_window: bool = True,
    ) -> Iterator[Event]:
        """See :meth:`qa.ui.ports.QuestionService.ask`; waits for its turn when the first event is asked for.

        :raises BusyError: If too many questions wait already.
        """
        with self._slots.slot():
            yield from self._service.ask(
                question,
                as_of=as_of,
                history=history,
                mode=mode,
                filters=filters,
                use_date_window=use_date_window,
            )
