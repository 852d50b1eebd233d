"""The statements that search a shard's tables; knows no connection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from psycopg import sql

from index.lexical import day_of
from index.postgres.passage_schema import is_found, vectors_table, words_table
from index.postgres.words import RankedWords
from index.types import Filters, FloatArray

_MIN_EF_SEARCH = 200
_MAX_EF_SEARCH = 1000  # pgvector allows no more
_MAX_SCAN_TUPLES = 1_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """Which rows are meant: those of an epoch that are found in a generation; vectors have ``dim`` components."""

    epoch: int
    number: int
    dim: int


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


def floor(place: Place) -> sql.Composed:
    """The oldest generation of an epoch that is whole."""
    return sql.SQL("SELECT floor FROM shard_epochs WHERE epoch = {}").format(sql.Literal(place.epoch))


def words_settings() -> sql.SQL:
    """To go by the index of words, always: the planner takes looking into every passage for cheaper than it is."""
    return sql.SQL("SELECT set_config('enable_seqscan', 'off', true)")


def meaning_settings(k: int) -> sql.Composed:
    """How far the graph is looked through; relaxed order is enough, since what it finds is compared exactly."""
    return sql.SQL(
        "SELECT set_config('enable_seqscan', 'on', true), set_config('hnsw.ef_search', {}, true), "
        "set_config('hnsw.iterative_scan', 'relaxed_order', true), set_config('hnsw.max_scan_tuples', {}, true)"
    ).format(sql.Literal(str(min(max(2 * k, _MIN_EF_SEARCH), _MAX_EF_SEARCH))), sql.Literal(str(_MAX_SCAN_TUPLES)))


def by_words(place: Place, search: Search, words: RankedWords, query: str) -> sql.Composed:
    """Passage ids with their scores, the k best, best first; of equals the older passage comes first.

    :param query: A tsquery of all that matter.
    """
    return sql.SQL(
        "SELECT p.passage_id, {score} FROM {words} p WHERE p.words @@ {query}::tsquery AND {allowed} "
        "ORDER BY 2 DESC, 1 LIMIT {k}"
    ).format(
        score=words.score("p"),
        words=words_table(place.epoch),
        query=sql.Literal(query),
        allowed=_allowed(place, search),
        k=sql.Literal(search.k),
    )


def by_meaning(place: Place, search: Search, vector: FloatArray, *, approximately: bool) -> sql.Composed:
    """Passage ids, the k nearest; of equals the older passage comes first."""
    vectors, allowed = vectors_table(place.epoch), _allowed(place, search)
    if not approximately:
        return sql.SQL(
            "SELECT p.passage_id FROM {} p WHERE {} ORDER BY p.embedding <#> {}, p.passage_id LIMIT {}"
        ).format(vectors, allowed, _literal(vector), sql.Literal(search.k))
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
        vector=_literal(vector),
        more=sql.Literal(search.k + max(10, search.k // 4)),
        k=sql.Literal(search.k),
    )


def scored(place: Place, search: Search, passage_ids: Sequence[int]) -> sql.Composed:
    """Passage ids with BM25, cosine and day of given passages; 0 for what is not searched by."""
    bm25 = sql.SQL("0::float8") if search.words is None else search.words.score("w")
    chosen = sql.SQL("w.passage_id = ANY({}::bigint[])").format(sql.Literal(list(passage_ids)))
    if search.vector is None:
        return sql.SQL("SELECT w.passage_id, {}, 0::float8, w.day FROM {} w WHERE {}").format(
            bm25, words_table(place.epoch), chosen
        )
    return sql.SQL(
        "SELECT passage_id, {}, -(v.embedding <#> {}), w.day FROM {} w JOIN {} v USING (passage_id) WHERE {}"
    ).format(bm25, _literal(search.vector), words_table(place.epoch), vectors_table(place.epoch), chosen)


def _literal(vector: FloatArray) -> sql.Composed:
    return sql.SQL("{}::vector").format(sql.Literal("[" + ",".join(map(repr, vector.tolist())) + "]"))


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
