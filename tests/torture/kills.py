"""Kills an operation at every step it takes, and at random times, and opens what it left; knows only outcomes.

Three ways to choose the moment: before every system call that changes a file (strace), before every step Python sees
(audit hooks), and by the clock.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.torture.bench import Bench, must_be_ready_in_time
from tests.torture.report import Settings, SuiteReport, spread
from tests.torture.scenario import OPERATIONS, verify_restart
from tests.torture.tracing import Fault, traced, why_unavailable
from tests.torture.workers import Worker, Workers

_NUM_TIMED = 600


@dataclass(frozen=True, slots=True)
class KillPoint:
    """When to kill: at a system call, at a step, or so many seconds after the start."""

    operation: str
    hold: str = "start"
    fault: Fault | None = None
    step: int = 0
    share: float | None = None

    def __str__(self) -> str:
        when = self.fault or (f"step {self.step}" if self.step else f"{self.share:.3f} of the time")
        return f"{self.operation} held at {self.hold}, killed at {when}"


class _Killer:
    """Kills operations and judges what they leave."""

    def __init__(self, bench: Bench, report: SuiteReport) -> None:
        self._bench = bench
        self._report = report
        self._seconds = {name: bench.whole_run(name)[1] for name in OPERATIONS}

    def run(self, point: KillPoint) -> None:
        must_be_ready_in_time(self._report, str(point), lambda: self._run_once(point))

    def _run_once(self, point: KillPoint) -> float:
        """How many seconds the restart took."""
        worker = self._bench.start(point.operation, hold=point.hold, suicide=point.step)
        outcome = self._killed(worker, point)
        worker.kill()
        status = worker.wait()
        if outcome is None and status != -signal.SIGKILL:
            self._report.blame(str(point), [f"the process ended by itself with status {status}"])
        elif outcome is not None and outcome["outcome"] != "done":
            self._report.blame(str(point), [f"{outcome['error']}: {outcome['message']}"])
        self._report.count("killed_in_the_midst" if outcome is None else "killed_after_the_end")
        operation = OPERATIONS[point.operation]
        verdict = verify_restart(self._bench.folder, operation, is_acknowledged=outcome is not None)
        self._report.blame(str(point), verdict.problems)
        return verdict.ready_seconds

    def _killed(self, worker: Worker, point: KillPoint) -> dict[str, Any] | None:
        """What the worker said before it died: None when it died before it could acknowledge."""
        if point.fault is not None:
            with traced(worker.pid, self._bench.work / "log", point.fault):
                return worker.ask(go=True)
        if point.share is None:
            return worker.ask(go=True)
        worker.channel.send(go=True)
        time.sleep(point.share * self._seconds[point.operation])
        worker.kill()
        return worker.receive()


def run_kills(settings: Settings) -> SuiteReport:
    """Kill at every system call and step (a sample below scale 1.0) and at random times."""
    report = SuiteReport("kills")
    with Workers(settings.work / "workers.log") as workers:
        bench = Bench(workers, settings.work)
        points = _points(bench, settings, report)
        killer = _Killer(bench, report)
        for done, point in enumerate(points):
            settings.progress(done, len(points))
            killer.run(point)
            report.count("kill_points")
    settings.progress(len(points), len(points))
    return report.finish()


def _points(bench: Bench, settings: Settings, report: SuiteReport) -> list[KillPoint]:
    steps = [
        KillPoint(name, step=number)
        for name in OPERATIONS
        for number in range(1, bench.whole_run(name)[0]["num_steps"] + 1)
    ]
    chance = random.Random(settings.seed)
    names = list(OPERATIONS)
    timed = [KillPoint(names[i % len(names)], share=chance.random()) for i in range(settings.scaled(_NUM_TIMED))]
    reason = why_unavailable()
    calls = [] if reason is not None else list(_call_points(bench))
    if reason is not None:
        report.skipped.append(f"kills at system calls: {reason}")
    kinds = {"system_calls": calls, "steps": steps, "times": timed}
    chosen = {k: p if k == "times" else spread(p, settings.scaled(len(p))) for k, p in kinds.items()}
    for kind, some in chosen.items():
        report.figures[f"kill_points_by_{kind}"] = len(some)
    return [point for some in chosen.values() for point in some]


def _call_points(bench: Bench) -> Iterator[KillPoint]:
    for name in OPERATIONS:
        for hold in ("start", "commit"):
            calls, _ = bench.count(name, hold)
            for call, number in sorted(calls.items()):
                yield from (KillPoint(name, hold, Fault(call, n)) for n in range(1, number + 1))
