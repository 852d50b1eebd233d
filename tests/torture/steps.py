"""Counts the steps of this process that Python sees, and kills it before a chosen one; knows none of their meanings."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Collection
from typing import Any

CHANGING_STEPS = frozenset(
    {"os.rename", "os.link", "os.mkdir", "os.remove", "os.rmdir", "sqlite3.connect", "open", "shutil.rmtree"}
)
"""What passes Python's audit hooks and changes a name or opens a file; of ``open`` only for writing."""


def count_steps(suicide: int, events: Collection[str] = CHANGING_STEPS) -> Callable[[], int]:
    """Count from here on, to the end of the process.

    :param suicide: Which step (from 1) this process is killed before; 0 for none.
    :return: Says how many there were.
    """
    num_steps = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal num_steps
        if event in events and not (event == "open" and not _is_writing(arguments)):
            num_steps += 1
            if num_steps == suicide:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    return lambda: num_steps


def _is_writing(arguments: tuple[Any, ...]) -> bool:
    flags = arguments[2] if len(arguments) > 2 and isinstance(arguments[2], int) else 0
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
