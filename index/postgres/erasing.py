"""Deletes the rows of removed texts, of every generation; knows nothing of why they are removed.

A row that is deleted is gone for every query at once. Its space is given free by VACUUM, which is run here, and written
over by what comes next; PostgreSQL's log and backups hold its bytes until they expire (docs/operations.md).
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from psycopg import IsolationLevel, sql

from index.errors import StorageError
from index.postgres.cluster import Cluster
from index.postgres.passage_schema import is_of_revisions, tables, texts_table, words_table
from index.postgres.servers import LONG_SECONDS, Connection, Server
from index.types import PASSAGES_PER_REVISION

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Held:
    """A revision in an epoch: since which generation, and its gaps as in ``shard_gaps``."""

    epoch: int
    since: int
    gaps: tuple[tuple[int, int | None], ...]

    def is_found_in(self, number: int) -> bool:
        in_gap = any(first <= number and (last is None or number < last) for first, last in self.gaps)
        return self.since <= number and not in_gap


def holding_generations(cluster: Cluster, revision_ids: Collection[int]) -> list[int]:
    """The generations in which any of these revisions is found, or named in a cluster."""
    if not revision_ids:
        return []
    some = sorted(revision_ids)
    held = [one for found in cluster.on_all(lambda server: _held_on(server, some)) for one in found]
    naming = """
        SELECT g.number, g.epoch, EXISTS (
            SELECT FROM passage_clusters c, jsonb_array_elements(c.clusters) members, jsonb_array_elements(members) m
            WHERE c.hash = g.clusters_hash AND (m ->> 'revision_id')::bigint = ANY(%s))
        FROM passage_generations g ORDER BY g.number
    """
    rows = cluster.main.ask(lambda connection: connection.execute(naming, (some,)).fetchall(), LONG_SECONDS)
    return [
        int(number)
        for number, epoch, is_named in rows
        if is_named or any(one.epoch == epoch and one.is_found_in(number) for one in held)
    ]


def pending_erasures(main: Server) -> list[int]:
    """Revisions that no generation finds any more and whose rows may still be there."""
    statement = "SELECT revision_id FROM passage_erasures ORDER BY 1"
    return [int(row[0]) for row in main.ask(lambda connection: connection.execute(statement).fetchall())]


def finish_erasures(cluster: Cluster) -> None:
    """Delete the rows that were to go; call it while nobody else builds.

    :raises StorageError: If a server fails; what was to go is remembered.
    """
    some = pending_erasures(cluster.main)
    if not some:
        return
    # Before their rows, which alone tell what words they held.
    for epoch, terms in _terms_of(cluster, some).items():
        _forget_terms(cluster.main, epoch, sorted(terms))
    _vacuum(cluster.main, sql.Identifier("passage_terms"))
    cluster.on_all(lambda server: _delete_rows(server, some))
    cluster.main.write(
        lambda connection: connection.execute("DELETE FROM passage_erasures WHERE revision_id = ANY(%s)", (some,)),
        idempotent=True,
        isolation=IsolationLevel.READ_COMMITTED,
    )


def _terms_of(cluster: Cluster, revision_ids: Sequence[int]) -> dict[int, set[str]]:
    """The words of all rows of these revisions, by epoch."""

    def ask(connection: Connection) -> list[tuple[int, str]]:
        found: list[tuple[int, str]] = []
        for epoch in epochs_on(connection):
            statement = sql.SQL(
                "SELECT DISTINCT t.lexeme FROM unnest({}::bigint[]) these (revision_id) JOIN {} p ON {}, "
                "unnest(p.words) t"
            ).format(sql.Literal(list(revision_ids)), words_table(epoch), is_of_revisions("p", "these"))
            found += [(epoch, str(row[0])) for row in connection.execute(statement)]
        return found

    terms: dict[int, set[str]] = {}
    for found in cluster.on_all(lambda server: server.ask(ask, LONG_SECONDS)):
        for epoch, term in found:
            terms.setdefault(epoch, set()).add(term)
    return terms


def _forget_terms(main: Server, epoch: int, terms: Sequence[str]) -> None:
    """Delete what is noted of words that no passage of any generation holds any more: a removed text's own words."""
    statement = """
        DELETE FROM passage_terms t WHERE t.epoch = %s AND t.term = ANY(%s) AND NOT EXISTS (
            SELECT FROM passage_generations g WHERE g.epoch = t.epoch AND (
                SELECT sum(s.num_passages) FROM passage_terms s
                WHERE s.epoch = t.epoch AND s.term = t.term AND s.number <= g.number) > 0)
    """
    main.write(
        lambda connection: connection.execute(statement, (epoch, list(terms))),
        idempotent=True,
        isolation=IsolationLevel.READ_COMMITTED,
        timeout_seconds=LONG_SECONDS,
    )


