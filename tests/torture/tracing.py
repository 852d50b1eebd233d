"""Attaches strace to a worker to kill it, or to make a system call fail, at a chosen call; knows no operations.

strace counts the calls of each thread by itself, so "the third write" is met by whichever thread writes thrice first.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CHANGING_CALLS = (
    "write",
    "pwrite64",
    "pwritev",
    "writev",
    "fsync",
    "fdatasync",
    "rename",
    "renameat",
    "renameat2",
    "ftruncate",
    "link",
    "linkat",
    "mkdir",
    "mkdirat",
    "unlink",
    "unlinkat",
    "rmdir",
    "sendfile",
    "copy_file_range",
    "fallocate",
)
"""Every system call by which a process changes files."""

CREATING = "openat"
_LET_GO_SECONDS = 5.0
_CALL = re.compile(r"^(\d+) +(\w+)\(")


@dataclass(frozen=True, slots=True)
class Fault:
    """The ``number``-th call (from 1, in any one thread) of ``call`` kills the process, or fails with ``error``."""

    call: str
    number: int
    error: str | None = None

    def __str__(self) -> str:
        return f"{self.error or 'SIGKILL'} at {self.call} {self.number}"


@cache
def why_unavailable() -> str | None:
    """None when strace can be attached here, else the reason in one line."""
    if shutil.which("strace") is None:
        return "strace is not installed (`apt install strace`)"
    child = subprocess.Popen(["sleep", "10"])
    try:
        tracer = subprocess.Popen(
            ["strace", "-f", "-o", os.devnull, "-p", str(child.pid)], stderr=subprocess.PIPE, text=True
        )
        assert tracer.stderr is not None
        line = tracer.stderr.readline()
        tracer.terminate()
        tracer.communicate(timeout=10)
    finally:
        child.kill()
        child.wait()
    return None if "attached" in line else f"strace may not attach to processes here: {line.strip()}"


@contextmanager
def traced(pid: int, log: Path, fault: Fault | None = None) -> Iterator[None]:
    """Trace a process that stands still; at the end the tracer lets go of it. All changing calls go to ``log``."""
    calls = ",".join((*CHANGING_CALLS, CREATING))
    command = ["strace", "-f", "-o", str(log), "-e", f"trace={calls}", "-e", "signal=none", "-p", str(pid)]
    if fault is not None:
        effect = f"error={fault.error}" if fault.error is not None else "signal=KILL"
        command += ["-e", f"inject={fault.call}:{effect}:when={fault.number}"]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    try:
        line = tracer.stderr.readline()
        if "attached" not in line:
            raise RuntimeError(f"strace did not attach: {line.strip()}")
        yield
    finally:
        _let_go(tracer, pid)


def _let_go(tracer: subprocess.Popen[str], pid: int) -> None:
    """End a tracer: it ends by itself with a process that died, and is asked to detach from one that lives."""
    for stop in (None, signal.SIGINT, signal.SIGKILL) if _is_dead(pid) else (signal.SIGINT, signal.SIGKILL):
        if stop is not None:
            tracer.send_signal(stop)
        try:
            tracer.communicate(timeout=_LET_GO_SECONDS)
            return
        except subprocess.TimeoutExpired:
            continue  # the next, harder way
    raise RuntimeError(f"strace (process {tracer.pid}) does not end")


def _is_dead(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def count_calls(log: Path) -> dict[str, int]:
    """The most often that any one thread made each changing call; of ``openat`` see :func:`creating_numbers`."""
    by_thread: Counter[tuple[str, str]] = Counter()
    for thread, call, _ in _calls(log):
        by_thread[(call, thread)] += 1
    most: dict[str, int] = {}
    for (call, _), number in by_thread.items():
        if call != CREATING:
            most[call] = max(most.get(call, 0), number)
    return most


def creating_numbers(log: Path) -> list[int]:
    """Which ``openat`` calls of any thread, counted from 1, make a file."""
    by_thread: Counter[str] = Counter()
    numbers = set()
    for thread, call, line in _calls(log):
        if call == CREATING:
            by_thread[thread] += 1
            if "O_CREAT" in line:
                numbers.add(by_thread[thread])
    return sorted(numbers)


def num_injected(log: Path) -> int:
    return sum("(INJECTED)" in line for line in log.read_text(errors="replace").splitlines())


def _calls(log: Path) -> Iterator[tuple[str, str, str]]:
    for line in log.read_text(errors="replace").splitlines():
        match = _CALL.match(line)
        if match is not None:
            yield match[1], match[2], line
