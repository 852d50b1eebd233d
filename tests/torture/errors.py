"""Makes every system call that changes a file fail once, and expects one clear line and no harm; knows only outcomes.

After an error the same process goes on serving what was live, trying again succeeds, and a restart finds one state of
the library and no litter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.torture.bench import Bench, must_be_ready_in_time
from tests.torture.report import Settings, SuiteReport, spread
from tests.torture.scenario import OPERATIONS, verify_restart
from tests.torture.tracing import Fault, num_injected, traced, why_unavailable
from tests.torture.workers import Worker, Workers

ERRORS = ("ENOSPC", "EIO")
_MAX_MESSAGE_CHARS = 300


@dataclass(frozen=True, slots=True)
class ErrorPoint:
    """Which call of an operation fails, counted from where it is held."""

    operation: str
    hold: str
    fault: Fault

    def __str__(self) -> str:
        return f"{self.operation} held at {self.hold}, {self.fault}"


def run_errors(settings: Settings) -> SuiteReport:
    """Every call with both errors (a sample below scale 1.0)."""
    report = SuiteReport("errors")
    reason = why_unavailable()
    if reason is not None:
        report.skipped.append(f"errors at system calls: {reason}")
        return report.finish()
    with Workers(settings.work / "workers.log") as workers:
        bench = Bench(workers, settings.work)
        everywhere = list(_points(bench))
        points = spread(everywhere, settings.scaled(len(everywhere)))
        report.figures["calls_that_can_fail"] = len(everywhere)
        for done, point in enumerate(points):
            settings.progress(done, len(points))
            must_be_ready_in_time(report, str(point), partial(_run, bench, point, report))
            report.count("errors_injected")
    settings.progress(len(points), len(points))
    return report.finish()


def _points(bench: Bench) -> Iterator[ErrorPoint]:
    for name in OPERATIONS:
        for hold in ("start", "commit"):
            calls, creating = bench.count(name, hold)
            numbers = {call: list(range(1, number + 1)) for call, number in calls.items()} | {"openat": creating}
            for call in sorted(numbers):
                for number in numbers[call]:
                    yield from (ErrorPoint(name, hold, Fault(call, number, error)) for error in ERRORS)


def _run(bench: Bench, point: ErrorPoint, report: SuiteReport) -> float:
    worker = bench.start(point.operation, hold=point.hold)
    log = bench.work / "log"
    with traced(worker.pid, log, point.fault):
        outcome = worker.ask(go=True)
    if num_injected(log) == 0:
        report.count("never_reached")
    return judge_refusal(report, str(point), bench, point.operation, worker, outcome)


def judge_refusal(
    report: SuiteReport, what: str, bench: Bench, operation: str, worker: Worker, outcome: dict[str, Any] | None
) -> float:
    """Whether a worker whose operation may have failed still serves, succeeds at the next try and left no harm.

    :return: How many seconds a restart takes.
    """
    if outcome is None:
        report.blame(what, [f"the process died with status {worker.wait()}"])
    else:
        report.blame(what, refusal_problems(report, outcome))
        served = worker.ask(check=True)
        report.blame(what, ["died while serving"] if served is None else served["problems"])
        again = worker.ask(again=True)
        if again is None or again["outcome"] != "done":
            report.blame(what, [f"trying again: {again and again['message']}"])
        else:
            report.blame(f"{what}, tried again", again["problems"])
        worker.wait()
    verdict = verify_restart(bench.folder, OPERATIONS[operation], is_acknowledged=outcome is not None)
    report.blame(what, verdict.problems)
    return verdict.ready_seconds


def refusal_problems(report: SuiteReport, outcome: dict[str, Any]) -> list[str]:
    """Count an outcome; a problem unless it is success or one clear line of the project's own."""
    report.count(f"outcome_{outcome['outcome']}")
    if outcome["outcome"] == "crashed":
        return [f"{outcome['error']} instead of one clear line: {outcome['message']}"]
    message = outcome["message"]
    if outcome["outcome"] == "refused":
        report.messages[f"{outcome['error']}: {_without_names(message)}"] += 1
    if "\n" in message or len(message) > _MAX_MESSAGE_CHARS:
        return [f"no single clear line: {message}"]
    return []


def _without_names(message: str) -> str:
    """The message with what differs from run to run left out."""
    words = (word if "/" not in word and len(word.strip("\"'();:,.")) < 32 else "…" for word in message.split())
    return " ".join(words)