def epochs_on(connection: Connection) -> list[int]:
    """The epochs whose tables are on this server."""
    return [int(row[0]) for row in connection.execute("SELECT epoch FROM shard_epochs ORDER BY 1")]


def revisions_on(server: Server) -> set[int]:
    """The revisions that have rows on a server, in any epoch."""

    def ask(connection: Connection) -> set[int]:
        found: set[int] = set()
        for epoch in epochs_on(connection):
            statement = sql.SQL("SELECT DISTINCT passage_id / {} FROM {}").format(
                sql.Literal(PASSAGES_PER_REVISION), texts_table(epoch)
            )
            found.update(int(row[0]) for row in connection.execute(statement))
        return found

    return server.ask(ask, LONG_SECONDS)


def _held_on(server: Server, revision_ids: Sequence[int]) -> list[_Held]:
    def ask(connection: Connection) -> list[_Held]:
        gaps: dict[tuple[int, int], list[tuple[int, int | None]]] = {}
        statement = "SELECT epoch, revision_id, first, last FROM shard_gaps WHERE revision_id = ANY(%s)"
        for epoch, revision_id, first, last in connection.execute(statement, (list(revision_ids),)):
            gaps.setdefault((epoch, revision_id), []).append((first, last))
        held = []
        for epoch in epochs_on(connection):
            since = sql.SQL(
                "SELECT r.revision_id, min(p.from_generation) FROM unnest({}::bigint[]) r (revision_id) "
                "JOIN {} p ON {} GROUP BY 1"
            ).format(sql.Literal(list(revision_ids)), words_table(epoch), is_of_revisions("p", "r"))
            for revision_id, number in connection.execute(since):
                held.append(_Held(epoch, number, tuple(gaps.get((epoch, revision_id), ()))))
        return held

    return server.ask(ask, LONG_SECONDS)


def _delete_rows(server: Server, revision_ids: Sequence[int]) -> None:
    def work(connection: Connection) -> list[int]:
        touched = [epoch for epoch in epochs_on(connection) if delete_revisions(connection, epoch, revision_ids)]
        connection.execute("DELETE FROM shard_gaps WHERE revision_id = ANY(%s)", (list(revision_ids),))
        return touched

    touched = server.write(work, idempotent=True, isolation=IsolationLevel.READ_COMMITTED, timeout_seconds=LONG_SECONDS)
    for epoch in touched:
        for table in tables(epoch):
            _vacuum(server, table)


def _vacuum(server: Server, table: sql.Identifier) -> None:
    """Clear the bytes of deleted rows, and what statistics for planning hold of them."""
    try:
        statement = sql.SQL("VACUUM (ANALYZE) {}").format(table)
        server.execute_alone(statement, timeout_seconds=LONG_SECONDS)
    except StorageError as error:
        _log.warning("removed text is deleted, and its bytes stay until autovacuum comes by: %s", error)


def delete_revisions(connection: Connection, epoch: int, revision_ids: Sequence[int]) -> int:
    """Delete all rows of revisions in an epoch; how many passages those were."""
    num = 0
    for table in tables(epoch):
        statement = sql.SQL("DELETE FROM {} p USING unnest({}::bigint[]) r (revision_id) WHERE {}").format(
            table, sql.Literal(list(revision_ids)), is_of_revisions("p", "r")
        )
        num = connection.execute(statement).rowcount
    return num
