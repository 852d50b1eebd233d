"""Prepared folders, and workers that operate on copies of them; knows no faults but those it is given."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.torture.report import SuiteReport
from tests.torture.scenario import OPERATIONS, copy_folder, prepare
from tests.torture.tracing import count_calls, creating_numbers, traced
from tests.torture.workers import Worker, Workers

READY_LIMIT_SECONDS = 5.0


def must_be_ready_in_time(report: SuiteReport, what: str, run: Callable[[], float]) -> None:
    """Do ``run``, which says how long a restart took; once more if that was too long, for the machine may be busy."""
    for _ in range(2):
        seconds = run()
        report.raise_to("slowest_ready_seconds", seconds)
        if seconds <= READY_LIMIT_SECONDS:
            return
        report.count("restarts_over_5_seconds")
    report.blame(what, [f"ready after {seconds:.1f} s, twice"])


class Bench:
    """One folder that is made anew for every run.

    :param work: An empty folder; ``bases`` are made in it.
    :param data: Where the runs take place, if not in ``work``.
    """

    def __init__(self, workers: Workers, work: Path, data: Path | None = None) -> None:
        self._workers = workers
        self.work = work
        self.folder = data or work / "data"
        for operation in OPERATIONS.values():
            prepare(self._base(operation.name), operation)

    def _base(self, operation: str) -> Path:
        return self.work / "base" / operation

    def start(self, operation: str, *, hold: str = "start", suicide: int = 0) -> Worker:
        """A worker that is about to operate on a fresh copy; it goes on at the next word."""
        shutil.rmtree(self.folder, ignore_errors=True)
        copy_folder(self._base(operation), self.folder)
        worker = self._workers.start(
            "operate", folder=str(self.folder), operation=operation, hold=hold, suicide=suicide
        )
        worker.receive()
        return worker

    def count(self, operation: str, hold: str) -> tuple[dict[str, int], list[int]]:
        """How often each system call is made from there on, and which ``openat`` make files."""
        log = self.work / "calls"
        worker = self.start(operation, hold=hold)
        with traced(worker.pid, log):
            worker.ask(go=True)
            worker.kill()
            worker.wait()
        return count_calls(log), creating_numbers(log)

    def whole_run(self, operation: str) -> tuple[dict[str, Any], float]:
        """What an undisturbed worker says, and how many seconds it took.

        :raises RuntimeError: If it fails.
        """
        worker = self.start(operation)
        started = time.monotonic()
        outcome = worker.ask(go=True)
        seconds = time.monotonic() - started
        worker.kill()
        worker.wait()
        if outcome is None or outcome["outcome"] != "done":
            raise RuntimeError(f"{operation} fails without any fault: {outcome}")
        return outcome, seconds
