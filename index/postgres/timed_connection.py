"""A connection to PostgreSQL that waits for a server's answer for a while only; knows nothing of pools or questions.

A machine that hangs goes on acknowledging what it is sent, so the network's own time limits never notice it.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg
from psycopg.rows import TupleRow

_Result = TypeVar("_Result")


class OverdueError(psycopg.OperationalError):
    """The server did not answer in time; the connection is closed."""


class TimedConnection(psycopg.Connection[TupleRow]):
    """Closes itself when the server is silent for too long.

    ``answer_seconds`` is how long one statement's answer is waited for, ``deadline`` (of ``time.monotonic``) when all
    must have been answered; None for ever. A commit is waited for as long as it takes: a standby may be away.
    """

    answer_seconds: float | None = None
    deadline: float | None = None

    def wait(self, gen: Generator[Any, Any, _Result], *args: Any, **kwargs: Any) -> _Result:
        """As psycopg's.

        :raises OverdueError: If the server is silent for too long.
        """
        if self.answer_seconds is None and self.deadline is None:
            return super().wait(gen, *args, **kwargs)
        try:
            return super().wait(self._limited(gen), *args, **kwargs)
        except OverdueError:
            self.close()
            raise

    def commit(self) -> None:
        """As psycopg's, without a limit."""
        limits = self.answer_seconds, self.deadline
        self.answer_seconds = self.deadline = None
        try:
            super().commit()
        finally:
            self.answer_seconds, self.deadline = limits

    def _limited(self, gen: Generator[Any, Any, _Result]) -> Generator[Any, Any, _Result]:
        """The same steps, looked at each time that nothing came (every 0.1 s)."""
        began = time.monotonic()
        ends = [began + self.answer_seconds] if self.answer_seconds is not None else []
        end = min([*ends, self.deadline] if self.deadline is not None else ends)
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() > end:
                    raise OverdueError(f"no answer within {max(0.0, end - began):.3g} s")
                wanted = gen.send(ready)
        except StopIteration as done:
            result: _Result = done.value
            return result
