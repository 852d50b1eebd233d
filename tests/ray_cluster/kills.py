"""Embeds on a cluster whose nodes are killed meanwhile; knows nothing of what must come out.

Nodes are killed when the cache has reached evenly spread sizes, so that the kills spread over the work however fast
the machine is; only nodes that hold a model are killed. A new node comes some time after.
"""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scripts.cluster.ray_nodes import RayCluster
from tests.ray_cluster.driver import num_cached

_LOOK_SECONDS = 0.2
WORKER = "ray::MapWorker"


@dataclass(frozen=True, slots=True)
class Kill:
    """``num_cached`` vectors were safe when the node died."""

    num_cached: int
    is_last_node: bool


def kill_nodes(
    cluster: RayCluster,
    driver: subprocess.Popen[str],
    folder: Path,
    *,
    num_texts: int,
    num_kills: int,
    seed: int,
    timeout_seconds: float,
    until: int | None = None,
    on_kill: Callable[[Kill], None] = lambda kill: None,
) -> list[Kill]:
    """Kill this many nodes while the driver works, and wait for its end.

    :param folder: Of the library.
    :param num_texts: How many vectors there will be.
    :param until: Come back already when all nodes are killed and replaced and so many vectors are cached.
    :raises TimeoutError: If it takes too long; the driver is killed then.
    """
    chance = random.Random(seed)
    thresholds = [num_texts * (kill + chance.random()) / (num_kills + 1) for kill in range(num_kills)]
    kills: list[Kill] = []
    new_node_at: list[float] = []
    deadline = time.monotonic() + timeout_seconds
    while driver.poll() is None:
        now = time.monotonic()
        if now > deadline:
            driver.kill()
            raise TimeoutError(f"after {len(kills)} kills {num_cached(folder)} vectors are cached")
        if new_node_at and now >= new_node_at[0]:
            new_node_at.pop(0)
            cluster.add_node()
        count = num_cached(folder)
        if until is not None and len(kills) == num_kills and not new_node_at and count >= until:
            break
        working = [node for node in cluster.nodes if node.runs(WORKER)]
        if len(kills) < num_kills and count >= thresholds[len(kills)] and working:
            cluster.kill(chance.choice(working))
            kills.append(Kill(count, is_last_node=not cluster.nodes))
            on_kill(kills[-1])
            new_node_at.append(now + chance.uniform(0, 4))
        time.sleep(_LOOK_SECONDS)
    return kills
