"""Every kind of damage to a generation's files is noticed before anybody reads them, and named."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from index.errors import DamagedIndexError, StorageError
from index.manifest import (
    MANIFEST,
    MANIFEST_HASH,
    Manifest,
    list_files,
    read_manifest,
    verify_files,
    write_manifest,
)
from index.proven import hash_file

_FILES = {"dense.faiss": b"vectors " * 40, "lexical/a.store": b"words", "lexical/.managed.json": b"[]", "empty": b""}


def _manifest(folder: Path) -> Manifest:
    return Manifest(
        generation="gen-000007",
        parent="gen-000006",
        created_at="2024-03-28T10:00:00+00:00",
        embedder="hash-words",
        chunker={"min_tokens": 80, "max_tokens": 120, "version": 1},
        num_articles=3,
        num_passages=9,
        newest_published_at="2024-03-28",
        dense={"kind": "flat", "recall_at_10": 1.0},
        files={str(path.relative_to(folder)): hash_file(path) for path in list_files(folder)},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole generation."""
    folder = tmp_path / "gen-000007"
    (folder / "lexical").mkdir(parents=True)
    for name, data in _FILES.items():
        (folder / name).write_bytes(data)
    write_manifest(folder, _manifest(folder))
    return folder


def _verify(folder: Path) -> None:
    verify_files(folder, read_manifest(folder))


def _flip_first_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def test_a_whole_generation_passes_and_comes_back_as_written(folder: Path) -> None:
    manifest = read_manifest(folder)
    assert manifest == _manifest(folder)
    assert set(manifest.files) == set(_FILES)
    verify_files(folder, manifest)


def test_the_entries_are_size_and_sha256(folder: Path) -> None:
    entry = read_manifest(folder).files["dense.faiss"]
    assert entry.size == len(_FILES["dense.faiss"])
    assert entry.sha256 == hashlib.sha256(_FILES["dense.faiss"]).hexdigest()


def test_the_manifest_is_json_with_its_sha256_beside_it(folder: Path) -> None:
    data = (folder / MANIFEST).read_bytes()
    assert json.loads(data)["generation"] == "gen-000007"
    assert (folder / MANIFEST_HASH).read_text() == hashlib.sha256(data).hexdigest() + "\n"


@pytest.mark.parametrize("name", _FILES)
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(DamagedIndexError, match=f"gen-000007: {name} is missing"):
        _verify(folder)


@pytest.mark.parametrize("name", ["extra", "lexical/extra", "lexical/.hidden"])
def test_an_extra_file_is_named(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"")
    with pytest.raises(DamagedIndexError, match=f"gen-000007: {name} is not in the manifest"):
        _verify(folder)


@pytest.mark.parametrize("damage", [_flip_first_bit, _truncate, _append])
@pytest.mark.parametrize("name", [name for name, data in _FILES.items() if data])
def test_a_changed_file_is_named(folder: Path, name: str, damage: Callable[[Path], None]) -> None:
    damage(folder / name)
    with pytest.raises(DamagedIndexError, match=f"gen-000007: {name} is damaged"):
        _verify(folder)


def test_two_files_that_changed_places_are_damaged(folder: Path) -> None:
    (folder / "dense.faiss").rename(folder / "x")
    (folder / "lexical/a.store").rename(folder / "dense.faiss")
    (folder / "x").rename(folder / "lexical/a.store")
    with pytest.raises(DamagedIndexError, match="is damaged"):
        _verify(folder)


def test_a_folder_in_the_place_of_a_file_is_noticed(folder: Path) -> None:
    (folder / "empty").unlink()
    (folder / "empty").mkdir()
    with pytest.raises(DamagedIndexError, match="empty is missing"):
        _verify(folder)


@pytest.mark.parametrize("damage", [_flip_first_bit, _truncate, _append, Path.unlink])
@pytest.mark.parametrize("name", [MANIFEST, MANIFEST_HASH])
def test_a_changed_manifest_or_hash_is_noticed_before_it_is_parsed(
    folder: Path, name: str, damage: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    damage(folder / name)
    monkeypatch.setattr("index.manifest.json.loads", lambda _: pytest.fail("it was parsed"))
    with pytest.raises(DamagedIndexError, match="gen-000007"):
        read_manifest(folder)


def test_a_missing_folder_is_damage(tmp_path: Path) -> None:
    with pytest.raises(DamagedIndexError, match="gen-000008"):
        read_manifest(tmp_path / "gen-000008")


def test_a_manifest_of_another_format_says_what_to_do(folder: Path) -> None:
    write_manifest(folder, replace(_manifest(folder), format=99))
    with pytest.raises(DamagedIndexError, match="format 99 is not 1; rebuild with --full"):
        read_manifest(folder)


@pytest.mark.parametrize("content", ["[]", '{"format": 1}', '{"format": 1, "files": {"a": {"odd": 1}}}', "3"])
def test_a_manifest_with_a_right_hash_and_wrong_fields_is_damage(folder: Path, content: str) -> None:
    (folder / MANIFEST).write_text(content)
    (folder / MANIFEST_HASH).write_text(hashlib.sha256(content.encode()).hexdigest() + "\n")
    with pytest.raises(DamagedIndexError, match="gen-000007"):
        read_manifest(folder)


@pytest.mark.parametrize("name", [".tantivy-writer.lock", ".tantivy-meta.lock"])
def test_lock_files_that_readers_leave_are_no_damage(folder: Path, name: str) -> None:
    (folder / "lexical" / name).write_bytes(b"")
    _verify(folder)


def test_a_manifest_that_cannot_be_written_is_a_storage_error(folder: Path) -> None:
    with pytest.raises(StorageError, match="cannot write"):
        write_manifest(folder / "missing", _manifest(folder))
