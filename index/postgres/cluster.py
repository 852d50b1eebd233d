"""The servers of one index: a main one and those that hold passages; knows nothing of what is on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TypeVar

from index.postgres.servers import Server

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cluster:
    """The main server and those that hold passages, each with the id that names it for ever; asked in parallel."""

    main: Server
    shards: Sequence[Server]
    shard_ids: Sequence[str]
    executor: Executor

    def on_all(self, work: Callable[[Server], T]) -> list[T]:
        """Do the same on every shard at once; results in their order.

        :raises StorageError: If it fails on one; the others have done it, or will have.
        """
        if len(self.shards) == 1:
            return [work(self.shards[0])]
        return [done.result() for done in [self.executor.submit(work, shard) for shard in self.shards]]
