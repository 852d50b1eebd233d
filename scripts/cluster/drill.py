"""Kills primaries in the middle of loads and counts what was acknowledged and is gone; knows nothing of articles.

Loaders write numbered rows through the pair's address, as any client does: on an error they connect again and repeat
the same batch, which the primary key makes harmless. A row counts as acknowledged once the commit returned.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import psycopg

from scripts.cluster.replicated_pair import FailureDetector, ReplicatedPair

ROWS_A_BATCH = 200
_BETWEEN_TRIES_SECONDS = 0.05
_TABLE = "CREATE TABLE IF NOT EXISTS drill (loader int, row_number bigint, text text, PRIMARY KEY (loader, row_number))"
_INSERT = """
    INSERT INTO drill SELECT %(loader)s, n, 'row ' || n || ' of loader ' || %(loader)s
    FROM unnest(%(numbers)s::bigint[]) AS n ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Kill:
    """What one kill did; seconds since the SIGKILL.

    :ivar rows_at_kill: Rows that were acknowledged until then.
    :ivar detected: Until the detector said so.
    :ivar readable: Until the standby was promoted.
    :ivar writable: Until the first batch after the kill was acknowledged.
    """

    number: int
    rows_at_kill: int
    detected: float
    readable: float
    writable: float
    rewound: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """Kills, rows acknowledged, those of them that the primary does not hold in the end (0 is the promise), and
    whether the standby holds the same as the primary."""

    kills: tuple[Kill, ...]
    acknowledged: int
    lost: int
    standby_equal: bool


class Load(Protocol):
    """Something that writes numbered batches which a client can repeat."""

    def write(self, batch: int) -> bool:
        """Return once the batch is acknowledged; False if nothing of it was left to write.

        :raises TryAgain: It was not, or nobody knows; writing it again does no harm.
        """

    def close(self) -> None: ...


class TryAgain(Exception):
    """The server was gone before it acknowledged."""


class RowLoad:
    """Writes rows of a table over one connection that is made anew after an error."""

    def __init__(self, url: str, loader: int) -> None:
        self._url = url
        self._loader = loader
        self._connection: psycopg.Connection | None = None

    def write(self, batch: int) -> bool:
        numbers = list(range(batch * ROWS_A_BATCH, (batch + 1) * ROWS_A_BATCH))
        try:
            if self._connection is None:
                self._connection = psycopg.connect(self._url, connect_timeout=2, autocommit=True)
            return self._connection.execute(_INSERT, {"loader": self._loader, "numbers": numbers}).rowcount > 0
        except psycopg.OperationalError as error:
            self.close()
            raise TryAgain(str(error)) from error

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Loader(threading.Thread):
    """Writes one batch after the other until it is told to stop; a batch counts when it is acknowledged."""

    def __init__(self, load: Load, stopping: threading.Event) -> None:
        super().__init__(daemon=True)
        self.num_batches = 0
        self.written_at: list[float] = []
        self.failed: BaseException | None = None
        self._load = load
        self._stopping = stopping

    def run(self) -> None:
        try:
            while not self._stopping.is_set():
                try:
                    was_new = self._load.write(self.num_batches)
                except TryAgain:
                    time.sleep(_BETWEEN_TRIES_SECONDS)
                    continue
                self.num_batches += 1
                if was_new:  # repeating what had arrived waits for no standby: it is no sign that writes work
                    self.written_at.append(time.monotonic())
        except BaseException as error:
            self.failed = error
            raise
        finally:
            self._load.close()


def kill_primaries(
    pair: ReplicatedPair,
    num_kills: int,
    *,
    seed: int,
    num_loaders: int = 2,
    progress: Callable[[Kill], None] = lambda kill: None,
) -> Outcome:
    """Kill the primary again and again while rows are loaded, fail over each time, then count.

    :param seed: Decides how long after the last failover each kill comes: 0.2 to 1.5 s.
    :raises TimeoutError: No batch was acknowledged within a minute after a failover.
    """
    pair.primary.sql(_TABLE)
    stopping, moments = threading.Event(), random.Random(seed)  # noqa: S311 - moments, not secrets
    loaders = [Loader(RowLoad(pair.url(), number), stopping) for number in range(num_loaders)]
    for loader in loaders:
        loader.start()
    kills = []
    try:
        for number in range(num_kills):
            time.sleep(moments.uniform(0.2, 1.5))
            kills.append(_kill_once(pair, number, loaders))
            progress(kills[-1])
    finally:
        stopping.set()
        for loader in loaders:
            loader.join(timeout=60)
    failed = [loader.failed for loader in loaders if loader.failed is not None]
    if failed:
        raise failed[0]
    return _count(pair, kills, [loader.num_batches * ROWS_A_BATCH for loader in loaders])


def _kill_once(pair: ReplicatedPair, number: int, loaders: Sequence[Loader]) -> Kill:
    before = sum(loader.num_batches for loader in loaders)
    killed = time.monotonic()
    pair.primary.kill()
    if not FailureDetector().wait_for_failure(pair.primary, timeout_seconds=30):
        raise TimeoutError("the killed primary still answers")
    detected = time.monotonic() - killed
    failover = pair.fail_over()
    first = _first_write(killed + detected, loaders)
    return Kill(number, before * ROWS_A_BATCH, detected, detected + failover.promoted, first - killed, failover.rewound)


def _first_write(after: float, loaders: Sequence[Loader]) -> float:
    """When the first batch after that moment was acknowledged.

    :raises TimeoutError: None was within a minute.
    """
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        moments = [moment for loader in loaders for moment in loader.written_at[-20:] if moment > after]
        if moments:
            return min(moments)
        time.sleep(0.01)
    raise TimeoutError("no batch was acknowledged within a minute after the failover")


def _count(pair: ReplicatedPair, kills: list[Kill], acknowledged: Sequence[int]) -> Outcome:
    pair.wait_until_equal()
    lost = sum(_num_missing(pair.url(), loader, count) for loader, count in enumerate(acknowledged))
    digest = "SELECT md5(string_agg(loader || ':' || row_number || text, ',' ORDER BY loader, row_number)) FROM drill"
    equal = pair.primary.sql(digest) == pair.standby.sql(digest)
    return Outcome(tuple(kills), sum(acknowledged), lost, equal)


def _num_missing(url: str, loader: int, count: int) -> int:
    """How many of a loader's first rows are not there, or not as they were written."""
    with psycopg.connect(url) as connection:
        rows: dict[int, str] = dict(
            connection.execute("SELECT row_number, text FROM drill WHERE loader = %s", (loader,)).fetchall()
        )
    return sum(rows.get(number) != f"row {number} of loader {loader}" for number in range(count))
