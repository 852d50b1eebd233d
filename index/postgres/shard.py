"""Reads one server's part of a generation: both searches in one statement; knows nothing of other servers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from psycopg import sql
from psycopg.rows import TupleRow

from index.errors import StorageError
from index.lexical import day_of
from index.postgres.passage_schema import is_found, texts_table, vectors_table, words_table
from index.postgres.pruning import query_for, rare_query
from index.postgres.servers import Connection, Server
from index.postgres.words import RankedWords
from index.types import PASSAGES_PER_REVISION, Filters, FloatArray, Passage

_MIN_EF_SEARCH = 200
_MAX_EF_SEARCH = 1000  # pgvector allows no more
_MAX_SCAN_TUPLES = 1_000_000
_NUM_RARE_PER_RESULT = 25


@dataclass(frozen=True, slots=True)
class Place:
    """Which rows are meant: those of an epoch that are found in a generation; vectors have ``dim`` components."""

    epoch: int
    number: int
    dim: int


@dataclass(frozen=True, slots=True)
class Found:
    """One passage that a shard found, by words, by meaning or by both, with both scores."""

    passage_id: int
    bm25: float
    cosine: float
    day: int
    is_by_words: bool
    is_by_meaning: bool


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched for.

    :ivar words: None when no word of the question is in the index.
    :ivar vector: (dim,) of unit norm, None to search by words only.
    :ivar approximately: Whether the graph of vectors may be used.
    """

    words: RankedWords | None
    vector: FloatArray | None
    k: int
    filters: Filters
    approximately: bool


class GenerationPrunedError(StorageError):
    """A generation that was kept for its readers for a while is gone."""


class Shard:
    """The passages on one server."""

    def __init__(self, server: Server) -> None:
        self.server = server

    @property
    def name(self) -> str:
        return self.server.name

    def search(self, place: Place, search: Search) -> list[Found]:
        """The k best by words and the k best by meaning, in no order.

        :raises StorageError: If the server does not answer, or the generation was pruned.
        """
        if search.words is None and search.vector is None:
            return []

        def ask(connection: Connection) -> list[Found]:
            query = None if search.words is None else _query(connection, place, search, search.words)
            with connection.pipeline():  # all at once: one way to the server and back
                floor = connection.execute(_floor(place))
                connection.execute(_settings(search))
                rows = connection.execute(_search_statement(place, search, query))
            self._must_be_whole(place, floor.fetchone())
            return [Found(*row) for row in rows.fetchall()]

        found = self.server.ask(ask)
        num_near = sum(row.is_by_meaning for row in found)
        if search.approximately and search.vector is not None and num_near < search.k:
            # Among few that the filters leave, the graph may not reach all.
            return self.search(place, Search(search.words, search.vector, search.k, search.filters, False))
        return found

    def texts(self, place: Place, passage_ids: Sequence[int]) -> list[Passage]:
        """Those of the passages that are here and found in the generation, in no order."""
        chosen = sql.SQL("p.passage_id = ANY({})").format(sql.Literal([int(some) for some in passage_ids]))
        return self._texts(place, chosen)

    def all_texts(self, place: Place) -> list[Passage]:
        """Every passage here, in no order; for small collections."""
        return self._texts(place, sql.SQL("true"))

    def vectors(self, place: Place, passage_ids: Sequence[int]) -> dict[int, list[float]]:
        """Those of the passages that are here, each with its vector (dim,)."""
        statement = sql.SQL(
            "SELECT p.passage_id, p.embedding::real[] FROM {} p WHERE p.passage_id = ANY({}) AND {}"
        ).format(
            vectors_table(place.epoch),
            sql.Literal([int(some) for some in passage_ids]),
            is_found(place.epoch, place.number, "p"),
        )
        return {int(row[0]): row[1] for row in self._rows(place, statement)}

    def revision_ids(self, place: Place) -> set[int]:
        """The revisions whose passages here are found in the generation."""
        statement = sql.SQL("SELECT DISTINCT p.passage_id / {} FROM {} p WHERE {}").format(
            sql.Literal(PASSAGES_PER_REVISION), words_table(place.epoch), is_found(place.epoch, place.number, "p")
        )
        return {int(row[0]) for row in self._rows(place, statement)}

    def server_id(self) -> str:
        """What names this server for ever, whatever its address."""
        row = self.server.ask(lambda c: c.execute("SELECT server_id::text FROM shard_identity").fetchone())
        return str(row[0]) if row is not None else ""

    def _texts(self, place: Place, chosen: sql.Composed | sql.SQL) -> list[Passage]:
        statement = sql.SQL(
            "SELECT p.passage_id, p.article_id, p.passage_id / {}, p.title, p.url, p.source, p.published_at, p.text, "
            "p.first_char, p.last_char FROM {} p WHERE {} AND {}"
        ).format(
            sql.Literal(PASSAGES_PER_REVISION),
            texts_table(place.epoch),
            chosen,
            is_found(place.epoch, place.number, "p"),
        )
        return [Passage(*row) for row in self._rows(place, statement)]

    def _rows(self, place: Place, statement: sql.Composed) -> list[TupleRow]:
        def ask(connection: Connection) -> list[TupleRow]:
            with connection.pipeline():
                floor = connection.execute(_floor(place))
                rows = connection.execute(statement)
            self._must_be_whole(place, floor.fetchone())
            return rows.fetchall()

        return self.server.ask(ask)

    def _must_be_whole(self, place: Place, row: TupleRow | None) -> None:
        """:raises GenerationPrunedError: If rows of this generation may be gone: an answer would have a gap."""
        if row is None or not isinstance(row[0], int) or row[0] > place.number:
            raise GenerationPrunedError(f"{self.name}: gen-{place.number:06d} was pruned; ask again")


