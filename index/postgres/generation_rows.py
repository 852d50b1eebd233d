"""The generations' own rows on the main server: which there are, which is live, what they hold; knows no passages."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from psycopg.types.json import Jsonb

from index.clusters import Clusters
from index.errors import BadInputError
from index.manifest import Manifest
from index.postgres.servers import Connection
from index.postgres.words import Lengths, TermStatistics
from index.snapshot import iso_day
from index.types import ClusterMember

_COLUMNS = (
    "number, parent, epoch, created_at, embedder, chunker, num_articles, num_passages, num_words, num_title_words, "
    "newest_day, dense, clusters_hash, shards"
)


@dataclass(frozen=True, slots=True)
class ManifestFields:
    """What the builder says of a generation; the rest is counted.

    ``embedder`` and ``chunker`` as in :class:`index.manifest.Manifest`.
    """

    embedder: str
    chunker: Mapping[str, int]
    clusters: Clusters = field(default_factory=Clusters)


@dataclass(frozen=True, slots=True)
class GenerationRow:
    """One generation. ``shards``: the ids of the servers that hold its passages; ``dim``: of its vectors."""

    number: int
    parent: int | None
    epoch: int
    dim: int
    created_at: str
    embedder: str
    chunker: Mapping[str, int]
    num_articles: int
    lengths: Lengths
    newest_day: int
    dense: Mapping[str, Any]
    clusters_hash: str
    shards: tuple[str, ...]

    def manifest(self) -> Manifest:
        """The same as the embedded index has it; there are no files."""
        return Manifest(
            generation=name_of(self.number),
            parent=name_of(self.parent) if self.parent is not None else None,
            created_at=self.created_at,
            embedder=self.embedder,
            chunker=self.chunker,
            num_articles=self.num_articles,
            num_passages=self.lengths.num_passages,
            newest_published_at=iso_day(self.newest_day),
            dense=self.dense,
            files={},
            superseded=(),
        )


def name_of(number: int) -> str:
    """As the embedded index names its generations."""
    return f"gen-{number:06d}"


def number_of(name: str) -> int:
    """:raises BadInputError: If that is no name of a generation."""
    digits = name.removeprefix("gen-")
    if digits == name or not (digits.isascii() and digits.isdigit()):
        raise BadInputError(f"{name!r} is no name of a generation, such as gen-000007")
    return int(digits)


def read_generation(connection: Connection, number: int) -> GenerationRow | None:
    """One generation, None when there is none of that number."""
    row = connection.execute(
        f"SELECT {_COLUMNS}, (dense ->> 'dim')::integer FROM passage_generations WHERE number = %s",  # noqa: S608
        (number,),
    ).fetchone()
    if row is None:
        return None
    return GenerationRow(
        number=row[0],
        parent=row[1],
        epoch=row[2],
        dim=row[14],
        created_at=row[3].astimezone(UTC).isoformat(timespec="seconds"),
        embedder=row[4],
        chunker=row[5],
        num_articles=row[6],
        lengths=Lengths(row[7], row[8], row[9]),
        newest_day=row[10],
        dense=row[11],
        clusters_hash=row[12],
        shards=tuple(str(shard) for shard in row[13]),
    )


def numbers(connection: Connection) -> list[int]:
    """All generations there are, oldest first."""
    rows = connection.execute("SELECT number FROM passage_generations ORDER BY number")
    return [int(row[0]) for row in rows]


def current(connection: Connection) -> int | None:
    """The live generation, None before there is any."""
    row = connection.execute("SELECT current FROM passage_state").fetchone()
    return int(row[0]) if row is not None and row[0] is not None else None


def lock_generations(connection: Connection) -> int:
    """Let nobody else number, publish, choose or delete generations until the end of this transaction.

    Call it first: in a transaction that is READ COMMITTED, what is read afterwards stays true.

    :return: The highest number that a load has.
    """
    row = connection.execute("SELECT highest FROM passage_state FOR UPDATE").fetchone()
    return int(row[0]) if row is not None else 0


def make_current(connection: Connection, number: int) -> None:
    """Flip the one row that says which generation is live; the one before is kept for a while for its readers."""
    connection.execute(
        "UPDATE passage_generations SET retired_at = now() "
        "WHERE number = (SELECT current FROM passage_state) AND number <> %s",
        (number,),
    )
    connection.execute("UPDATE passage_state SET current = %s", (number,))


def insert_generation(connection: Connection, row: GenerationRow, clusters: Clusters) -> None:
    """Add a generation with its clusters, which those with equal ones share."""
    connection.execute(
        "INSERT INTO passage_clusters VALUES (%s, %s) ON CONFLICT DO NOTHING",
        (row.clusters_hash, Jsonb(clusters.to_json())),
    )
    connection.execute(
        "INSERT INTO passage_generations (number, parent, epoch, embedder, chunker, num_articles, num_passages, "
        "num_words, num_title_words, newest_day, dense, clusters_hash, shards) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::uuid[])",
        (
            row.number,
            row.parent,
            row.epoch,
            row.embedder,
            Jsonb(dict(row.chunker)),
            row.num_articles,
            row.lengths.num_passages,
            row.lengths.num_words,
            row.lengths.num_title_words,
            row.newest_day,
            Jsonb(dict(row.dense)),
            row.clusters_hash,
            list(row.shards),
        ),
    )
    connection.execute(
        "INSERT INTO passage_epochs (epoch, latest) VALUES (%s, %s) "
        "ON CONFLICT (epoch) DO UPDATE SET latest = excluded.latest",
        (row.epoch, row.number),
    )


def delete_generations(connection: Connection, some: Iterable[int]) -> None:
    """Forget generations and the clusters that only they have."""
    connection.execute("DELETE FROM passage_generations WHERE number = ANY(%s)", (list(some),))
    connection.execute(
        "DELETE FROM passage_clusters c WHERE NOT EXISTS "
        "(SELECT FROM passage_generations g WHERE g.clusters_hash = c.hash)"
    )


def read_clusters(connection: Connection, clusters_hash: str) -> Clusters:
    """The clusters with that hash."""
    row = connection.execute("SELECT clusters FROM passage_clusters WHERE hash = %s", (clusters_hash,)).fetchone()
    members: Sequence[Sequence[Mapping[str, Any]]] = row[0] if row is not None else ()
    return Clusters([ClusterMember(**member) for member in cluster] for cluster in members)


def hash_of(clusters: Clusters) -> str:
    """SHA-256 of clusters, hex."""
    data = json.dumps(clusters.to_json(), ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(data.encode("utf-8")).hexdigest()


def add_terms(
    connection: Connection, epoch: int, number: int, terms: Mapping[str, int], max_impacts: Mapping[str, float]
) -> None:
    """Note how many passages more, or fewer, hold each term from this generation on."""
    with connection.cursor() as cursor, cursor.copy("COPY passage_terms FROM STDIN") as copy:
        for term, num in terms.items():
            # Also where as many came as went: those that came may have a greater impact.
            copy.write_row((epoch, term, number, num, max_impacts.get(term, 0.0)))


def term_statistics(connection: Connection, epoch: int, number: int, terms: Sequence[str]) -> dict[str, TermStatistics]:
    """How many passages of a generation hold each of the terms, on all servers together."""
    rows = connection.execute(
        "SELECT term, sum(num_passages), max(max_impact) FROM passage_terms "
        "WHERE epoch = %s AND term = ANY(%s) AND number <= %s GROUP BY term",
        (epoch, list(terms), number),
    )
    known = {str(term): TermStatistics(int(num), float(impact)) for term, num, impact in rows}
    return dict.fromkeys(terms, TermStatistics(0, 0.0)) | known
