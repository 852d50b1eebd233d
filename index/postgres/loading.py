"""Makes one generation across all shards and publishes it by one transaction; knows nothing of articles or models.

What is loaded carries the new generation's number, which nobody reads before the main server's row says that it is
live. Whatever breaks before leaves rows that the next load deletes.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
from psycopg import IsolationLevel

from index.errors import BuilderBusyError, StorageError
from index.postgres.cluster import Cluster
from index.postgres.erasing import holding_generations
from index.postgres.generation_rows import (
    GenerationRow,
    ManifestFields,
    add_terms,
    delete_generations,
    hash_of,
    insert_generation,
    lock_generations,
    make_current,
    name_of,
    numbers,
)
from index.postgres.servers import LONG_SECONDS, Connection
from index.postgres.shard_loading import Change, ShardLoad
from index.postgres.words import Lengths
from index.types import FloatArray, Passage

T = TypeVar("T")


class Loading:
    """One load, between its beginning and its commit.

    :param parent: The generation that this one starts from, None to start from nothing.
    :param flat_limit: From so many passages on a shard searches vectors by a graph.
    """

    def __init__(
        self, cluster: Cluster, number: int, parent: GenerationRow | None, *, epoch: int, dim: int, flat_limit: int
    ) -> None:
        self._cluster = cluster
        self._number = number
        self._parent = parent
        self._epoch = epoch
        self._dim = dim
        self._flat_limit = flat_limit
        self._loads = [ShardLoad(server, number=number, epoch=epoch) for server in cluster.shards]
        self._change = Change()
        self._erased: set[int] = set()
        self._is_broken = False
        self.is_committed = False

    @property
    def name(self) -> str:
        """The generation that is made."""
        return name_of(self._number)

    def begin(self, *, latest: int) -> None:
        """Announce the load on every shard.

        :param latest: The newest generation of the parent's epoch. If that is not the parent, somebody went back to
            it, and what came later is undone.
        """
        self._on_loads(lambda load: load.begin(self._dim))
        if self._parent is not None and latest != self._parent.number:
            parent = self._parent.number
            for change in self._on_loads(lambda load: load.go_back(parent)):
                # Terms are counted on from generation to generation, the other sums from the parent's.
                self._change.terms.update(change.terms)
                self._change.max_impacts.update(change.max_impacts)

    def put(self, passages: Sequence[Passage], vectors: FloatArray) -> None:
        """Add passages of whole revisions, in any order of revisions.

        :param vectors: (n, dim) float32 of unit norm.
        :raises ValueError: If a revision is in the index already, or the vectors do not fit.
        :raises StorageError: If a server fails for good.
        """
        if vectors.shape != (len(passages), self._dim):
            raise ValueError(f"{len(passages)} passages have vectors of shape {vectors.shape}, not (n, {self._dim})")
        rows: dict[int, list[int]] = defaultdict(list)
        for row, passage in enumerate(passages):
            rows[shard_of(passage.article_id, len(self._loads))].append(row)
        with self._whole_or_broken():
            jobs = [
                self._cluster.executor.submit(
                    self._loads[shard].put, [passages[row] for row in some], vectors[np.array(some, dtype=np.int64)]
                )
                for shard, some in rows.items()
            ]
            self._take([job.result() for job in jobs])

    def drop(self, revision_ids: Collection[int]) -> None:
        """Let these be found no longer; older generations still find them."""
        some = sorted(revision_ids)
        with self._whole_or_broken():
            self._take(self._on_loads(lambda load: load.drop(some)))

    def erase(self, revision_ids: Collection[int]) -> None:
        """Drop these; with the commit go all older generations that find them, and then their rows everywhere."""
        self.drop(revision_ids)
        self._erased.update(revision_ids)

    def commit(self, fields: ManifestFields, *, is_live: bool = True) -> str:
        """Publish the generation by one transaction; its name.

        :param is_live: False to leave the live one live, until :meth:`PassageStore.rollback_to` names this one.
        :raises BuilderBusyError: If another program took over meanwhile; nothing is published.
        :raises StorageError: If a server fails for good; nothing is published.
        """
        if self._is_broken:
            raise StorageError(f"{self.name} is not published: a part of it could not be loaded")
        are_graphs = self._on_loads(lambda load: load.finish(flat_limit=self._flat_limit))
        newest_day = max(self._on_loads(lambda load: load.newest_day()))
        row = self._row(fields, newest_day, is_graph=any(are_graphs))
        holding = holding_generations(self._cluster, self._erased)

        def publish(connection: Connection) -> None:
            lock_generations(connection)
            fence = connection.execute(
                "UPDATE passage_loads SET state = 'committed' WHERE number = %s AND state = 'open'", (self._number,)
            )
            if fence.rowcount != 1:
                raise BuilderBusyError("another program took over the building of this index; its work goes on there")
            if self._parent is not None and self._parent.number not in numbers(connection):
                raise BuilderBusyError(f"another program deleted the generation that {self.name} starts from")
            insert_generation(connection, row, fields.clusters)
            add_terms(connection, self._epoch, self._number, self._change.terms, self._change.max_impacts)
            if is_live:
                make_current(connection, self._number)
            delete_generations(connection, holding)
            connection.execute(
                "INSERT INTO passage_erasures SELECT unnest(%s::bigint[]) ON CONFLICT DO NOTHING",
                (sorted(self._erased),),
            )

        self._cluster.main.write(publish, isolation=IsolationLevel.READ_COMMITTED, timeout_seconds=LONG_SECONDS)
        self.is_committed = True
        return self.name

    @contextmanager
    def _whole_or_broken(self) -> Iterator[None]:
        """What fails on one shard may be done on the others: such a load must not be published."""
        try:
            yield
        except BaseException:
            self._is_broken = True
            raise

    def _row(self, fields: ManifestFields, newest_day: int, *, is_graph: bool) -> GenerationRow:
        parent, change = self._parent, self._change
        lengths = parent.lengths if parent is not None else Lengths(0, 0, 0)
        return GenerationRow(
            number=self._number,
            parent=parent.number if parent is not None else None,
            epoch=self._epoch,
            dim=self._dim,
            created_at="",  # the server's clock says
            embedder=fields.embedder,
            chunker=fields.chunker,
            num_articles=(parent.num_articles if parent is not None else 0) + change.num_articles,
            lengths=Lengths(
                lengths.num_passages + change.num_passages,
                lengths.num_words + change.num_words,
                lengths.num_title_words + change.num_title_words,
            ),
            newest_day=newest_day,
            dense={"kind": "hnsw" if is_graph else "flat", "dim": self._dim, "num_shards": len(self._loads)},
            clusters_hash=hash_of(fields.clusters),
            shards=tuple(self._cluster.shard_ids),
        )

    def _on_loads(self, work: Callable[[ShardLoad], T]) -> list[T]:
        return [done.result() for done in [self._cluster.executor.submit(work, load) for load in self._loads]]

    def _take(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self._change.add(change)


def shard_of(article_id: str, num_shards: int) -> int:
    """Which shard an article's passages are loaded into: the same on every machine."""
    return int.from_bytes(hashlib.sha256(article_id.encode("utf-8")).digest()[:8], "big") % num_shards
