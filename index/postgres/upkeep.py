"""Clears what loads that died left behind, and what no kept generation finds any more; knows nothing of searching.

A builder may have lost its lock unnoticed, and another one may build meanwhile. So what is deleted on a shard is only
what the main server said was to go, and nothing that came after that.
"""

from __future__ import annotations

from collections.abc import Mapping

from psycopg import IsolationLevel, sql

from index.errors import BadInputError
from index.postgres.cluster import Cluster
from index.postgres.erasing import delete_revisions, epochs_on
from index.postgres.generation_rows import delete_generations, lock_generations
from index.postgres.passage_schema import tables
from index.postgres.servers import LONG_SECONDS, Connection, Server

_LOADS_PER_COMPACTION = 32


def clear_dead_loads(cluster: Cluster, number: int | None = None) -> None:
    """Delete every trace of loads that were not committed; call it while nobody else builds.

    :param number: Of this load only, which anybody may call whose own it is.
    :raises StorageError: If a server fails; what is left is cleared by the next call.
    """

    def mark(connection: Connection) -> tuple[range, set[int]]:
        highest = lock_generations(connection)
        mine = range(1, highest + 1) if number is None else range(number, number + 1)
        # A builder that lost its lock unnoticed finds here that its load is dead, and cannot commit it.
        connection.execute(
            "UPDATE passage_loads SET state = 'dead' WHERE state = 'open' AND number BETWEEN %s AND %s",
            (mine.start, mine.stop - 1),
        )
        rows = connection.execute("SELECT number FROM passage_loads WHERE state = 'dead'")
        return mine, {int(row[0]) for row in rows}

    numbers, dead = cluster.main.write(mark, idempotent=True, isolation=IsolationLevel.READ_COMMITTED)
    cluster.on_all(lambda server: _clear_shard(server, numbers, dead))


def _clear_shard(server: Server, numbers: range, all_dead: set[int]) -> None:
    """:param numbers: Loads of these numbers write no more; those that are not dead were published."""

    def work(connection: Connection) -> None:
        last = numbers.stop - 1
        # First of all: waits for a load of these that is beginning or writing, and lets no other one do so.
        connection.execute("UPDATE shard_identity SET cleared = %s WHERE cleared < %s", (last, last))
        rows = connection.execute(
            "DELETE FROM shard_loads WHERE number BETWEEN %s AND %s RETURNING number", (numbers.start, last)
        )
        dead = [int(row[0]) for row in rows if row[0] in all_dead]
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

    server.write(work, idempotent=True, isolation=IsolationLevel.READ_COMMITTED, timeout_seconds=LONG_SECONDS)


def prune(cluster: Cluster, *, keep: int, grace_seconds: float) -> list[int]:
    """Let the oldest generations go, and delete what only they found; call it while nobody else builds.

    :param keep: How many stay. The live one stays, too, and those that were live within ``grace_seconds``.
    :return: Those that went.
    """

    def forget(connection: Connection) -> tuple[list[int], dict[int, int], int]:
        highest = lock_generations(connection)
        rows = connection.execute(
            "SELECT number, epoch, number = (SELECT current FROM passage_state) "
            "OR COALESCE(retired_at, created_at) > now() - make_interval(secs => %s) "
            "FROM passage_generations ORDER BY number",
            (grace_seconds,),
        ).fetchall()
        old = [int(number) for number, _, must_stay in rows[: max(0, len(rows) - keep)] if not must_stay]
        delete_generations(connection, old)
        floors: dict[int, int] = {}
        for number, epoch, _ in rows:
            if number not in old:
                floors.setdefault(int(epoch), int(number))
        if old:
            _compact_terms(connection, floors)
        # Its first generation may be under way.
        begun = connection.execute("SELECT number FROM passage_loads WHERE state = 'open'")
        return old, {int(row[0]): 0 for row in begun} | floors, highest

    main = cluster.main
    old, floors, highest = main.write(forget, isolation=IsolationLevel.READ_COMMITTED, timeout_seconds=LONG_SECONDS)
    if old:
        cluster.on_all(lambda server: _prune_shard(server, floors, highest))
    return old


def discard(cluster: Cluster, number: int) -> None:
    """Delete a generation that has its epoch for itself; call it while nobody else builds.

    :raises BadInputError: If it is live or has not.
    """

    def forget(connection: Connection) -> None:
        lock_generations(connection)
        rows = connection.execute(
            "SELECT number, number = (SELECT current FROM passage_state) FROM passage_generations WHERE epoch = %s",
            (number,),
        ).fetchall()
        if [(int(some), bool(is_live)) for some, is_live in rows] != [(number, False)]:
            raise BadInputError(f"generation {number} is live, or others share its passages; it stays")
        delete_generations(connection, [number])
        connection.execute("DELETE FROM passage_terms WHERE epoch = %s", (number,))
        connection.execute("DELETE FROM passage_epochs WHERE epoch = %s", (number,))

    cluster.main.write(forget, isolation=IsolationLevel.READ_COMMITTED, timeout_seconds=LONG_SECONDS)
    # Nobody else takes up an epoch of this number: a load that started from its generation is not published.
    cluster.on_all(
        lambda server: server.write(
            lambda connection: _drop_epoch(connection, number),
            idempotent=True,
            isolation=IsolationLevel.READ_COMMITTED,
            timeout_seconds=LONG_SECONDS,
        )
    )


def _compact_terms(connection: Connection, floors: Mapping[int, int]) -> None:
    """Add up what the generations before the oldest kept one noted of terms, now and then: its sums stay the same."""
    connection.execute("DELETE FROM passage_terms WHERE NOT epoch = ANY(%s)", (list(floors),))
    connection.execute("DELETE FROM passage_epochs WHERE NOT epoch = ANY(%s)", (list(floors),))
    for epoch, compacted in connection.execute("SELECT epoch, compacted FROM passage_epochs").fetchall():
        oldest = floors[epoch]
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


def _prune_shard(server: Server, floors: Mapping[int, int], highest: int) -> None:
    """:param floors: The oldest generation of each epoch that is kept, of those up to ``highest``."""

    def work(connection: Connection) -> None:
        for epoch in epochs_on(connection):
            if epoch > highest:
                continue
            if epoch not in floors:
                _drop_epoch(connection, epoch)
                continue
            floor = floors[epoch]
            connection.execute("UPDATE shard_epochs SET floor = greatest(floor, %s) WHERE epoch = %s", (floor, epoch))
            rows = connection.execute(
                "DELETE FROM shard_gaps WHERE epoch = %s AND first <= %s AND last IS NULL RETURNING revision_id",
                (epoch, floor),
            )
            gone = [int(row[0]) for row in rows]
            if gone:
                delete_revisions(connection, epoch, gone)
                connection.execute("DELETE FROM shard_gaps WHERE epoch = %s AND revision_id = ANY(%s)", (epoch, gone))
            connection.execute("DELETE FROM shard_gaps WHERE epoch = %s AND last <= %s", (epoch, floor))

    server.write(work, idempotent=True, isolation=IsolationLevel.READ_COMMITTED, timeout_seconds=LONG_SECONDS)


def _drop_epoch(connection: Connection, epoch: int) -> None:
    for table in tables(epoch):
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))
    connection.execute("DELETE FROM shard_epochs WHERE epoch = %s", (epoch,))
    connection.execute("DELETE FROM shard_gaps WHERE epoch = %s", (epoch,))
