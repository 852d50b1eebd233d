"""Shows progress as plain lines, for logs; knows nothing of what goes on."""

from __future__ import annotations

import time
from collections.abc import Callable

from index.builder import Progress

_SECONDS_BETWEEN_LINES = 30.0


def plain_progress(
    write: Callable[[str], None],
    *,
    seconds_between: float = _SECONDS_BETWEEN_LINES,
    now: Callable[[], float] = time.monotonic,
) -> Progress:
    """Lines such as "asking 40/810 (2.1 s each, 27 min left)": the first and last of a stage, and some between."""
    started: dict[str, tuple[float, int]] = {}
    last: dict[str, float] = {}

    def report(stage: str, done: int, total: int) -> None:
        moment = now()
        is_first = stage not in started
        if is_first or done < started[stage][1]:
            started[stage] = (moment, done)
        elif done < total and moment - last[stage] < seconds_between:
            return
        last[stage] = moment
        begun, done_then = started[stage]
        write(f"{stage} {done}/{total}{_rate(moment - begun, done - done_then, total - done)}")

    return report


def _rate(seconds: float, num_done: int, num_left: int) -> str:
    if num_done <= 0 or num_left <= 0:
        return ""
    each = seconds / num_done
    return f" ({each:.2f} s each, {each * num_left / 60:.0f} min left)"
