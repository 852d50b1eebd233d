"""Runs a module of ours on some bytes in a process with limits, since a process can be stopped and a thread cannot.

Knows nothing of what the module does with the bytes, or of what its answer means.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def run_module(module: str, arguments: Sequence[str], data: bytes, *, max_seconds: float) -> dict[str, Any]:
    """The JSON object that ``python -m module`` writes when it gets ``data`` on standard input.

    :raises TimeoutError: It took longer than that, and was stopped.
    :raises ChildProcessError: It crashed, or was stopped by its own limits (:func:`cap_this_process`).
    """
    command, environment = module_command(module, arguments)
    try:
        finished = subprocess.run(  # noqa: S603 - our own module, no shell, the document goes in as data
            command,
            input=data,
            capture_output=True,
            timeout=max_seconds,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(f"{module} took more than {max_seconds:g} seconds") from error
    if finished.returncode != 0:
        raise ChildProcessError(f"{module} ended with status {finished.returncode}")
    answer: dict[str, Any] = json.loads(finished.stdout)
    return answer


def module_command(module: str, arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The command, and the environment for it, that runs a module of ours as this process would find it."""
    search_path = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    return [sys.executable, "-P", "-m", module, *arguments], {**os.environ, "PYTHONPATH": search_path}


def cap_this_process(max_bytes: int, max_seconds: float) -> None:
    """Limit this process's memory and processor time; no more than a wish where the system has no such limits."""
    if sys.platform != "win32":
        import resource  # exists on POSIX systems only

        resource.setrlimit(resource.RLIMIT_AS, (max_bytes, max_bytes))
        # The asking process stops this one in time, unless it was itself killed meanwhile.
        seconds = math.ceil(max_seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
