"""Simulates questions that ask every shard and wait for the slowest; knows of a shard only how long it takes.

Questions arrive at random (Poisson). Each asks one replica of every shard; a replica has a line and so many workers,
first come, first served. A request that was not answered within the hedge delay is sent to another replica, too, and
whichever answers first counts; the other one runs to its end, which is pessimistic. J. Dean and L. A. Barroso, "The
Tail at Scale", CACM 56(2), 2013, has the reasons.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_Z95 = 1.6448536269514722  # 95th percentile of the standard normal distribution


@dataclass(frozen=True, slots=True)
class ShardTime:
    """How long a shard works on a request: log-normal, and now and then a stall on top.

    :ivar median_ms: Without a stall.
    :ivar p95_ms: Without a stall; at least the median.
    :ivar common: How much of the spread (of the logarithm's variance) is the question's own, from 0 to 1: the same on
        all shards and copies, such as how many passages hold its words. Asking another copy does not help against it.
    :ivar stall_share: Of the requests, from 0 to 1; others' work, a checkpoint, a page that comes from disk.
    :ivar stall_ms: What a stall adds.
    """

    median_ms: float
    p95_ms: float
    stall_share: float = 0.0
    stall_ms: float = 0.0
    common: float = 0.0

    def __post_init__(self) -> None:
        """:raises ValueError: If a time is not positive, p95 below the median, or a share not one."""
        shares_are_fine = 0 <= self.stall_share <= 1 and 0 <= self.common <= 1
        if not 0 < self.median_ms <= self.p95_ms or self.stall_ms < 0 or not shares_are_fine:
            raise ValueError(f"expected 0 < median <= p95, stall_ms >= 0 and shares from 0 to 1, found {self}")

    def draw(self, questions: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
        """Times of a request of each question, (n,) float64, milliseconds.

        :param questions: (n,) float64, how much heavier than usual each question is: standard normal.
        """
        sigma = math.log(self.p95_ms / self.median_ms) / _Z95
        own = generator.standard_normal(len(questions))
        times = self.median_ms * np.exp(sigma * (math.sqrt(self.common) * questions + math.sqrt(1 - self.common) * own))
        return np.asarray(times + self.stall_ms * (generator.random(len(questions)) < self.stall_share))

    @property
    def mean_ms(self) -> float:
        sigma = math.log(self.p95_ms / self.median_ms) / _Z95
        return self.median_ms * math.exp(sigma**2 / 2) + self.stall_share * self.stall_ms


@dataclass(frozen=True, slots=True)
class Layout:
    """Shards, copies of each, workers of each copy, and after how many milliseconds another copy is asked, too (None:
    never)."""

    num_shards: int
    num_replicas: int = 1
    num_workers: int = 1
    hedge_after_ms: float | None = None

    def __post_init__(self) -> None:
        """:raises ValueError: If a number is below one, or there is no second copy to hedge with."""
        if min(self.num_shards, self.num_replicas, self.num_workers) < 1:
            raise ValueError(f"shards, replicas and workers are at least one, found {self}")
        if self.hedge_after_ms is not None and self.num_replicas < 2:
            raise ValueError("hedging needs a second replica")


@dataclass(frozen=True, slots=True)
class Simulated:
    """What came of a simulation.

    :ivar latencies_ms: (questions,) float64: until the last shard had answered.
    :ivar num_requests: First requests and hedges.
    :ivar num_hedges: Requests that were sent because the first had not been answered in time.
    """

    latencies_ms: NDArray[np.float64]
    num_requests: int
    num_hedges: int

    def percentile(self, percent: float) -> float:
        return float(np.percentile(self.latencies_ms, percent))

    def share_within(self, milliseconds: float) -> float:
        """Of the questions, how many had all shards' answers by then; the others would be partial, or wait."""
        return float(np.mean(self.latencies_ms <= milliseconds))


def simulate(
    layout: Layout, shard_time: ShardTime, *, questions_per_second: float, num_questions: int, seed: int
) -> Simulated:
    """Ask so many questions.

    :raises ValueError: If the replicas cannot keep up with the questions, so that lines would grow for ever.
    """
    load = utilisation(layout, shard_time, questions_per_second)
    if load >= 1:
        raise ValueError(f"{questions_per_second} questions a second are {load:.2f} of what the replicas can do")
    generator = np.random.default_rng(seed)
    arrivals = np.cumsum(generator.exponential(1000 / questions_per_second, num_questions))
    questions = generator.standard_normal(num_questions)
    latencies, num_hedges = np.zeros(num_questions), 0
    for _ in range(layout.num_shards):  # what happens in one shard does not touch another
        finished, hedges = _one_shard(layout, shard_time, arrivals, questions, generator)
        latencies = np.maximum(latencies, finished - arrivals)
        num_hedges += hedges
    return Simulated(latencies, num_questions * layout.num_shards + num_hedges, num_hedges)


def utilisation(layout: Layout, shard_time: ShardTime, questions_per_second: float) -> float:
    """How busy each worker is without hedging, 1: always."""
    return questions_per_second * shard_time.mean_ms / 1000 / (layout.num_replicas * layout.num_workers)


def _one_shard(
    layout: Layout,
    shard_time: ShardTime,
    arrivals: NDArray[np.float64],
    questions: NDArray[np.float64],
    generator: np.random.Generator,
) -> tuple[NDArray[np.float64], int]:
    """When each question's answer of this shard was there, and how many requests were hedges."""
    count = len(arrivals)
    first_times, second_times = shard_time.draw(questions, generator), shard_time.draw(questions, generator)
    first_replicas = generator.integers(layout.num_replicas, size=count)
    steps = generator.integers(1, max(layout.num_replicas, 2), size=count)  # from there to another replica
    free_at = [[0.0] * layout.num_workers for _ in range(layout.num_replicas)]
    finished = np.empty(count)
    hedges: list[tuple[float, int]] = []
    num_hedges = 0

    def serve(moment: float, replica: int, milliseconds: float) -> float:
        begun = max(moment, free_at[replica][0])
        heapq.heapreplace(free_at[replica], begun + milliseconds)
        return begun + milliseconds

    def serve_hedges_until(moment: float) -> None:
        nonlocal num_hedges
        while hedges and hedges[0][0] <= moment:
            sent, question = heapq.heappop(hedges)
            replica = int(first_replicas[question] + steps[question]) % layout.num_replicas
            finished[question] = min(finished[question], serve(sent, replica, second_times[question]))
            num_hedges += 1

    for question, arrival in enumerate(arrivals):
        serve_hedges_until(arrival)
        finished[question] = serve(arrival, int(first_replicas[question]), first_times[question])
        if layout.hedge_after_ms is not None and finished[question] > arrival + layout.hedge_after_ms:
            heapq.heappush(hedges, (arrival + layout.hedge_after_ms, question))
    serve_hedges_until(math.inf)
    return finished, num_hedges
