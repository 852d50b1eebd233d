"""What a node does with a unit, without a cluster: vectors go out as they are, our own errors as rows."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from functools import partial

import numpy as np
import pyarrow as pa
import pytest

from index.embedder import Embedder
from index.errors import ModelError
from index.ray_worker import UnitEmbedder, probe, unit_table
from index.types import FloatArray
from qa.composition import build_embedder
from qa.config import EmbedderConfig
from tests.fakes import HashEmbedder

_TEXTS = ["Title\nThe council met.", "Títle\nNobody objected — “at all”."]


class Refusing(HashEmbedder):
    """Embeds what it is tried with, and no more."""

    def embed_passages(self, texts: Sequence[str]) -> FloatArray:
        if list(texts) == _TEXTS:
            raise ModelError("the weights are damaged")
        return super().embed_passages(texts)


def _missing() -> Embedder:
    raise ModelError("the model is not installed")


def test_vectors_come_back_as_they_are() -> None:
    row = UnitEmbedder(HashEmbedder)(unit_table(7, _TEXTS)).to_pylist()[0]
    vectors = np.frombuffer(row["vectors"], dtype=np.float32).reshape(2, -1)
    np.testing.assert_array_equal(vectors, HashEmbedder().embed_passages(_TEXTS))
    assert (row["number"], row["error"], row["model_id"]) == (7, "", "hash-words")
    assert row["probe"] == probe(HashEmbedder())


def test_every_row_of_a_table_is_a_unit() -> None:
    table = pa.concat_tables([unit_table(1, _TEXTS), unit_table(2, _TEXTS[:1])])
    rows = UnitEmbedder(HashEmbedder)(table).to_pylist()
    assert [(row["number"], len(row["vectors"])) for row in rows] == [(1, 2 * 64 * 4), (2, 64 * 4)]


@pytest.mark.parametrize(
    ("load", "error"), [(_missing, "the model is not installed"), (Refusing, "the weights are damaged")]
)
def test_an_error_of_ours_is_told_instead_of_raised(load: type[HashEmbedder], error: str) -> None:
    row = UnitEmbedder(load)(unit_table(7, _TEXTS)).to_pylist()[0]
    assert (row["error"], row["vectors"]) == (error, b"")


def test_the_probe_tells_embedders_apart_and_is_the_same_each_time() -> None:
    assert probe(HashEmbedder()) == probe(HashEmbedder()) != probe(HashEmbedder(dim=32))


def test_how_to_load_the_configured_embedder_can_travel() -> None:
    load = partial(build_embedder, EmbedderConfig(query_prefix="query: "), num_cores=3)
    there = pickle.loads(pickle.dumps(load))
    assert (there.func, there.args, there.keywords) == (load.func, load.args, load.keywords)
