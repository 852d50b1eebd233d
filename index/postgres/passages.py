"""The index of passages on PostgreSQL with pgvector, on one server or on several; knows nothing of articles or models.

Generations share their rows: a load adds rows that carry its number, and closes or opens gaps of revisions; one row on
the main server says which generation is live. Readers need no locks: what they see depends on their number alone.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

from psycopg import IsolationLevel

from index.errors import BadInputError, ConfigError, StorageError
from index.postgres import erasing, generation_rows, upkeep
from index.postgres.cluster import Cluster
from index.postgres.generation_rows import GenerationRow, name_of, number_of
from index.postgres.loading import Loading
from index.postgres.migrations import migrate
from index.postgres.passage_schema import COMPONENT, STEPS
from index.postgres.servers import Connection, Server, UnavailableError
from index.postgres.shard import Shard
from index.postgres.snapshot import PostgresSnapshot

_log = logging.getLogger(__name__)
_LOCK = "article-qa building"
_THREADS_PER_SHARD = 8


class PassageStore:
    """Generations of passages. Thread-safe; one builder works at a time, in all processes together.

    :param main: Knows which generations there are.
    :param shards: Hold the passages; none: the main server does. Adding one later is allowed; one that holds passages
        must stay.
    :param title_weight: Of a title's words in BM25.
    :param flat_limit: From so many passages on a shard, vectors are searched approximately by a graph.
    :param allow_partial: Whether searches leave out servers that do not answer, and say so, or fail.
    :param grace_seconds: How long a generation that was live stays for its readers, whatever is pruned.
    """

    def __init__(
        self,
        main: Server,
        shards: Sequence[Server] = (),
        *,
        title_weight: float,
        flat_limit: int = 100_000,
        allow_partial: bool = False,
        grace_seconds: float = 600.0,
    ) -> None:
        self._main = main
        self._servers = tuple(shards) or (main,)
        self._title_weight = title_weight
        self._flat_limit = flat_limit
        self._allow_partial = allow_partial
        self._grace_seconds = grace_seconds
        self._executor = ThreadPoolExecutor(_THREADS_PER_SHARD * len(self._servers), "article-qa shard")
        self._builder = threading.local()
        self._ids: dict[Server, str] = {}
        self._learning = threading.Lock()

    def prepare(self) -> None:
        """Make or update the tables on all servers; where parts are allowed, on those that answer now.

        :raises StorageError: If a server cannot be reached, or its tables are of a newer program.
        :raises ConfigError: If two of the addresses lead to the same server.
        """
        migrate(self._main, COMPONENT, STEPS)
        for server in self._servers:
            try:
                self._id_of(server)
            except UnavailableError as error:
                if not self._allow_partial:
                    raise
                _log.warning("a server of the index does not answer, and is left out until it does: %s", error)

    def close(self) -> None:
        """Close all connections."""
        self._executor.shutdown()
        for server in dict.fromkeys((self._main, *self._servers)):
            server.close()

    # Reading

    def current(self) -> str | None:
        """The live generation's name, None before there is any."""
        number = self._main.ask_soon(generation_rows.current)
        return None if number is None else name_of(number)

    def names(self) -> list[str]:
        """All generations there are, oldest first."""
        return [name_of(number) for number in self._main.ask(generation_rows.numbers)]

    def open(self, name: str) -> PostgresSnapshot:
        """A generation, whichever is live; it is read as long as it is kept.

        :raises BadInputError: If there is no such generation.
        :raises StorageError: If a server that holds passages of it is not among the shards, or does not answer.
        """
        row = self._row(name)
        return PostgresSnapshot(
            row,
            self._main,
            partial(self._shards_of, row),
            title_weight=self._title_weight,
            allow_partial=self._allow_partial,
        )

    def revision_ids(self, name: str) -> set[int]:
        """The revisions that a generation finds.

        :raises BadInputError: If there is no such generation.
        """
        return self.open(name).revision_ids()

    def held_revision_ids(self) -> set[int]:
        """The revisions of which any server holds a row, whether a generation finds them or not."""
        return set().union(*self._cluster.on_all(erasing.revisions_on))

    def pending_erasures(self) -> list[int]:
        """Erased revisions whose rows may still be there: a server failed after the commit. Each build tries again."""
        return erasing.pending_erasures(self._main)

    # Writing

    @contextmanager
    def building(self, lock_timeout_seconds: float = 0.0) -> Iterator[None]:
        """Be the only builder; what builders that died left is cleared first.

        :raises BuilderBusyError: If another one builds for longer than that.
        """
        if getattr(self._builder, "is_me", False):
            yield
            return
        with self._main.locked(_LOCK, lock_timeout_seconds):
            self._builder.is_me = True
            try:
                upkeep.clear_dead_loads(self._cluster)
                erasing.finish_erasures(self._cluster)
                yield
            finally:
                self._builder.is_me = False

    @contextmanager
    def loading(self, parent: str | None, *, dim: int, lock_timeout_seconds: float = 0.0) -> Iterator[Loading]:
        """Make a generation: the changes that the body makes to ``parent``, published by its :meth:`Loading.commit`.

        A load that is not committed leaves nothing.

        :param parent: Made with the same embedder and chunker; None to start from nothing.
        :param dim: Components of a vector.
        :raises BuilderBusyError: If another one builds for longer than the time-out.
        :raises BadInputError: If there is no such parent.
        :raises ValueError: If the parent's vectors have other dimensions.
        """
        with self.building(lock_timeout_seconds):
            row = None if parent is None else self._row(parent)
            if row is not None:
                self._shards_of(row)  # all listed?
                if row.dim != dim:
                    raise ValueError(f"vectors of {parent} have {row.dim} dimensions, not {dim}")
            number = self._next_number()
            epoch = number if row is None else row.epoch
            load = Loading(self._cluster, number, row, epoch=epoch, dim=dim, flat_limit=self._flat_limit)
            try:
                load.begin(latest=number if row is None else self._latest(row.epoch))
                yield load
            finally:
                if load.is_committed:
                    erasing.finish_erasures(self._cluster)
                else:
                    self._abandon(number)

    def _abandon(self, number: int) -> None:
        try:
            upkeep.clear_dead_loads(self._cluster, number)
        except StorageError as error:
            _log.warning("%s is not published, and its rows are deleted by the next build: %s", name_of(number), error)

    def rollback_to(self, name: str) -> None:
        """Make an existing generation live.

        :raises BadInputError: If there is no such generation.
        """
        number = self._row(name).number

        def work(connection: Connection) -> None:
            generation_rows.lock_generations(connection)
            if number not in generation_rows.numbers(connection):
                raise BadInputError(f"there is no generation {name!r}")
            generation_rows.make_current(connection, number)

        with self.building():
            self._main.write(work, isolation=IsolationLevel.READ_COMMITTED)

    def discard(self, name: str) -> None:
        """Throw away a generation that was made from nothing and never was live.

        :raises BadInputError: If it is live, or others were made from it.
        """
        row = self._row(name)
        with self.building():
            upkeep.discard(self._cluster, row.number)

    def prune(self, keep: int) -> list[str]:
        """Let all but the newest ``keep`` go; the live one stays, and those that were live a moment ago.

        :return: The names of those that went.
        """
        with self.building():
            gone = upkeep.prune(self._cluster, keep=keep, grace_seconds=self._grace_seconds)
        return [name_of(number) for number in gone]

    # Inside

    @property
    def _cluster(self) -> Cluster:
        """The servers, each asked for its id once.

        :raises UnavailableError: If one that was never asked does not answer.
        """
        return Cluster(self._main, self._servers, [self._id_of(server) for server in self._servers], self._executor)

    def _id_of(self, server: Server) -> str:
        """What names a server for ever; its tables are made or updated first."""
        known = self._ids.get(server)
        if known is not None:
            return known
        with self._learning:
            if self._allow_partial:
                # Unlike migrating it is refused at once for a while when the server hangs.
                server.ask_soon(lambda connection: connection.execute("SELECT 1"))
            if server is not self._main:
                migrate(server, COMPONENT, STEPS)
            found = Shard(server).server_id()
            if any(some == found and other is not server for other, some in self._ids.items()):
                raise ConfigError("two addresses of index.shards lead to the same database")
            self._ids[server] = found
            return found

    def _row(self, name: str) -> GenerationRow:
        number = number_of(name)
        row = self._main.ask_soon(lambda connection: generation_rows.read_generation(connection, number))
        if row is None:
            raise BadInputError(f"there is no generation {name!r}; there are {', '.join(self.names()) or 'none'}")
        return row

    def _shards_of(self, row: GenerationRow) -> tuple[list[Shard], list[UnavailableError]]:
        """The servers of a generation; why others, which may be of it too, cannot be asked for their ids.

        :raises StorageError: If passages of a generation are on a server that is not there: they would be missed.
        """
        by_id: dict[str, Server] = {}
        absent: list[UnavailableError] = []
        for server in self._servers:
            try:
                by_id[self._id_of(server)] = server
            except UnavailableError as error:
                if not self._allow_partial:
                    raise
                absent.append(error)
        missing = [some for some in row.shards if some not in by_id]
        if len(missing) > len(absent):
            raise StorageError(
                f"{name_of(row.number)} has passages on {len(missing)} servers that are not among index.shards; "
                "list all that it was built with"
            )
        return [Shard(by_id[some]) for some in row.shards if some in by_id], absent if missing else []

    def _next_number(self) -> int:
        """A number that no load ever had, noted as an open load."""

        def work(connection: Connection) -> int:
            row = connection.execute("UPDATE passage_state SET highest = highest + 1 RETURNING highest").fetchone()
            number = int(row[0]) if row is not None else 0
            connection.execute("INSERT INTO passage_loads (number) VALUES (%s)", (number,))
            return number

        return self._main.write(work, isolation=IsolationLevel.READ_COMMITTED)

    def _latest(self, epoch: int) -> int:
        statement = "SELECT latest FROM passage_epochs WHERE epoch = %s"
        row = self._main.ask(lambda connection: connection.execute(statement, (epoch,)).fetchone())
        return int(row[0]) if row is not None else 0
