"""Bounds how many questions are answered and wait at once, for all ways of asking; knows nothing of who asks how.

The page, the Gradio API and MCP ask a service that :class:`LimitedService` wraps and wait in their threads; plain HTTP
lines up without a thread (:mod:`qa.ui.http.turns`). It is one line.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from index.types import Filters
from qa.types import Event, Mode, Turn
from qa.ui.access.identity import BusyError
from qa.ui.passed_on import PassedOn
from qa.ui.ports import QuestionService

_FIRST_GUESS_SECONDS = 2.0
_WEIGHT_OF_LATEST = 0.2
_LONGEST_RETRY_SECONDS = 120
_LONGEST_WAIT_SECONDS = 120.0
"""Nobody lines up who would wait longer at the usual pace: a program gives up by then, and its answer is lost work."""


@dataclass(eq=False, slots=True)
class Place:
    """One question's, first in the line and then where it is answered.

    ``call``: called once when its turn comes, from whatever thread. ``came_at``: when that was; None until then.
    """

    call: Callable[[], None]
    came_at: float | None = None


class QuestionSlots:
    """Some questions at once, some more in line, first come, first served; as many as have their turn in two minutes.

    :param num_parallel: How many are answered at once.
    :param max_waiting: How many more may wait; beyond that a question is refused at once.
    :param on_refusal: Called when one is.
    """

    def __init__(self, num_parallel: int, max_waiting: int, on_refusal: Callable[[], None] = lambda: None) -> None:
        self.num_parallel = num_parallel
        self._max_waiting = max_waiting
        self._on_refusal = on_refusal
        self._lock = threading.Lock()
        self._num_free = num_parallel
        self._line: deque[Place] = deque()
        self._usual_seconds = _FIRST_GUESS_SECONDS

    @property
    def num_waiting(self) -> int:
        return len(self._line)

    @property
    def num_answering(self) -> int:
        return self.num_parallel - self._num_free

    def line_up(self, call: Callable[[], None]) -> Place:
        """Take a place, which must be given back by :meth:`leave`. Never waits.

        :param call: Called when the turn comes, which may be before this returns.
        :raises BusyError: If too many wait already.
        """
        place = Place(call)
        with self._lock:
            if self._num_free > 0:
                self._num_free -= 1
                place.came_at = time.monotonic()
            elif not self._is_full():
                self._line.append(place)
                return place
        if place.came_at is None:
            self._on_refusal()
            raise BusyError(self.retry_after_seconds())
        call()
        return place

    def refuse_if_full(self) -> None:
        """:raises BusyError: If too many wait: :meth:`line_up` would say so, too."""
        if self._num_free == 0 and self._is_full():
            self._on_refusal()
            raise BusyError(self.retry_after_seconds())

    def _is_full(self) -> bool:
        num_waiting = len(self._line)
        seconds = self._usual_seconds * (num_waiting + 1) / self.num_parallel
        return num_waiting >= self._max_waiting or seconds > _LONGEST_WAIT_SECONDS

    def leave(self, place: Place) -> None:
        """Give a place back: after its turn, or because nobody waits for it any more."""
        now = time.monotonic()
        with self._lock:
            if place.came_at is None:
                self._line.remove(place)
                return
            self._usual_seconds += _WEIGHT_OF_LATEST * (now - place.came_at - self._usual_seconds)
            following = self._line.popleft() if self._line else None
            if following is None:
                self._num_free += 1
                return
            following.came_at = now  # the slot goes over as it is, so that nobody can jump the line
        following.call()

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for a turn, in this thread, and keep it.

        :raises BusyError: If too many wait already.
        """
        came = threading.Event()
        place = self.line_up(came.set)
        try:
            came.wait()
            yield
        finally:
            self.leave(place)

    def retry_after_seconds(self, num_more: int = 0) -> int:
        """When, at the usual pace, half of those who wait will have had their turn.

        :param num_more: How many wait elsewhere.
        """
        seconds = self._usual_seconds * ((len(self._line) + num_more) / 2 + 1) / self.num_parallel
        return max(1, min(math.ceil(seconds), _LONGEST_RETRY_SECONDS))


class LimitedService(PassedOn):
    """A question service whose questions take their turns."""

    def __init__(self, service: QuestionService, slots: QuestionSlots) -> None:
        super().__init__(service)
        self._slots = slots

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
