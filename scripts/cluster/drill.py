"""Kills primaries in the middle of loads and counts what was acknowledged and is gone; knows not what is loaded.

Loaders write numbered batches through the pair's address, as any client does: on an error they repeat the same batch,
which must do no harm. A batch counts as acknowledged once its commit returned.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from scripts.cluster.postgres_server import PostgresServer
from scripts.cluster.replicated_pair import FailureDetector, ReplicatedPair

_BETWEEN_TRIES_SECONDS = 0.05
_TABLES = """
    SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
"""


@dataclass(frozen=True, slots=True)
class Kill:
    """What one kill did; seconds since the SIGKILL.

    :ivar rows_at_kill: Rows that were acknowledged until then.
    :ivar detected: Until the detector said so.
    :ivar readable: Until the standby was promoted.
    :ivar writable: Until every load had a batch with something new acknowledged.
    :ivar protected: Until the old primary followed again.
    :ivar rewound: Whether pg_rewind brought the old primary back; else it was copied anew.
    """

    number: int
    rows_at_kill: int
    detected: float
    readable: float
    writable: float
    protected: float
    rewound: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """Kills, rows acknowledged, those of them that the primary does not hold in the end (0 is the promise), and
    whether the standby holds the same as the primary."""

    kills: tuple[Kill, ...]
    acknowledged: int
    lost: int
    standby_equal: bool


class TryAgain(Exception):
    """The server was gone before it acknowledged."""


class Load(Protocol):
    """Something that writes numbered batches which a client can repeat; used by one thread."""

    @property
    def rows_a_batch(self) -> int: ...

    def write(self, batch: int) -> bool:
        """Return once the batch is acknowledged; False if nothing of it was left to write.

        :raises TryAgain: It was not, or nobody knows; writing it again does no harm.
        """

    def num_missing(self, num_batches: int) -> int:
        """How many rows of the first batches are not there, or not as they were written."""


class Loader(threading.Thread):
    """Writes one batch after the other, with a pause between them, until it is told to stop."""

    def __init__(self, load: Load, stopping: threading.Event, pause_seconds: float = 0.0) -> None:
        super().__init__(daemon=True)
        self.num_batches = 0
        self.written_at: list[float] = []
        self.failed: BaseException | None = None
        self.load = load
        self._stopping = stopping
        self._pause_seconds = pause_seconds

    @property
    def num_rows(self) -> int:
        """Rows that were acknowledged."""
        return self.num_batches * self.load.rows_a_batch

    def run(self) -> None:
        try:
            while not self._stopping.is_set():
                try:
                    was_new = self.load.write(self.num_batches)
                except TryAgain:
                    time.sleep(_BETWEEN_TRIES_SECONDS)
                    continue
                self.num_batches += 1
                if was_new:  # repeating what had arrived waits for no standby: it is no sign that writes work
                    self.written_at.append(time.monotonic())
                if self._pause_seconds:
                    self._stopping.wait(self._pause_seconds)
        except BaseException as error:  # noqa: BLE001 - the thread that waits for this one raises it
            self.failed = error


def kill_primaries(
    pair: ReplicatedPair,
    loads: Sequence[Load],
    num_kills: int,
    *,
    seed: int,
    pause_seconds: float = 0.0,
    alone: bool = False,
    progress: Callable[[Kill], None] = lambda kill: None,
) -> Outcome:
    """Kill the primary again and again while all loads write at once, fail over each time, then count.

    :param loads: Each is used by a thread of its own.
    :param pause_seconds: Of each load between two batches.
    :param seed: Decides how long after the last failover each kill comes: 0.2 to 1.5 s.
    :param alone: See `ReplicatedPair.fail_over`.
    :raises TimeoutError: Some load was not acknowledged anything within a minute after a failover.
    """
    stopping = threading.Event()
    loaders = [Loader(load, stopping, pause_seconds) for load in loads]
    for loader in loaders:
        loader.start()
    try:
        kills = list(_kills(pair, loaders, num_kills, seed, alone, progress))
    finally:
        stopping.set()
        for loader in loaders:
            loader.join(timeout=60)
    _raise_failures(loaders)
    pair.wait_until_equal()
    lost = sum(loader.load.num_missing(loader.num_batches) for loader in loaders)
    equal = contents(pair.primary) == contents(pair.standby)
    return Outcome(tuple(kills), sum(loader.num_rows for loader in loaders), lost, equal)


def contents(server: PostgresServer) -> dict[str, str]:
    """Of each table that standbys hold (unlogged ones they do not) the number of rows and a sum of their hashes."""
    count = "SELECT count(*), sum(hashtextextended(t::text, 0)::numeric) FROM {} t"
    return {table: server.sql(count.format(table)) for table in sorted(server.sql(_TABLES).splitlines())}


def _kills(
    pair: ReplicatedPair,
    loaders: Sequence[Loader],
    num_kills: int,
    seed: int,
    alone: bool,
    progress: Callable[[Kill], None],
) -> Iterator[Kill]:
    moments = random.Random(seed)  # noqa: S311 - moments, not secrets
    for number in range(num_kills):
        time.sleep(moments.uniform(0.2, 1.5))
        kill = _kill_once(pair, number, loaders, alone=alone)
        progress(kill)
        yield kill


def _kill_once(pair: ReplicatedPair, number: int, loaders: Sequence[Loader], *, alone: bool) -> Kill:
    rows = sum(loader.num_rows for loader in loaders)
    killed = time.monotonic()
    pair.primary.kill()
    if not FailureDetector().wait_for_failure(pair.primary, timeout_seconds=30):
        raise TimeoutError("the killed primary still answers")
    detected = time.monotonic() - killed
    failover = pair.fail_over(alone=alone)
    written = max(_first_write(killed + detected, loader) for loader in loaders)
    return Kill(
        number=number,
        rows_at_kill=rows,
        detected=detected,
        readable=detected + failover.promoted,
        writable=written - killed,
        protected=detected + failover.protected,
        rewound=failover.rewound,
    )


def _first_write(after: float, loader: Loader) -> float:
    """When the first batch of a loader after that moment was acknowledged.

    :raises TimeoutError: None was within a minute.
    """
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        moment = next((moment for moment in loader.written_at[-1000:] if moment > after), None)
        if moment is not None:
            return moment
        _raise_failures([loader])
        time.sleep(0.01)
    raise TimeoutError("no batch was acknowledged within a minute after the failover")


def _raise_failures(loaders: Sequence[Loader]) -> None:
    """:raises BaseException: What ended a loader before it was told to stop."""
    for loader in loaders:
        if loader.failed is not None:
            raise loader.failed
