"""Lets two builders race for one index, round after round; knows nothing of how a build is locked.

In even rounds neither waits: one may be told that the other is building, never both. In odd rounds both wait and must
succeed. After every round each acknowledged article must be found, without another build.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from index.errors import BuilderBusyError
from tests.fakes import numbered_article
from tests.torture.channel import Channel
from tests.torture.outcomes import attempt
from tests.torture.report import Settings, SuiteReport
from tests.torture.scenario import State, library_problems, litter, open_scenario, snapshot_problems
from tests.torture.workers import Worker, Workers

_NUM_ROUNDS = 200
_WAIT_SECONDS = 60.0


def race(channel: Channel, *, folder: str) -> None:
    """A worker: for each article number received, accept the article, then build when told to."""
    hasty = open_scenario(Path(folder), lock_timeout_seconds=0.0).collection
    patient = open_scenario(Path(folder), lock_timeout_seconds=_WAIT_SECONDS).collection
    channel.send(at="ready")
    while True:
        message = channel.receive()
        number = int(message["number"])
        accepted = attempt(lambda number=number: hasty.accept([numbered_article(number)]))  # type: ignore[misc]
        channel.send(**accepted)
        waits = bool(channel.receive()["waits"])
        channel.send(**attempt((patient if waits else hasty).update))


def run_races(settings: Settings) -> SuiteReport:
    """200 rounds at scale 1.0."""
    report = SuiteReport("races")
    folder = settings.work / "data"
    num_rounds = settings.scaled(_NUM_ROUNDS)
    state: dict[int, int] = {}
    with Workers(settings.work / "workers.log") as workers:
        racers = [workers.start("race", folder=str(folder)) for _ in range(2)]
        for racer in racers:
            racer.receive()
        for number in range(num_rounds):
            settings.progress(number, num_rounds)
            new = [2 * number, 2 * number + 1]
            _run_round(report, racers, new, waits=number % 2 == 1)
            state |= dict.fromkeys(new, 1)
            _judge_round(report, folder, state, new, f"round {number + 1}")
            report.count("rounds")
        for racer in racers:
            racer.kill()
            racer.wait()
    report.blame("at the end", litter(folder))
    settings.progress(num_rounds, num_rounds)
    return report.finish()


def _run_round(report: SuiteReport, racers: list[Worker], new: list[int], *, waits: bool) -> None:
    for racer, number in zip(racers, new, strict=True):
        racer.channel.send(number=number)
    accepted = [racer.receive() for racer in racers]
    for racer in racers:
        racer.channel.send(waits=waits)
    outcomes = [racer.receive() for racer in racers]
    what = f"articles {new}, {'waiting' if waits else 'not waiting'}"
    report.blame(what, [str(outcome) for outcome in accepted if outcome is None or outcome["outcome"] != "done"])
    busy = [outcome for outcome in outcomes if _is_busy(outcome)]
    failed = [outcome for outcome in outcomes if outcome is None or (outcome["outcome"] != "done" and waits)]
    failed += [outcome for outcome in outcomes if outcome not in busy and outcome and outcome["outcome"] != "done"]
    report.blame(what, [str(outcome) for outcome in failed])
    report.count("told_that_the_other_builds", len(busy))
    report.messages.update(str(outcome["message"]) for outcome in busy if outcome is not None)
    if len(busy) == len(racers):
        report.blame(what, ["both were told that the other one builds"])


def _is_busy(outcome: dict[str, Any] | None) -> bool:
    return outcome is not None and outcome["error"] == BuilderBusyError.__name__


def _judge_round(report: SuiteReport, folder: Path, state: State, new: list[int], what: str) -> None:
    collection = open_scenario(folder).collection
    problems, _ = library_problems(collection, [state])
    problems += [collection.problem] if collection.problem is not None else []
    report.blame(what, problems + snapshot_problems(collection.snapshot(), [state], asked=new))
