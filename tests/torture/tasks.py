"""What workers do: one operation, prepared to be killed or refused; knows nothing of the faults that meet it.

Long-running tasks stand in modules of their own and are only listed here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from index.lexical import LexicalWriter
from tests.index.kill_child import work_through
from tests.torture.channel import Channel
from tests.torture.endurance import arrive_outside, serve_arrivals
from tests.torture.library_reading import read_library
from tests.torture.outcomes import attempt
from tests.torture.races import race
from tests.torture.readers import ask_until_stopped, revise_all
from tests.torture.scenario import OPERATIONS, open_scenario, snapshot_problems
from tests.torture.steps import count_steps


def operate(channel: Channel, *, folder: str, operation: str, hold: str = "start", suicide: int = 0) -> None:
    """Open, say "ready", wait for a word, work, and say what came of it; then check and try again when told to.

    :param hold: "start", or "commit" to do everything before the lexical commit first: its threads then have the
        first calls that a tracer counts.
    :param suicide: Kill this process before the step of this number, counted from 1; 0 for none.
    """
    work = OPERATIONS[operation]
    collection = open_scenario(Path(folder)).collection
    collection.snapshot()
    if hold == "commit":
        _hold_at_commit(channel)
    else:
        _hold(channel)
    steps = count_steps(suicide)
    outcome = attempt(lambda: work.run(collection))
    channel.send(**outcome, num_steps=steps())
    channel.receive()
    allowed = [work.indexed, work.after]
    channel.send(problems=snapshot_problems(collection.snapshot(), allowed))
    channel.receive()
    again = attempt(lambda: work.again(collection))
    channel.send(**again, problems=snapshot_problems(collection.snapshot(), [work.after]))


def _hold(channel: Channel) -> None:
    channel.send(at="ready")
    channel.receive()


def _hold_at_commit(channel: Channel) -> None:
    commit = LexicalWriter.commit

    def held(self: LexicalWriter) -> None:
        LexicalWriter.commit = commit  # type: ignore[method-assign]  # once: what follows runs undisturbed
        _hold(channel)
        commit(self)

    LexicalWriter.commit = held  # type: ignore[method-assign]


TASKS: dict[str, Callable[..., None]] = {
    "operate": operate,
    "work-through": work_through,
    "read-library": read_library,
    "race": race,
    "revise-all": revise_all,
    "ask": ask_until_stopped,
    "serve-arrivals": serve_arrivals,
    "arrive-outside": arrive_outside,
}
