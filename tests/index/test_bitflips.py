"""A flipped bit or a lost end in any file of a generation is noticed before FAISS, tantivy or numpy reads a byte."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import index.lexical
from index.errors import DamagedIndexError
from index.snapshot import Snapshot
from tests.fakes import TITLE_WEIGHT, Parts, numbered_article, numbered_articles, open_parts

_FLIPS_PER_FILE = 10
_LOCKS = {".tantivy-writer.lock", ".tantivy-meta.lock"}  # empty, and nobody reads them


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    """Two generations that share segments, with deleted passages in the second."""
    parts = open_parts(tmp_path_factory.mktemp("bitflips"))
    parts.collection.add(numbered_articles(12))
    parts.collection.add([numbered_article(3, version=2), numbered_article(12)])
    return parts


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in _LOCKS)


def _damages(data: bytes, seed: str) -> Iterator[bytes]:
    """The data with one bit flipped, at some places, and cut off, at some places."""
    chance = random.Random(seed)
    if not data:
        yield b"\0"
        return
    for _ in range(_FLIPS_PER_FILE):
        damaged = bytearray(data)
        damaged[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        yield bytes(damaged)
    for length in {0, len(data) // 2, len(data) - 1}:
        yield data[:length]
    yield data + b"\0"


def _open(folder: Path) -> Snapshot:
    return Snapshot(folder, title_weight=TITLE_WEIGHT)


def test_every_damage_to_every_file_is_noticed_before_anything_is_parsed(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = parts.live_folder

    def parsed(*arguments: Any, **_: Any) -> Any:
        pytest.fail(f"damaged data was parsed: {damaged_file}, {arguments}")

    monkeypatch.setattr("faiss.read_index", parsed)
    monkeypatch.setattr("numpy.load", parsed)
    monkeypatch.setattr(index.lexical, "tantivy", SimpleNamespace(Index=SimpleNamespace(open=parsed, exists=parsed)))
    kinds, num_damages = set(), 0
    for path in _files(folder):
        damaged_file = path.relative_to(folder)
        kinds.add(path.suffix)
        data = path.read_bytes()
        path.unlink()  # files shared with the other generation must not change there
        for damaged in _damages(data, str(damaged_file)):
            path.write_bytes(damaged)
            with pytest.raises(DamagedIndexError, match="gen-000002"):
                _open(folder)
            num_damages += 1
        path.write_bytes(data)
    assert {".faiss", ".npy", ".json", ".sha256", ".store", ".term", ".idx", ".del"} <= kinds
    assert num_damages >= 10 * len(list(_files(folder)))
    monkeypatch.undo()
    assert _open(folder).num_passages == 39


def test_every_missing_file_is_noticed(parts: Parts) -> None:
    folder = parts.live_folder
    for path in _files(folder):
        data = path.read_bytes()
        path.unlink()
        with pytest.raises(DamagedIndexError, match="gen-000002"):
            _open(folder)
        path.write_bytes(data)
    assert _open(folder).num_passages == 39


def test_damage_to_a_file_of_both_generations_is_noticed_in_both(tmp_path: Path) -> None:
    parts = open_parts(tmp_path)
    parts.collection.add(numbered_articles(12))
    parts.collection.add([numbered_article(12)])
    (shared,) = [p for p in (parts.live_folder / "lexical").glob("*.store") if p.stat().st_nlink == 2]
    data = bytearray(shared.read_bytes())
    data[len(data) // 2] ^= 16
    shared.write_bytes(data)  # in place, as a failing disk would
    for name in parts.generations.names():
        with pytest.raises(DamagedIndexError, match=shared.name):
            _open(parts.generations.path(name))
    reopened = parts.reopened()
    assert reopened.snapshot() is None
    assert reopened.rebuild() == "gen-000003"
    snapshot = reopened.snapshot()
    assert snapshot is not None
    assert snapshot.num_passages == 39
