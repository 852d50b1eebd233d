"""The tables of the passage store; knows nothing of who fills or searches them.

Passages never change. Those of one *epoch* (made by one embedder and chunker, from one start from nothing) lie in three
tables of their own on each shard: texts, words and vectors, so that a search by words reads no vectors. A row is found
in generation N if it came with N or before and N is in no gap of its revision; a gap [first, last) hides a revision
from the generations in it. Gaps are few: pruning deletes what no generation finds any more.
"""

from __future__ import annotations

from typing import Final

from psycopg import sql

from index.types import PASSAGES_PER_REVISION

COMPONENT: Final = "passages"
STEPS: Final = (
    """
CREATE EXTENSION IF NOT EXISTS vector;

-- On every server that holds passages.
CREATE TABLE shard_identity (
    only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    server_id uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO shard_identity DEFAULT VALUES;
CREATE TABLE shard_epochs (
    epoch     integer PRIMARY KEY,
    dim       integer NOT NULL,
    -- Generations below it are not whole here any more.
    floor     integer NOT NULL DEFAULT 0
);
CREATE TABLE shard_loads (
    number    integer PRIMARY KEY
);
CREATE TABLE shard_gaps (
    epoch       integer NOT NULL,
    revision_id bigint NOT NULL,
    first       integer NOT NULL,
    last        integer,
    PRIMARY KEY (epoch, revision_id, first)
);

-- On the main server only.
CREATE TABLE passage_state (
    only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    highest   integer NOT NULL DEFAULT 0,
    current   integer
);
INSERT INTO passage_state DEFAULT VALUES;
CREATE TABLE passage_epochs (
    epoch     integer PRIMARY KEY,
    latest    integer NOT NULL,
    compacted integer NOT NULL DEFAULT 0
);
CREATE TABLE passage_loads (
    number    integer PRIMARY KEY,
    state     text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'committed', 'dead'))
);
CREATE TABLE passage_clusters (
    hash      text PRIMARY KEY,
    clusters  jsonb NOT NULL
);
CREATE TABLE passage_generations (
    number          integer PRIMARY KEY,
    parent          integer,
    epoch           integer NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    retired_at      timestamptz,
    embedder        text NOT NULL,
    chunker         jsonb NOT NULL,
    num_articles    bigint NOT NULL,
    num_passages    bigint NOT NULL,
    num_words       bigint NOT NULL,
    num_title_words bigint NOT NULL,
    newest_day      integer NOT NULL,
    dense           jsonb NOT NULL,
    clusters_hash   text NOT NULL REFERENCES passage_clusters (hash),
    shards          uuid[] NOT NULL
);
-- How many passages hold a term: the sum of what each generation up to the one asked for added or took; and the
-- greatest impact of the term in any of them, a bound.
CREATE TABLE passage_terms (
    epoch        integer NOT NULL,
    term         text COLLATE "C" NOT NULL,
    number       integer NOT NULL,
    num_passages integer NOT NULL,
    max_impact   double precision NOT NULL,
    PRIMARY KEY (epoch, term, number)
);
CREATE TABLE passage_erasures (
    revision_id bigint PRIMARY KEY
);
""",
    """
-- Loads up to this one begin here no more: whoever builds now cleared what they had left.
ALTER TABLE shard_identity ADD COLUMN cleared integer NOT NULL DEFAULT 0;
""",
)


def texts_table(epoch: int) -> sql.Identifier:
    """What is shown of each passage."""
    return sql.Identifier(f"passage_texts_{epoch}")


def words_table(epoch: int) -> sql.Identifier:
    """What is searched by words."""
    return sql.Identifier(f"passage_words_{epoch}")


def vectors_table(epoch: int) -> sql.Identifier:
    """What is searched by meaning."""
    return sql.Identifier(f"passage_vectors_{epoch}")


def tables(epoch: int) -> tuple[sql.Identifier, sql.Identifier, sql.Identifier]:
    """All three."""
    return texts_table(epoch), words_table(epoch), vectors_table(epoch)


