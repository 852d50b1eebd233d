"""A flipped bit or a lost end in any file of a generation is noticed before FAISS, tantivy or numpy reads a byte."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from index.errors import DamagedIndexError
from index.snapshot import Snapshot
from tests.fakes import TITLE_WEIGHT, Parts, numbered_article, numbered_articles, open_parts
from tests.torture.damage import cuts, flips, generation_files, generation_problem, make_generations, unshare

_FLIPS_PER_FILE = 10
_CUTS_PER_FILE = 3


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    return make_generations(tmp_path_factory.mktemp("bitflips"))


def _open(folder: Path) -> Snapshot:
    return Snapshot(folder, title_weight=TITLE_WEIGHT)


def test_every_damage_to_every_file_is_noticed_before_anything_is_parsed(parts: Parts) -> None:
    folder = parts.live_folder
    files = generation_files(folder)
    num_damages = 0
    for path in files:
        data = unshare(path)
        chance = random.Random(path.suffix)
        for damage in (*flips(data, _FLIPS_PER_FILE, chance), *cuts(data, _CUTS_PER_FILE, chance)):
            assert generation_problem(folder, path, damage, data) is None, f"{path.relative_to(folder)}, {damage}"
            num_damages += 1
        path.write_bytes(data + b"\0")
        with pytest.raises(DamagedIndexError, match="gen-000002"):
            _open(folder)
        path.write_bytes(data)
    assert {".faiss", ".npy", ".json", ".sha256", ".store", ".term", ".idx", ".del"} <= {path.suffix for path in files}
    assert num_damages >= 12 * len([path for path in files if path.stat().st_size])
    assert _open(folder).num_passages == 39


def test_every_missing_file_is_noticed(parts: Parts) -> None:
    folder = parts.live_folder
    for path in generation_files(folder):
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
    with shared.open("r+b") as file:  # in place, as a failing disk would; shorter for a moment, it would be a bus error
        file.write(data)
    for name in parts.generations.names():
        with pytest.raises(DamagedIndexError, match=shared.name):
            _open(parts.generations.path(name))
    reopened = parts.reopened()
    assert reopened.snapshot() is None
    assert reopened.rebuild() == "gen-000003"
    snapshot = reopened.snapshot()
    assert snapshot is not None
    assert snapshot.num_passages == 39
