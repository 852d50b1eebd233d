"""What is written while primaries are killed: rows of a bare table, and articles as Article QA accepts them."""

from __future__ import annotations

import psycopg

from index.errors import StorageError
from index.library import Revision
from index.postgres.library import PostgresLibrary
from index.postgres.servers import Server
from index.types import Article, make_article
from scripts.cluster.drill import TryAgain
from scripts.cluster.replicated_pair import ReplicatedPair

_TABLE = "CREATE TABLE IF NOT EXISTS drill (loader int, row_number bigint, text text, PRIMARY KEY (loader, row_number))"
_INSERT = """
    INSERT INTO drill SELECT %(loader)s, n, 'row ' || n || ' of loader ' || %(loader)s
    FROM unnest(%(numbers)s::bigint[]) AS n ON CONFLICT DO NOTHING
"""
_PATIENCE_SECONDS = 60.0


class RowLoad:
    """Writes rows over one connection that is made anew after an error, as a client without any library would."""

    rows_a_batch = 200

    def __init__(self, pair: ReplicatedPair, loader: int) -> None:
        pair.primary.sql(_TABLE)
        self._url = pair.url()
        self._loader = loader
        self._connection: psycopg.Connection | None = None

    def write(self, batch: int) -> bool:
        numbers = list(range(batch * self.rows_a_batch, (batch + 1) * self.rows_a_batch))
        try:
            if self._connection is None:
                self._connection = psycopg.connect(self._url, connect_timeout=2, autocommit=True)
            return self._connection.execute(_INSERT, {"loader": self._loader, "numbers": numbers}).rowcount > 0
        except psycopg.OperationalError as error:
            self._connection = None
            raise TryAgain(str(error)) from error

    def num_missing(self, num_batches: int) -> int:
        question = "SELECT row_number, text FROM drill WHERE loader = %s"
        with psycopg.connect(self._url) as connection:
            rows: dict[int, str] = dict(connection.execute(question, (self._loader,)).fetchall())
        expected = (
            (number, f"row {number} of loader {self._loader}") for number in range(num_batches * self.rows_a_batch)
        )
        return sum(rows.get(number) != text for number, text in expected)


class ArticleLoad:
    """Accepts articles into a library on the pair: what is acknowledged to people who add articles."""

    rows_a_batch = 20

    def __init__(self, pair: ReplicatedPair, loader: int) -> None:
        self._loader = loader
        server = Server(pair.url(), connect_timeout_seconds=2.0, patience_seconds=_PATIENCE_SECONDS)
        self._library = PostgresLibrary(server)

    def write(self, batch: int) -> bool:
        numbers = range(batch * self.rows_a_batch, (batch + 1) * self.rows_a_batch)
        try:
            verdicts = self._library.accept([self._article(number) for number in numbers])
        except StorageError as error:
            raise TryAgain(str(error)) from error
        return "added" in verdicts

    def num_missing(self, num_batches: int) -> int:
        found = {revision.article.article_id: revision.article for revision in self._revisions()}
        articles = map(self._article, range(num_batches * self.rows_a_batch))
        return sum(found.get(article.article_id) != article for article in articles)

    def _revisions(self) -> list[Revision]:
        return list(self._library.revisions(self._library.indexable_revision_ids()))

    def _article(self, number: int) -> Article:
        text = f"Loader {self._loader} reports that {number} things were counted on the day of the drill."
        return make_article(text, title=f"Report {number}", url=f"https://drill.example/{self._loader}/{number}")
