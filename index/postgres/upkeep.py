"""Clears what loads that died left behind, and what no kept generation finds any more; knows nothing of searching."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from psycopg import IsolationLevel, sql

from index.errors import BadInputError
from index.postgres.cluster import Cluster
from index.postgres.erasing import delete_revisions, epochs_on
from index.postgres.generation_rows import delete_generations
from index.postgres.passage_schema import tables
from index.postgres.servers import Connection, Server
from index.postgres.shard_loading import LOAD_TIMEOUT_SECONDS

_LOADS_PER_COMPACTION = 32


def clear_dead_loads(cluster: Cluster, number: int | None = None) -> None:
    """Delete every trace of loads that were not committed; call it while nobody else builds.

    :param number: Of this load only, which anybody may call whose own it is.
    :raises StorageError: If a server fails; what is left is cleared by the next call.
    """
    chosen = {"number": number}

    def mark(connection: Connection) -> set[int]:
        # A builder that lost its lock unnoticed finds here that its load is dead, and cannot commit it.
        mine = "(%(number)s::integer IS NULL OR number = %(number)s)"
        connection.execute(f"UPDATE passage_loads SET state = 'dead' WHERE state = 'open' AND {mine}", chosen)  # noqa: S608
        rows = connection.execute("SELECT number FROM passage_loads WHERE state = 'committed'")
        return {int(row[0]) for row in rows}

    committed = cluster.main.write(mark, idempotent=True, isolation=IsolationLevel.READ_COMMITTED)
    cluster.on_all(lambda server: _clear_shard(server, committed, number))


def _clear_shard(server: Server, committed: set[int], number: int | None) -> None:
    def work(connection: Connection) -> None:
        # First of all: waits for a write of such a load that is under way, and lets no other one begin.
        rows = connection.execute(
            "DELETE FROM shard_loads WHERE %(number)s::integer IS NULL OR number = %(number)s RETURNING number",
            {"number": number},
        )
        dead = [int(row[0]) for row in rows if row[0] not in committed]
        if not dead:
            return
        for epoch in epochs_on(connection):
            if epoch in dead:
                _drop_epoch(connection, epoch)
                continue
            for table in tables(epoch):
                statement = sql.SQL("DELETE FROM {} WHERE from_generation = ANY(%s)").format(table)
                connection.execute(statement, (dead,))
        connection.execute("DELETE FROM shard_gaps WHERE first = ANY(%s)", (dead,))
        connection.execute("UPDATE shard_gaps SET last = NULL WHERE last = ANY(%s)", (dead,))

    server.write(work, idempotent=True, isolation=IsolationLevel.READ_COMMITTED, timeout_seconds=LOAD_TIMEOUT_SECONDS)


def prune(cluster: Cluster, *, keep: int, grace_seconds: float) -> list[int]:
    """Let the oldest generations go, and delete what only they found; call it while nobody else builds.

    :param keep: How many stay. The live one stays, too, and those that were live within ``grace_seconds``.
    :return: Those that went.
    """

    def forget(connection: Connection) -> tuple[list[int], dict[int, list[int]]]:
        rows = connection.execute(
            "SELECT number, epoch, number = (SELECT current FROM passage_state) "
            "OR COALESCE(retired_at, created_at) > now() - make_interval(secs => %s) "
            "FROM passage_generations ORDER BY number",
            (grace_seconds,),
        ).fetchall()
        old = [int(number) for number, _, must_stay in rows[: max(0, len(rows) - keep)] if not must_stay]
        delete_generations(connection, old)
        kept: dict[int, list[int]] = defaultdict(list)
        for number, epoch, _ in rows:
            if number not in old:
                kept[int(epoch)].append(int(number))
        if old:
            _compact_terms(connection, kept)
        return old, kept

    main = cluster.main
    old, kept = main.write(forget, isolation=IsolationLevel.READ_COMMITTED, timeout_seconds=LOAD_TIMEOUT_SECONDS)
    if old:
        cluster.on_all(lambda server: _prune_shard(server, {epoch: min(some) for epoch, some in kept.items()}))
    return old


def discard(cluster: Cluster, number: int) -> None:
    """Delete a generation that has its epoch for itself; call it while nobody else builds.

    :raises BadInputError: If it is live or has not.
    """

    def forget(connection: Connection) -> None:
        rows = connection.execute(
            "SELECT number, number = (SELECT current FROM passage_state) FROM passage_generations WHERE epoch = %s",
            (number,),
        ).fetchall()
        if [(int(some), bool(is_live)) for some, is_live in rows] != [(number, False)]:
            raise BadInputError(f"generation {number} is live, or others share its passages; it stays")
        delete_generations(connection, [number])
        connection.execute("DELETE FROM passage_terms WHERE epoch = %s", (number,))
        connection.execute("DELETE FROM passage_epochs WHERE epoch = %s", (number,))

    cluster.main.write(forget, isolation=IsolationLevel.READ_COMMITTED, timeout_seconds=LOAD_TIMEOUT_SECONDS)
    cluster.on_all(lambda server: server.write(lambda connection: _drop_epoch(connection, number), idempotent=True))


def _compact_terms(connection: Connection, kept: Mapping[int, Sequence[int]]) -> None:
    """Add up what the generations before the oldest kept one noted of terms, now and then: its sums stay the same."""
    connection.execute("DELETE FROM passage_terms WHERE NOT epoch = ANY(%s)", (list(kept),))
    connection.execute("DELETE FROM passage_epochs WHERE NOT epoch = ANY(%s)", (list(kept),))
    for epoch, compacted in connection.execute("SELECT epoch, compacted FROM passage_epochs").fetchall():
        oldest = min(kept[epoch])
        if oldest - compacted < _LOADS_PER_COMPACTION:
            continue
        connection.execute(
            """
            WITH scattered AS (
                SELECT term FROM passage_terms WHERE epoch = %(epoch)s AND number <= %(oldest)s
                GROUP BY term HAVING count(*) > 1
            ), taken AS (
                DELETE FROM passage_terms t USING scattered s
                WHERE t.epoch = %(epoch)s AND t.number < %(oldest)s AND t.term = s.term
                RETURNING t.term, t.num_passages, t.max_impact
            )
            INSERT INTO passage_terms
            SELECT %(epoch)s, term, %(oldest)s, sum(num_passages), max(max_impact) FROM taken GROUP BY term
            ON CONFLICT (epoch, term, number) DO UPDATE SET
                num_passages = passage_terms.num_passages + excluded.num_passages,
                max_impact = greatest(passage_terms.max_impact, excluded.max_impact)
            """,
            {"epoch": epoch, "oldest": oldest},
        )
        # Not of the kept ones, in which as many may have come as went.
        connection.execute(
            "DELETE FROM passage_terms WHERE epoch = %s AND number <= %s AND num_passages = 0", (epoch, oldest)
        )
        connection.execute("UPDATE passage_epochs SET compacted = %s WHERE epoch = %s", (oldest, epoch))


def _prune_shard(server: Server, floors: Mapping[int, int]) -> None:
    """:param floors: The oldest generation of each epoch that is kept."""

    def work(connection: Connection) -> None:
        for epoch in epochs_on(connection):
            if epoch not in floors:
                _drop_epoch(connection, epoch)
                continue
            floor = floors[epoch]
            connection.execute("UPDATE shard_epochs SET floor = %s WHERE epoch = %s", (floor, epoch))
            rows = connection.execute(
                "DELETE FROM shard_gaps WHERE epoch = %s AND first <= %s AND last IS NULL RETURNING revision_id",
                (epoch, floor),
            )
            gone = [int(row[0]) for row in rows]
            if gone:
                delete_revisions(connection, epoch, gone)
                connection.execute("DELETE FROM shard_gaps WHERE epoch = %s AND revision_id = ANY(%s)", (epoch, gone))
            connection.execute("DELETE FROM shard_gaps WHERE epoch = %s AND last <= %s", (epoch, floor))

    server.write(work, idempotent=True, isolation=IsolationLevel.READ_COMMITTED, timeout_seconds=LOAD_TIMEOUT_SECONDS)


def _drop_epoch(connection: Connection, epoch: int) -> None:
    for table in tables(epoch):
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))
    connection.execute("DELETE FROM shard_epochs WHERE epoch = %s", (epoch,))
    connection.execute("DELETE FROM shard_gaps WHERE epoch = %s", (epoch,))