def make_tables(epoch: int, dim: int) -> sql.Composed:
    """Make the tables of an epoch where they are missing; indexes for searching follow when they are filled.

    Rows stay whole in their pages, uncompressed: each word that is ranked would unpack them anew.
    """
    return sql.SQL("""
        CREATE TABLE IF NOT EXISTS {texts} (
            passage_id      bigint PRIMARY KEY,
            from_generation integer NOT NULL,
            article_id      text NOT NULL,
            title           text NOT NULL,
            url             text,
            source          text,
            published_at    text,
            text            text NOT NULL,
            first_char      integer NOT NULL,
            last_char       integer NOT NULL
        );
        CREATE TABLE IF NOT EXISTS {words} (
            passage_id      bigint PRIMARY KEY,
            from_generation integer NOT NULL,
            day             integer NOT NULL,
            num_words       integer NOT NULL,
            num_title_words integer NOT NULL,
            source          text,
            words           tsvector NOT NULL
        ) WITH (toast_tuple_target = 8160);
        ALTER TABLE {words} ALTER COLUMN words SET STORAGE EXTERNAL;
        CREATE TABLE IF NOT EXISTS {vectors} (
            passage_id      bigint PRIMARY KEY,
            from_generation integer NOT NULL,
            day             integer NOT NULL,
            source          text,
            embedding       vector({dim}) NOT NULL
        ) WITH (toast_tuple_target = 8160);
    """).format(texts=texts_table(epoch), words=words_table(epoch), vectors=vectors_table(epoch), dim=sql.Literal(dim))


def make_indexes(epoch: int) -> sql.Composed:
    """Make the indexes of an epoch where they are missing, but the one for searching by meaning approximately."""
    return sql.SQL("""
        CREATE INDEX IF NOT EXISTS {by_word} ON {words} USING gin (words) WITH (fastupdate = off);
        CREATE INDEX IF NOT EXISTS {words_by_day} ON {words} (day);
        CREATE INDEX IF NOT EXISTS {vectors_by_day} ON {vectors} (day);
        CREATE INDEX IF NOT EXISTS {texts_by_load} ON {texts} USING brin (from_generation);
        CREATE INDEX IF NOT EXISTS {words_by_load} ON {words} USING brin (from_generation);
        CREATE INDEX IF NOT EXISTS {vectors_by_load} ON {vectors} USING brin (from_generation);
    """).format(
        texts=texts_table(epoch),
        texts_by_load=sql.Identifier(f"passage_texts_{epoch}_by_load"),
        words_by_load=sql.Identifier(f"passage_words_{epoch}_by_load"),
        vectors_by_load=sql.Identifier(f"passage_vectors_{epoch}_by_load"),
        words=words_table(epoch),
        vectors=vectors_table(epoch),
        by_word=sql.Identifier(f"passage_words_{epoch}_by_word"),
        words_by_day=sql.Identifier(f"passage_words_{epoch}_by_day"),
        vectors_by_day=sql.Identifier(f"passage_vectors_{epoch}_by_day"),
    )


def make_hnsw(epoch: int, dim: int) -> sql.Composed:
    """Make the graph of half-precision vectors (Malkov and Yashunin, "HNSW", 2016) where it is missing."""
    return sql.SQL(
        "CREATE INDEX IF NOT EXISTS {name} ON {vectors} USING hnsw ((embedding::halfvec({dim})) halfvec_ip_ops)"
    ).format(name=sql.Identifier(hnsw_name(epoch)), vectors=vectors_table(epoch), dim=sql.Literal(dim))


def hnsw_name(epoch: int) -> str:
    """The name of an epoch's graph."""
    return f"passage_vectors_{epoch}_hnsw"


def is_found(epoch: int, generation: int, row: str) -> sql.Composed:
    """The condition that a row of an epoch's table is found in a generation.

    "+ 0" keeps it from the index by load: nearly all rows fulfil it.

    :param row: The table's alias.
    """
    return sql.SQL(
        "({row}.from_generation + 0 <= {generation} AND {row}.passage_id / {per_revision} NOT IN "
        "(SELECT revision_id FROM shard_gaps WHERE epoch = {epoch} AND first <= {generation} "
        "AND (last IS NULL OR last > {generation})))"
    ).format(
        row=sql.Identifier(row),
        generation=sql.Literal(generation),
        epoch=sql.Literal(epoch),
        per_revision=sql.Literal(PASSAGES_PER_REVISION),
    )


def is_of_revisions(row: str, revisions: str) -> sql.Composed:
    """The condition that a row belongs to the revision of another row, as a range of ids that an index finds."""
    return sql.SQL(
        "{row}.passage_id >= {revisions}.revision_id * {per} "
        "AND {row}.passage_id < ({revisions}.revision_id + 1) * {per}"
    ).format(row=sql.Identifier(row), revisions=sql.Identifier(revisions), per=sql.Literal(PASSAGES_PER_REVISION))
