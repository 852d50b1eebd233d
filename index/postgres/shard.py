"""Reads one server's part of a generation; knows nothing of other servers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from psycopg import sql
from psycopg.rows import TupleRow

from index.errors import StorageError
from index.postgres import search_statements as statements
from index.postgres.passage_schema import is_found, texts_table, vectors_table, words_table
from index.postgres.pruning import query_for, rare_query
from index.postgres.search_statements import Place, Search
from index.postgres.servers import LONG_SECONDS, Connection, Server
from index.postgres.words import RankedWords
from index.types import PASSAGES_PER_REVISION, FloatArray, Passage

# Of a server: with or without a limit for somebody who waits.
Ask = Callable[[Callable[[Connection], list[TupleRow]]], list[TupleRow]]

_NUM_RARE_PER_RESULT = 25


@dataclass(frozen=True, slots=True)
class Found:
    """One passage that a shard found, by words, by meaning or by both, with both scores."""

    passage_id: int
    bm25: float
    cosine: float
    day: int
    is_by_words: bool
    is_by_meaning: bool


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
        return self.server.ask_soon(lambda connection: self._found(connection, place, search))

    def texts(self, place: Place, passage_ids: Sequence[int]) -> list[Passage]:
        """Those of the passages that are here and found in the generation, in no order."""
        chosen = sql.SQL("p.passage_id = ANY({})").format(sql.Literal([int(some) for some in passage_ids]))
        return self._texts(place, chosen, self.server.ask_soon)

    def all_texts(self, place: Place) -> list[Passage]:
        """Every passage here, in no order; for small collections."""
        return self._texts(place, sql.SQL("true"), self.server.ask)

    def vectors(self, place: Place, passage_ids: Sequence[int]) -> dict[int, list[float]]:
        """Those of the passages that are here, each with its vector (dim,)."""
        statement = sql.SQL(
            "SELECT p.passage_id, p.embedding::real[] FROM {} p WHERE p.passage_id = ANY({}) AND {}"
        ).format(
            vectors_table(place.epoch),
            sql.Literal([int(some) for some in passage_ids]),
            is_found(place.epoch, place.number, "p"),
        )
        return {int(row[0]): row[1] for row in self._rows(place, statement, self.server.ask)}

    def revision_ids(self, place: Place) -> set[int]:
        """The revisions whose passages here are found in the generation."""
        statement = sql.SQL("SELECT DISTINCT p.passage_id / {} FROM {} p WHERE {}").format(
            sql.Literal(PASSAGES_PER_REVISION), words_table(place.epoch), is_found(place.epoch, place.number, "p")
        )
        return {
            int(row[0]) for row in self._rows(place, statement, partial(self.server.ask, timeout_seconds=LONG_SECONDS))
        }

    def server_id(self) -> str:
        """What names this server for ever, whatever its address."""
        row = self.server.ask(lambda c: c.execute("SELECT server_id::text FROM shard_identity").fetchone())
        return str(row[0]) if row is not None else ""

    def _texts(self, place: Place, chosen: sql.Composed | sql.SQL, ask: Ask) -> list[Passage]:
        statement = sql.SQL(
            "SELECT p.passage_id, p.article_id, p.passage_id / {}, p.title, p.url, p.source, p.published_at, p.text, "
            "p.first_char, p.last_char FROM {} p WHERE {} AND {}"
        ).format(
            sql.Literal(PASSAGES_PER_REVISION),
            texts_table(place.epoch),
            chosen,
            is_found(place.epoch, place.number, "p"),
        )
        return [Passage(*row) for row in self._rows(place, statement, ask)]

    def _rows(self, place: Place, statement: sql.Composed, ask: Ask) -> list[TupleRow]:
        def rows_of(connection: Connection) -> list[TupleRow]:
            with connection.pipeline():
                floor = connection.execute(statements.floor(place))
                rows = connection.execute(statement)
            self._must_be_whole(place, floor.fetchone())
            return rows.fetchall()

        return ask(rows_of)

    def _must_be_whole(self, place: Place, row: TupleRow | None) -> None:
        """:raises GenerationPrunedError: If rows of this generation may be gone: an answer would have a gap."""
        if row is None or not isinstance(row[0], int) or row[0] > place.number:
            raise GenerationPrunedError(f"{self.name}: gen-{place.number:06d} was pruned; ask again")

    def _found(self, connection: Connection, place: Place, search: Search) -> list[Found]:
        words, vector = search.words, search.vector
        self._must_be_whole(place, connection.execute(statements.floor(place)).fetchone())
        ids_by_words = set() if words is None else _ids_by_words(connection, place, search, words)
        ids_by_meaning = set() if vector is None else _ids_by_meaning(connection, place, search, vector)
        rows = connection.execute(statements.scored(place, search, sorted(ids_by_words | ids_by_meaning)))
        return [
            Found(passage_id, bm25, cosine, day, passage_id in ids_by_words, passage_id in ids_by_meaning)
            for passage_id, bm25, cosine, day in rows
        ]


def _ids_by_words(connection: Connection, place: Place, search: Search, words: RankedWords) -> set[int]:
    """The k best: those among which no other passage can be, once the k best of those with rare words are known."""
    connection.execute(statements.words_settings())
    query = words.query()
    rare = rare_query(words.stems, _NUM_RARE_PER_RESULT * search.k)
    if rare is not None:
        scores = connection.execute(statements.by_words(place, search, words, rare)).fetchall()
        if len(scores) == search.k:
            query = query_for(words.stems, float(scores[-1][1])) or rare
    return {int(row[0]) for row in connection.execute(statements.by_words(place, search, words, query))}


def _ids_by_meaning(connection: Connection, place: Place, search: Search, vector: FloatArray) -> set[int]:
    """The k nearest. Where filters leave so few that the graph does not reach k, all that they leave are compared."""
    connection.execute(statements.meaning_settings(search.k))
    near: set[int] = set()
    for approximately in (True, False) if search.approximately else (False,):
        rows = connection.execute(statements.by_meaning(place, search, vector, approximately=approximately))
        near = {int(row[0]) for row in rows}
        if len(near) == search.k:
            break
    return near
