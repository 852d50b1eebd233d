"""Computes what so many passages and questions need, from costs that were measured and prices that are assumed.

docs/scale.md shows the tables and says where the figures come from. All of it is straight lines through what was
measured up to a million passages in files and 100,000 on a PostgreSQL shard; knows nothing of servers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

GB = 1e9


@dataclass(frozen=True, slots=True)
class Line:
    """Milliseconds of a search over n passages: ``fixed`` + ``per_thousand`` * n / 1000."""

    fixed: float
    per_thousand: float

    def at(self, num_passages: float) -> float:
        return self.fixed + self.per_thousand * num_passages / 1000

    def passages_within(self, milliseconds: float) -> float:
        """The most passages that take no longer."""
        return max(0.0, (milliseconds - self.fixed) / self.per_thousand * 1000)


@dataclass(frozen=True, slots=True)
class Store:
    """What a passage costs in a store.

    :ivar disk_bytes: Of one passage, all tables and indexes.
    :ivar hot_bytes: Of these, what searches read all over, which must lie in memory.
    :ivar mean_ms: Of one core, a search over one shard.
    :ivar p95_ms: The same, 95th percentile.
    """

    disk_bytes: float
    hot_bytes: float
    mean_ms: Line
    p95_ms: Line


@dataclass(frozen=True, slots=True)
class Machine:
    """An assumed machine; money per hour."""

    cores: int
    memory_bytes: float
    price: float


@dataclass(frozen=True, slots=True)
class Demand:
    """Passages, questions a second at the busiest time, the p95 of a shard that is aimed at, and how busy cores may
    be (the rest is for what comes at once, and for loading)."""

    num_passages: float
    questions_per_second: float
    shard_p95_ms: float = 300.0
    utilisation: float = 0.5
    copies: int = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """What a demand needs.

    :ivar machines: By whichever runs out first, cores or memory.
    :ivar limit: That one.
    :ivar money_per_1000: For searching alone, at the demanded rate.
    """

    shards: int
    passages_a_shard: float
    core_seconds: float
    disk_bytes: float
    hot_bytes: float
    machines: int
    limit: str
    money_per_1000: float


def plan(store: Store, machine: Machine, demand: Demand) -> Plan:
    """What a store split into shards needs: each shard is searched by a core, and memory holds three quarters hot data.

    Standbys take disk only: each machine holds those of other machines' shards, and searches none of them.

    :raises ValueError: If even a shard of one passage takes longer than aimed at.
    """
    most = store.p95_ms.passages_within(demand.shard_p95_ms)
    if most < 1:
        raise ValueError(f"a search takes at least {store.p95_ms.fixed} ms, {demand.shard_p95_ms} ms are aimed at")
    shards = math.ceil(demand.num_passages / most)
    a_shard = demand.num_passages / shards
    core_seconds = shards * store.mean_ms.at(a_shard) / 1000
    by_cores = math.ceil(core_seconds * demand.questions_per_second / demand.utilisation / machine.cores)
    by_memory = math.ceil(demand.num_passages * store.hot_bytes / (0.75 * machine.memory_bytes))
    machines = max(by_cores, by_memory, demand.copies)
    return Plan(
        shards=shards,
        passages_a_shard=a_shard,
        core_seconds=core_seconds,
        disk_bytes=demand.copies * demand.num_passages * store.disk_bytes,
        hot_bytes=demand.num_passages * store.hot_bytes,
        machines=machines,
        limit="copies" if machines == demand.copies else "memory" if by_memory > by_cores else "cores",
        money_per_1000=machines * machine.price / (demand.questions_per_second * 3.6),
    )


def whole_copies(store: Store, machine: Machine, demand: Demand) -> Plan | None:
    """What it needs when every machine holds all passages and answers alone, as the embedded index does.

    None if one machine's memory does not hold them.
    """
    hot = demand.num_passages * store.hot_bytes
    if hot > 0.75 * machine.memory_bytes:
        return None
    core_seconds = store.mean_ms.at(demand.num_passages) / 1000
    by_cores = math.ceil(core_seconds * demand.questions_per_second / demand.utilisation / machine.cores)
    machines = max(by_cores, demand.copies)
    return Plan(
        shards=1,
        passages_a_shard=demand.num_passages,
        core_seconds=core_seconds,
        disk_bytes=machines * demand.num_passages * store.disk_bytes,
        hot_bytes=hot,
        machines=machines,
        limit="copies" if by_cores <= demand.copies else "cores",
        money_per_1000=machines * machine.price / (demand.questions_per_second * 3.6),
    )


def embedding_hours(num_passages: float, passages_per_core_second: float) -> float:
    """Hours of one core."""
    return num_passages / passages_per_core_second / 3600