def _floor(place: Place) -> sql.Composed:
    return sql.SQL("SELECT floor FROM shard_epochs WHERE epoch = {}").format(sql.Literal(place.epoch))


def _settings(search: Search) -> sql.Composed:
    """How far the graph is looked through; relaxed order is enough, since what it finds is compared exactly."""
    return sql.SQL(
        "SELECT set_config('hnsw.ef_search', {}, true), set_config('hnsw.iterative_scan', 'relaxed_order', true), "
        "set_config('hnsw.max_scan_tuples', {}, true)"
    ).format(
        sql.Literal(str(min(max(2 * search.k, _MIN_EF_SEARCH), _MAX_EF_SEARCH))), sql.Literal(str(_MAX_SCAN_TUPLES))
    )


def _query(connection: Connection, place: Place, search: Search, words: RankedWords) -> str:
    """A tsquery of all passages that can be among the k best by words: at least as good as the k best of some."""
    rare = rare_query(words.stems, _NUM_RARE_PER_RESULT * search.k)
    if rare is None:
        return words.query()
    scores = connection.execute(_by_words(place, search, rare)).fetchall()
    if len(scores) < search.k:
        return words.query()
    return query_for(words.stems, float(scores[-1][1])) or rare


def _search_statement(place: Place, search: Search, query: str | None) -> sql.Composed:
    """Rows as of :class:`Found`. Both lists are by exact scores, and of equals the older passage comes first."""
    by_words, by_meaning = _by_words(place, search, query), _by_meaning(place, search)
    words, vectors = words_table(place.epoch), vectors_table(place.epoch)
    bm25 = sql.SQL("0::float8") if search.words is None else search.words.score("w")
    cosine = sql.SQL("0::float8") if search.vector is None else sql.SQL("-(v.embedding <#> {})").format(_vector(search))
    joined = sql.SQL("") if search.vector is None else sql.SQL("JOIN {} v USING (passage_id)").format(vectors)
    return sql.SQL("""
        WITH by_words AS MATERIALIZED ({by_words}), by_meaning AS MATERIALIZED ({by_meaning}),
        found AS (SELECT passage_id FROM by_words UNION SELECT passage_id FROM by_meaning)
        SELECT passage_id, COALESCE(by_words.score, {bm25}), {cosine}, w.day,
            by_words.passage_id IS NOT NULL, by_meaning.passage_id IS NOT NULL
        FROM found JOIN {words} w USING (passage_id) {joined}
        LEFT JOIN by_words USING (passage_id) LEFT JOIN by_meaning USING (passage_id)
    """).format(by_words=by_words, by_meaning=by_meaning, bm25=bm25, cosine=cosine, words=words, joined=joined)


def _by_words(place: Place, search: Search, query: str | None) -> sql.Composed | sql.SQL:
    if search.words is None:
        return sql.SQL("SELECT NULL::bigint AS passage_id, NULL::float8 AS score WHERE false")
    return sql.SQL(
        "SELECT p.passage_id, {score} AS score FROM {words} p WHERE p.words @@ {query}::tsquery AND {allowed} "
        "ORDER BY 2 DESC, 1 LIMIT {k}"
    ).format(
        score=search.words.score("p"),
        words=words_table(place.epoch),
        query=sql.Literal(query),
        allowed=_allowed(place, search),
        k=sql.Literal(search.k),
    )


def _by_meaning(place: Place, search: Search) -> sql.Composed | sql.SQL:
    if search.vector is None:
        return sql.SQL("SELECT NULL::bigint AS passage_id WHERE false")
    vectors, vector, allowed, k = (
        vectors_table(place.epoch),
        _vector(search),
        _allowed(place, search),
        sql.Literal(search.k),
    )
    if not search.approximately:
        return sql.SQL(
            "SELECT p.passage_id FROM {} p WHERE {} ORDER BY p.embedding <#> {}, p.passage_id LIMIT {}"
        ).format(vectors, allowed, vector, k)
    # More than k by half precision, of which the k nearest by full precision.
    return sql.SQL("""
        SELECT passage_id FROM (
            SELECT p.passage_id, p.embedding FROM {vectors} p WHERE {allowed}
            ORDER BY p.embedding::halfvec({dim}) <#> {vector}::halfvec({dim}) LIMIT {more}
        ) near ORDER BY embedding <#> {vector}, passage_id LIMIT {k}
    """).format(
        vectors=vectors,
        allowed=allowed,
        dim=sql.Literal(place.dim),
        vector=vector,
        more=sql.Literal(search.k + max(10, search.k // 4)),
        k=k,
    )


def _vector(search: Search) -> sql.Composed:
    values = [] if search.vector is None else search.vector.tolist()
    return sql.SQL("{}::vector").format(sql.Literal("[" + ",".join(map(repr, values)) + "]"))


def _allowed(place: Place, search: Search) -> sql.Composed:
    conditions = [is_found(place.epoch, place.number, "p"), *_conditions(search.filters)]
    return sql.SQL(" AND ").join(conditions)


def _conditions(filters: Filters) -> Iterator[sql.Composed | sql.SQL]:
    if filters.source is not None:
        try:
            filters.source.encode("utf-8")
        except UnicodeEncodeError:
            yield sql.SQL("false")
            return
        if "\0" in filters.source:  # PostgreSQL holds no such text
            yield sql.SQL("false")
            return
        yield sql.SQL("p.source = {}").format(sql.Literal(filters.source))
    if filters.published_after is not None or filters.published_before is not None:
        first = max(1, day_of(filters.published_after))
        yield sql.SQL("p.day >= {}").format(sql.Literal(first))
    if filters.published_before is not None:
        yield sql.SQL("p.day <= {}").format(sql.Literal(day_of(filters.published_before)))
