"""What the driver does with what comes back, without a cluster; tests/ray_cluster has real nodes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from index.errors import ClusterError, ConfigError, ModelError
from index.passage_feed import Unit
from index.ray_cluster import connected, first_line
from index.ray_embedding import RayEmbedding, _within
from index.ray_worker import UnitEmbedder, probe, unit_table
from index.types import FloatArray
from tests.fakes import HashEmbedder


def _row(embedder: HashEmbedder) -> dict[str, Any]:
    row: dict[str, Any] = UnitEmbedder(lambda: embedder)(unit_table(0, ["a text"])).to_pylist()[0]
    return row


def _checking(embedder: HashEmbedder) -> RayEmbedding:
    embedding = RayEmbedding(HashEmbedder, embedder)
    embedding._own_probe = probe(embedder)
    return embedding


def test_no_cluster_is_looked_for_when_nothing_is_to_be_embedded() -> None:
    def keep(unit: Unit, vectors: FloatArray) -> None:
        raise AssertionError

    RayEmbedding(HashEmbedder, HashEmbedder(), address="127.0.0.1:1").embed(iter(()), keep, 0)


def test_another_model_on_a_node_is_an_error() -> None:
    with pytest.raises(ModelError, match="has the embedding model other, this machine hash-words"):
        _checking(HashEmbedder())._check(_row(HashEmbedder(model_id="other")))


def test_what_a_node_could_not_do_is_an_error_that_names_it() -> None:
    with pytest.raises(ModelError, match=r"node \S+ cannot embed: the disk is gone"):
        _checking(HashEmbedder())._check(_row(HashEmbedder()) | {"error": "the disk is gone"})


def test_other_bits_are_told_once_for_each_node(caplog: pytest.LogCaptureFixture) -> None:
    checking, row = _checking(HashEmbedder()), _row(HashEmbedder())
    with caplog.at_level(logging.WARNING):
        checking._check(row)
        assert caplog.messages == []
        for node in ("one", "two", "one"):
            checking._check(row | {"probe": "another", "node": node})
    assert [message.split()[1] for message in caplog.messages] == ["one", "two"]


def test_rows_come_in_their_order_and_an_error_after_them() -> None:
    def start() -> Iterator[dict[str, Any]]:
        yield from ({"number": number} for number in range(9))
        raise OSError("broken")

    got = []
    with pytest.raises(OSError, match="broken"):
        for row in _within(60.0, start):
            got.append(row["number"])
    assert got == list(range(9))


def test_too_long_without_a_row_is_an_error() -> None:
    waits = threading.Event()

    def start() -> Iterator[dict[str, Any]]:
        yield {"number": 1}
        waits.wait(60)

    rows = _within(0.2, start)
    assert next(rows) == {"number": 1}
    with pytest.raises(TimeoutError):
        next(rows)
    waits.set()


def test_who_reads_the_rows_may_stop() -> None:
    rows = _within(60.0, lambda: iter([{"number": number} for number in range(100)]))
    assert next(rows) == {"number": 0}
    rows.close()  # type: ignore[attr-defined]  # a generator
    threads = [thread for thread in threading.enumerate() if thread.name == "ray-results"]
    for thread in threads:
        thread.join(5)
    assert not any(thread.is_alive() for thread in threads)


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("The actor died.\nIt was killed.", "The actor died."),
        ("task failed\nTraceback (most recent call last):\n  File x\nValueError: no", "ValueError: no"),
        ("", "RuntimeError"),
    ],
)
def test_a_long_message_becomes_one_line(message: str, line: str) -> None:
    assert first_line(RuntimeError(message)) == line


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1:99999", "127.0.0.1:port", "127.0.0.1:-1"])
def test_an_address_where_nothing_listens_is_said_at_once(address: str) -> None:
    with pytest.raises(ClusterError, match=f"no Ray cluster at {address}: "), connected(address):
        raise AssertionError


def test_an_address_of_the_client_server_is_refused() -> None:
    with pytest.raises(ConfigError, match="host:port"), connected("ray://10.0.0.1:10001"):
        raise AssertionError
