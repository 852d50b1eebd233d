"""Writes one server's part of a generation that nobody finds yet; knows nothing of other servers or of publishing.

Each write first looks for the row of its load in ``shard_loads``: once another builder took over and deleted it, what
a late one still sends is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from psycopg import IsolationLevel, sql

from index.errors import BuilderBusyError
from index.postgres.copying import copy_passages
from index.postgres.passage_schema import (
    hnsw_name,
    is_found,
    is_of_revisions,
    make_hnsw,
    make_indexes,
    make_tables,
    tables,
    vectors_table,
    words_table,
)
from index.postgres.servers import LONG_SECONDS, Connection, Server
from index.postgres.words import PassageWords, passage_words
from index.types import PASSAGES_PER_REVISION, FloatArray, Passage

T = TypeVar("T")

_MANY = 0.1  # of the rows there are


@dataclass(slots=True)
class Change:
    """What a generation gains or loses: articles (one revision each), passages, words, and passages with each term.

    ``max_impacts``: of terms in passages that are gained, see :class:`index.postgres.words.TermStatistics`.
    """

    num_articles: int = 0
    num_passages: int = 0
    num_words: int = 0
    num_title_words: int = 0
    terms: Counter[str] = field(default_factory=Counter)
    max_impacts: dict[str, float] = field(default_factory=dict)

    def add(self, other: Change, sign: int = 1) -> None:
        """Take another change in, or with -1 take it back."""
        self.num_articles += sign * other.num_articles
        self.num_passages += sign * other.num_passages
        self.num_words += sign * other.num_words
        self.num_title_words += sign * other.num_title_words
        for term, count in other.terms.items():
            self.terms[term] += sign * count
        for term, impact in other.max_impacts.items():
            self.max_impacts[term] = max(impact, self.max_impacts.get(term, 0.0))


class ShardLoad:
    """Load ``number`` on one server, into the tables of ``epoch``."""

    def __init__(self, server: Server, *, number: int, epoch: int) -> None:
        self._server = server
        self._number = number
        self._epoch = epoch
        self._num_put = 0

    def begin(self, dim: int) -> None:
        """Announce the load and make what tables are missing.

        :raises BuilderBusyError: If a later builder cleared this server, which would not clear what is written now.
        """

        def work(connection: Connection) -> None:
            # Waits for a builder that is clearing, and makes one that comes wait until what this one left can be seen.
            fence = connection.execute("SELECT FROM shard_identity WHERE cleared < %s FOR SHARE", (self._number,))
            if fence.fetchone() is None:
                raise BuilderBusyError(
                    f"{self._server.name}: another program took over the building of this index, or the main server "
                    "was restored and is older than this one, which must be empty then (docs/operations.md)"
                )
            connection.execute("INSERT INTO shard_loads VALUES (%s) ON CONFLICT DO NOTHING", (self._number,))
            connection.execute(
                "INSERT INTO shard_epochs (epoch, dim) VALUES (%s, %s) ON CONFLICT DO NOTHING", (self._epoch, dim)
            )
            connection.execute(make_tables(self._epoch, dim))

        self._server.write(work, idempotent=True, isolation=IsolationLevel.READ_COMMITTED)

    def put(self, passages: Sequence[Passage], vectors: FloatArray) -> Change:
        """Add passages of whole revisions; those of a revision that an earlier generation had are found again.

        :param vectors: (n, dim) of unit norm.
        :raises ValueError: If a revision is found already.
        """
        words = [passage_words(passage) for passage in passages]
        revisions = sorted({passage.revision_id for passage in passages})

        def work(connection: Connection) -> None:
            held = self._held(connection, revisions)
            reopened = self._reopen(connection, held)
            if held - reopened:
                raise ValueError(f"revisions {sorted(held - reopened)[:5]} are in the index already")
            new = [i for i, passage in enumerate(passages) if passage.revision_id not in held]
            copy_passages(
                connection, self._epoch, self._number, [passages[i] for i in new], [words[i] for i in new], vectors[new]
            )

        self._write(work)
        self._num_put += len(passages)
        return _change_of(len(revisions), words)

    def drop(self, revisions: Sequence[int]) -> Change:
        """Let revisions be found no longer from this generation on; those that are not found here are passed over."""

        def work(connection: Connection) -> Change:
            return self._hide(connection, self._found(connection, revisions, self._number))

        return self._write(work)

    def go_back(self, to: int) -> Change:
        """Undo for this generation what the generations after ``to`` changed, as after a rollback."""

        def work(connection: Connection) -> Change:
            before = self._found(connection, None, self._number - 1)
            wanted = self._found(connection, None, to)
            change = Change()
            change.add(self._hide(connection, before - wanted), 1)
            change.add(self._counted(connection, self._reopen(connection, wanted - before)))
            return change

        return self._write(work)

    def finish(self, *, flat_limit: int) -> bool:
        """Make the indexes; whether vectors are searched by their graph, which there is from ``flat_limit`` rows on."""

        def work(connection: Connection) -> bool:
            connection.execute(make_indexes(self._epoch))
            name, vectors = hnsw_name(self._epoch), vectors_table(self._epoch)
            if _one(connection, "SELECT to_regclass(%s) IS NOT NULL", name):
                return True
            count = sql.SQL("SELECT count(*) FROM (SELECT FROM {} LIMIT {}) r")
            num = _one(connection, count.format(vectors, sql.Literal(flat_limit)))
            if not isinstance(num, int) or num < flat_limit:
                return False
            dim = _one(connection, "SELECT dim FROM shard_epochs WHERE epoch = %s", self._epoch)
            connection.execute(make_hnsw(self._epoch, int(str(dim))))
            return True

        is_graph = self._write(work)
        self._analyze()
        return is_graph

    def newest_day(self) -> int:
        """The newest day of what is found in this generation; 0 when nothing is dated."""
        statement = sql.SQL("SELECT p.day FROM {} p WHERE {} ORDER BY p.day DESC LIMIT 1").format(
            words_table(self._epoch), is_found(self._epoch, self._number, "p")
        )
        row = self._server.ask(lambda connection: connection.execute(statement).fetchone(), LONG_SECONDS)
        return int(row[0]) if row is not None else 0

    def _analyze(self) -> None:
        """Let the planner know of many new rows at once; of few autovacuum tells it in time."""
        statement = sql.SQL("SELECT reltuples FROM pg_class WHERE oid = {}::regclass").format(
            sql.Literal(words_table(self._epoch).as_string())
        )
        row = self._server.ask(lambda connection: connection.execute(statement).fetchone())
        if row is None or self._num_put > _MANY * max(float(row[0]), 0.0):
            for table in tables(self._epoch):
                self._server.execute_alone(sql.SQL("ANALYZE {}").format(table), timeout_seconds=LONG_SECONDS)

    def _write(self, work: Callable[[Connection], T]) -> T:
        def fenced(connection: Connection) -> T:
            mine = connection.execute("SELECT FROM shard_loads WHERE number = %s FOR KEY SHARE", (self._number,))
            if mine.fetchone() is None:
                raise BuilderBusyError(f"{self._server.name}: another program took over the building of this index")
            return work(connection)

        # The load's own lock keeps others from these rows, so that each statement may see the newest state.
        return self._server.write(fenced, isolation=IsolationLevel.READ_COMMITTED, timeout_seconds=LONG_SECONDS)

    def _held(self, connection: Connection, revisions: Sequence[int]) -> set[int]:
        """Those of the revisions that have passages here, found or not."""
        return self._revisions(connection, revisions, sql.SQL("true"))

    def _found(self, connection: Connection, revisions: Sequence[int] | None, number: int) -> set[int]:
        """Those of the revisions, or all, that are found in a generation."""
        return self._revisions(connection, revisions, is_found(self._epoch, number, "p"))

    def _revisions(
        self, connection: Connection, revisions: Sequence[int] | None, condition: sql.SQL | sql.Composed
    ) -> set[int]:
        if revisions is None:
            statement = sql.SQL("SELECT DISTINCT p.passage_id / {per} FROM {words} p WHERE {condition}")
        else:
            statement = sql.SQL(
                "SELECT r.revision_id FROM unnest({revisions}) r (revision_id) "
                "WHERE EXISTS (SELECT FROM {words} p WHERE {of_it} AND {condition})"
            )
        rows = connection.execute(
            statement.format(
                per=sql.Literal(PASSAGES_PER_REVISION),
                words=words_table(self._epoch),
                condition=condition,
                of_it=is_of_revisions("p", "r"),
                revisions=_array(revisions or ()),
            )
        )
        return {int(row[0]) for row in rows}

    def _hide(self, connection: Connection, revisions: Iterable[int]) -> Change:
        """Open a gap for revisions that are found; what that takes, as a negative change."""
        hidden = sorted(revisions)
        taken = Change()
        taken.add(self._counted(connection, hidden), -1)
        taken.max_impacts.clear()  # nothing is gained
        # A gap that this very load closed is open again.
        connection.execute(
            "INSERT INTO shard_gaps (epoch, revision_id, first) SELECT %s, r, %s FROM unnest(%s::bigint[]) r",
            (self._epoch, self._number, hidden),
        )
        return taken

    def _reopen(self, connection: Connection, revisions: Iterable[int]) -> set[int]:
        """Close the open gaps of revisions from this generation on; those that had one."""
        some = sorted(revisions)
        closed = connection.execute(
            "UPDATE shard_gaps SET last = %s WHERE epoch = %s AND revision_id = ANY(%s) AND last IS NULL "
            "AND first < %s RETURNING revision_id",
            (self._number, self._epoch, some, self._number),
        ).fetchall()
        # A gap that this very load opened, going back behind the generation that had the revision, never was.
        undone = connection.execute(
            "DELETE FROM shard_gaps WHERE epoch = %s AND revision_id = ANY(%s) AND first = %s RETURNING revision_id",
            (self._epoch, some, self._number),
        ).fetchall()
        return {int(row[0]) for row in (*closed, *undone)}

    def _counted(self, connection: Connection, revisions: Iterable[int]) -> Change:
        """What revisions that have passages here hold."""
        some = sorted(revisions)
        if not some:
            return Change()
        selected = sql.SQL("FROM unnest({}) r (revision_id) JOIN {} p ON {}").format(
            _array(some), words_table(self._epoch), is_of_revisions("p", "r")
        )
        totals = sql.SQL(
            "SELECT count(DISTINCT r.revision_id), count(*), COALESCE(sum(p.num_words), 0), "
            "COALESCE(sum(p.num_title_words), 0) {}"
        ).format(selected)
        terms = sql.SQL("SELECT t.lexeme, count(*) {}, unnest(p.words) t GROUP BY 1").format(selected)
        row = connection.execute(totals).fetchone() or (0, 0, 0, 0)
        counts = Counter({str(term): int(num) for term, num in connection.execute(terms)})
        # Where impacts are not known, the most that there is.
        return Change(int(row[0]), int(row[1]), int(row[2]), int(row[3]), counts, dict.fromkeys(counts, 1.0))


def _change_of(num_revisions: int, words: Sequence[PassageWords]) -> Change:
    change = Change(num_revisions, len(words))
    for some in words:
        change.num_words += some.num_words
        change.num_title_words += some.num_title_words
        change.terms.update(some.counts.keys())
        for term, impact in some.impacts():
            if impact > change.max_impacts.get(term, 0.0):
                change.max_impacts[term] = impact
    return change


def _array(values: Iterable[int]) -> sql.Composed:
    return sql.SQL("{}::bigint[]").format(sql.Literal([int(value) for value in values]))


def _one(connection: Connection, statement: str | sql.Composed, *values: object) -> object:
    row = connection.execute(statement, values or None).fetchone()
    return row[0] if row is not None else None
