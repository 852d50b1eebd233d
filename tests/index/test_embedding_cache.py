"""Vectors come back exactly, by text and model, until their article is removed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from index.embedding_cache import EmbeddingCache, _key
from index.library import Library
from index.sql import SqlDatabase
from index.types import make_article
from tests.databases import ONLY_SQLITE
from tests.fakes import numbered_article, text_vector


@pytest.fixture
def database(sql_database: SqlDatabase) -> SqlDatabase:
    """A library where the articles "x", "y" and "another" are live."""
    articles = [make_article(f"This is {name}.", title=name, article_id=name) for name in ("x", "y", "another")]
    Library(sql_database).accept(articles)
    return sql_database


def _cache(database: SqlDatabase, *, model_id: str = "m", dim: int = 8) -> EmbeddingCache:
    return EmbeddingCache(database, model_id=model_id, dim=dim)


def _vectors(count: int, dim: int = 8) -> np.ndarray:
    return np.random.default_rng(count).standard_normal((count, dim)).astype(np.float32)


def test_what_was_put_comes_back_bit_for_bit_in_the_order_asked_for(database: SqlDatabase) -> None:
    vectors = _vectors(3)
    _cache(database).put(["a", "b", "é😀"], vectors, ["x", "x", "y"])
    found = _cache(database).get(["é😀", "unknown", "a", "b", "a"])
    assert found[1] is None
    for vector, row in zip([found[0], *found[2:]], [2, 0, 1, 0], strict=True):
        assert vector is not None
        assert vector.dtype == np.float32
        assert np.array_equal(vector, vectors[row])


def test_nothing_is_put_and_nothing_got(database: SqlDatabase) -> None:
    _cache(database).put([], _vectors(0), [])
    assert _cache(database).get([]) == []


def test_more_texts_than_sqlite_takes_variables(database: SqlDatabase) -> None:
    texts = [f"text {number}" for number in range(1203)]
    vectors = _vectors(len(texts))
    _cache(database).put(texts, vectors, ["x"] * len(texts))
    assert np.array_equal(np.stack([v for v in _cache(database).get(texts) if v is not None]), vectors)


def test_vectors_of_another_model_are_not_given_out(database: SqlDatabase) -> None:
    _cache(database).put(["a"], _vectors(1), ["x"])
    assert _cache(database, model_id="other").get(["a"]) == [None]


def test_two_models_keep_their_vectors_apart(database: SqlDatabase) -> None:
    first, second = _vectors(2)
    _cache(database).put(["a"], first[None], ["x"])
    _cache(database, model_id="other").put(["a"], second[None], ["x"])
    for model_id, expected in (("m", first), ("other", second)):
        (found,) = _cache(database, model_id=model_id).get(["a"])
        assert found is not None
        assert np.array_equal(found, expected)


@pytest.mark.parametrize("blob", [b"", b"123", b"12345678", bytes(9 * 4)])
def test_a_vector_of_another_length_is_as_none(database: SqlDatabase, blob: bytes) -> None:
    _cache(database).put(["a"], _vectors(1), ["x"])
    statement = "UPDATE embeddings SET vector = ?"
    assert database.transact(lambda connection: connection.execute(statement, (blob,)).rowcount) == 1
    assert _cache(database).get(["a"]) == [None]


def test_putting_again_replaces(database: SqlDatabase) -> None:
    _cache(database).put(["a"], _vectors(1), ["x"])
    _cache(database).put(["a"], 2 * _vectors(1), ["x"])
    (found,) = _cache(database).get(["a"])
    assert found is not None
    assert np.array_equal(found, 2 * _vectors(1)[0])


def test_vectors_go_with_their_article(database: SqlDatabase) -> None:
    library, article = Library(database), numbered_article(0)
    library.accept([article])
    _cache(database, dim=64).put(
        ["a", "b"], np.stack([text_vector("a"), text_vector("b")]), [article.article_id, "another"]
    )
    library.remove([article.article_id])
    removed, kept = _cache(database, dim=64).get(["a", "b"])
    assert removed is None
    assert kept is not None


def test_vectors_that_come_after_their_article_was_removed_are_not_kept(database: SqlDatabase) -> None:
    Library(database).remove(["x"])
    _cache(database).put(["a", "b", "c"], _vectors(3), ["x", "y", "nobody"])
    assert [found is not None for found in _cache(database).get(["a", "b", "c"])] == [False, True, False]


def test_vectors_and_article_ids_must_match_the_texts(database: SqlDatabase) -> None:
    with pytest.raises(ValueError, match="shorter"):
        _cache(database).put(["a", "b"], _vectors(1), ["x", "x"])
    assert _cache(database).get(["a"]) == [None]


@ONLY_SQLITE
@pytest.mark.parametrize("damage", ["x'00' || substr(vector, 2)", "substr(vector, 1, 32)", "7", "'text'"])
def test_a_damaged_vector_is_not_given_out_and_can_be_put_again(
    database: SqlDatabase, tmp_path: Path, damage: str
) -> None:
    vectors = _vectors(2)
    _cache(database).put(["a", "b"], vectors, ["x", "x"])
    with closing(sqlite3.connect(tmp_path / "library.sqlite")) as connection, connection:
        connection.execute(f"UPDATE embeddings SET vector = {damage} WHERE input_hash = ?", (_key("a"),))
    damaged, whole = _cache(database).get(["a", "b"])
    assert damaged is None
    assert whole is not None
    assert np.array_equal(whole, vectors[1])
    _cache(database).put(["a"], vectors[:1], ["x"])
    assert _cache(database).get(["a"])[0] is not None


@ONLY_SQLITE
def test_a_vector_that_belongs_to_another_text_is_not_given_out(database: SqlDatabase, tmp_path: Path) -> None:
    _cache(database).put(["a", "b"], _vectors(2), ["x", "x"])
    with closing(sqlite3.connect(tmp_path / "library.sqlite")) as connection, connection:
        connection.execute(
            "UPDATE embeddings SET vector = (SELECT vector FROM embeddings WHERE input_hash = ?)", (_key("b"),)
        )
    assert _cache(database).get(["a"]) == [None]
