"""Sends passages to PostgreSQL's COPY; knows nothing of loads or generations but a number."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

import numpy as np
from psycopg import sql

from index.lexical import day_of
from index.postgres.passage_schema import texts_table, vectors_table, words_table
from index.postgres.servers import Connection
from index.postgres.words import PassageWords
from index.types import FloatArray, Passage

_COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
_COPY_END = struct.pack(">h", -1)


def copy_passages(
    connection: Connection,
    epoch: int,
    number: int,
    passages: Sequence[Passage],
    words: Sequence[PassageWords],
    vectors: FloatArray,
) -> None:
    """Fill the three tables of an epoch with new passages.

    :param number: The load they come with.
    :param words: One for each of the passages.
    :param vectors: (n, dim) float32.
    """
    if not passages:
        return
    with connection.cursor() as cursor:
        columns = (
            "passage_id, from_generation, article_id, title, url, source, published_at, text, first_char, last_char"
        )
        with cursor.copy(_copy_into(texts_table(epoch), columns)) as copy:
            for p in passages:
                some = (p.article_id, p.title, p.url, p.source, p.published_at, p.text, p.start, p.end)
                copy.write_row((p.passage_id, number, *some))
        columns = "passage_id, from_generation, day, num_words, num_title_words, source, words"
        with cursor.copy(_copy_into(words_table(epoch), columns)) as copy:
            for p, w in zip(passages, words, strict=True):
                lengths = (w.num_words, w.num_title_words)
                copy.write_row((p.passage_id, number, day_of(p.published_at), *lengths, p.source, w.to_tsvector()))
        columns = "passage_id, from_generation, day, source, embedding"
        with cursor.copy(_copy_into(vectors_table(epoch), columns, "(FORMAT BINARY)")) as copy:
            for chunk in _binary_rows(passages, number, vectors):
                copy.write(chunk)


def _copy_into(table: sql.Identifier, columns: str, options: str = "") -> sql.Composed:
    return sql.SQL("COPY {} ({}) FROM STDIN {}").format(table, sql.SQL(columns), sql.SQL(options))


def _binary_rows(passages: Sequence[Passage], number: int, vectors: FloatArray) -> Iterator[bytes]:
    """Rows of the table of vectors in PostgreSQL's binary format: as text a vector has five times as many bytes.

    A vector is its number of components, two unused bytes, and the components (``vector_send`` in pgvector).
    """
    yield _COPY_HEADER
    dim = vectors.shape[1]
    components = np.ascontiguousarray(vectors, dtype=">f4")
    for passage, row in zip(passages, components, strict=True):
        source = None if passage.source is None else passage.source.encode("utf-8")
        yield b"".join(
            (
                struct.pack(">hiqii", 5, 8, passage.passage_id, 4, number),
                struct.pack(">ii", 4, day_of(passage.published_at)),
                struct.pack(">i", -1) if source is None else struct.pack(">i", len(source)) + source,
                struct.pack(">ihh", 4 + 4 * dim, dim, 0),
                row.tobytes(),
            )
        )
    yield _COPY_END
