"""Embeds what a feed lacks on the nodes of a Ray cluster, by Ray Data; knows nothing of articles or generations.

Units go out in rounds of a bounded number: while one is embedded, the next is read. A round is a small data set that
streams through a pool of processes, each of which holds the model. Ray repeats what was on a node that died; vectors
are kept as they come, so that neither the driver's death nor a node's makes anybody embed again what was kept.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import numpy as np

from index.embedder import Embedder
from index.errors import ClusterError, ModelError
from index.passage_feed import Keep, Unit
from index.ray_cluster import LOCAL, connected, first_line, wait_for_slots
from index.types import FloatArray

_log = logging.getLogger(__name__)
# The processes load the model anew for each round, some seconds: little beside the minutes that these units take.
_UNITS_PER_PROCESS = 32
_MIN_UNITS = 64
_MAX_FAILURES = 3
_STALL_SECONDS = 300.0
_START_SECONDS = 60.0

_Row = dict[str, Any]


class RayEmbedding:
    """An :class:`index.passage_feed.EmbedAhead` that has other machines work.

    :param load: Gives the embedder on a node (see :class:`index.ray_worker.UnitEmbedder`).
    :param embedder: The same on this machine: what the nodes' models must equal.
    :param address: See :func:`index.ray_cluster.connected`.
    :param cpus_per_process: What each process that holds the model takes of a node.
    :param stall_seconds: How long nothing may come back before what is left is handed out anew; the third time in a row
        the work is given up.
    """

    def __init__(
        self,
        load: Callable[[], Embedder],
        embedder: Embedder,
        *,
        address: str = LOCAL,
        cpus_per_process: int = 2,
        stall_seconds: float = _STALL_SECONDS,
        units_per_process: int = _UNITS_PER_PROCESS,
        progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
    ) -> None:
        self._load = load
        self._embedder = embedder
        self._address = address
        self._cpus_per_process = cpus_per_process
        self._stall_seconds = stall_seconds
        self._units_per_process = units_per_process
        self._progress = progress
        self._num_slots = 0
        self._own_probe = ""
        self._differing: set[str] = set()

    def embed(self, units: Iterator[Unit], keep: Keep, num_articles: int) -> None:
        """See :meth:`index.passage_feed.EmbedAhead.embed`. No cluster is asked for when there is nothing to embed.

        :raises ConfigError: If Ray is not installed.
        :raises ClusterError: If the cluster is not there or stops working; what came back until then is kept.
        :raises ModelError: If a node lacks the model or has another one.
        """
        num_done = 0
        stopped = threading.Event()

        def kept(unit: Unit, vectors: FloatArray) -> None:
            nonlocal num_done
            keep(unit, vectors)
            num_done = max(num_done, unit.num_done)
            self._progress("embedding on Ray", num_done, num_articles)

        def read(limit: int) -> list[Unit]:
            some: list[Unit] = []
            while len(some) < limit and not stopped.is_set() and (unit := next(units, None)) is not None:
                some.append(unit)
            return some

        with ThreadPoolExecutor(1) as reader:
            try:
                some = read(_MIN_UNITS)
                while some:
                    upcoming = reader.submit(read, max(_MIN_UNITS, self._units_per_process * self._num_slots))
                    self._round(some, kept)
                    some = upcoming.result()
            finally:
                stopped.set()

    def _round(self, units: Sequence[Unit], keep: Keep) -> None:
        """Have all of these units kept; what a failure left over is tried again.

        Each try has a connection of its own: with the connection everything of it ends on the nodes, whereas processes
        of a data set that is done keep their place until Python's garbage is looked through.

        :raises ClusterError: If that brings nothing forward several times in a row.
        """
        left = dict(enumerate(units))
        num_failures = 0
        while left:
            num_before = len(left)
            with connected(self._address):
                problem = self._try(left, keep)
            if not left:
                return
            num_failures = num_failures + 1 if len(left) == num_before else 0
            if num_failures == _MAX_FAILURES:
                raise ClusterError(
                    f"the Ray cluster at {self._address} fails: {problem}; what came back is kept, so run it again "
                    "when the cluster works"
                )
            _log.warning("embedding %d units on Ray again: %s", len(left), problem)

    def _try(self, left: dict[int, Unit], keep: Keep) -> str:
        """Take what is kept out of ``left``; what went wrong if something stays."""
        import ray

        from index.ray_worker import probe  # brings pyarrow, which comes with Ray

        self._num_slots = wait_for_slots(self._cpus_per_process, min(_START_SECONDS, self._stall_seconds))
        if self._num_slots == 0:
            return f"no node has {self._cpus_per_process} CPUs (ray.cpus_per_process)"
        self._own_probe = self._own_probe or probe(self._embedder)
        try:
            for row in _within(self._stall_seconds, lambda: self._results(left)):
                self._check(row)
                unit = left.pop(row["number"])
                keep(unit, _vectors(row["vectors"], len(unit.texts)))
        except ray.exceptions.RayError as error:
            return first_line(error)
        except TimeoutError:
            return f"no vector came for {self._stall_seconds:.0f} seconds"
        return "not all of it came back"

    def _results(self, units: dict[int, Unit]) -> Iterator[_Row]:
        """A row of :class:`index.ray_worker.UnitEmbedder` for each unit, in the order in which they are done."""
        import ray.data

        from index.ray_worker import UnitEmbedder, unit_table

        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        size = min(self._num_slots, len(units))
        results = ray.data.from_arrow([unit_table(number, unit.texts) for number, unit in units.items()]).map_batches(
            UnitEmbedder,
            fn_constructor_args=(self._load,),
            batch_size=None,  # a block, which is a unit
            batch_format="pyarrow",
            zero_copy_batch=True,
            num_cpus=self._cpus_per_process,
            # It may shrink: the place of a process that has nothing left to do is taken by one whose node died.
            compute=ray.data.ActorPoolStrategy(
                min_size=1, max_size=size, initial_size=size, max_tasks_in_flight_per_actor=2
            ),
        )
        tables: Iterable[Any] = results.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0)
        for table in tables:
            yield from table.to_pylist()

    def _check(self, row: _Row) -> None:
        """:raises ModelError: If the node could not embed or holds another model."""
        node, model_id = row["node"], row["model_id"]
        if row["error"]:
            raise ModelError(f"node {node} cannot embed: {row['error']}")
        if model_id != self._embedder.model_id:
            raise ModelError(
                f"node {node} has the embedding model {model_id}, this machine {self._embedder.model_id}; "
                "install the same on both"
            )
        if row["probe"] != self._own_probe and node not in self._differing:
            self._differing.add(node)
            _log.warning(
                "node %s computes vectors whose last bits differ from this machine's (another processor or other "
                "versions of libraries); they are as good, but not the same hash for hash",
                node,
            )


def _vectors(data: bytes, num_texts: int) -> FloatArray:
    """(n, dim) float32."""
    vectors: FloatArray = np.frombuffer(data, dtype=np.float32).reshape(num_texts, -1)
    return vectors


def _within(seconds: float, start: Callable[[], Iterator[_Row]]) -> Iterator[_Row]:
    """What ``start`` gives, got in another thread and a little ahead.

    :raises TimeoutError: If nothing comes for so long; the thread is left to end with the connection.
    """
    rows: queue.Queue[_Row | BaseException | None] = queue.Queue(maxsize=2)
    is_abandoned = threading.Event()

    def put(row: _Row | BaseException | None) -> None:
        while not is_abandoned.is_set():
            with suppress(queue.Full):
                rows.put(row, timeout=1.0)
                break

    def get() -> None:
        try:
            for row in start():
                put(row)
            put(None)
        except BaseException as error:  # noqa: BLE001  # raised again where the rows are awaited
            put(error)

    threading.Thread(target=get, daemon=True, name="ray-results").start()
    try:
        while (row := rows.get(timeout=seconds)) is not None:
            if isinstance(row, BaseException):
                raise row
            yield row
    except queue.Empty:
        raise TimeoutError from None
    finally:
        is_abandoned.set()
