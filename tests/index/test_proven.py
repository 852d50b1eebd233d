"""A file that is the same is hashed once, and one that changed is noticed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

import index.proven
from index.proven import FileEntry, ProvenFiles, hash_file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that was last changed an hour ago."""
    path = tmp_path / "file"
    path.write_bytes(b"some words")
    _set_age(path, 3600)
    return path


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were read."""
    read: list[Path] = []

    def count(path: Path) -> FileEntry:
        read.append(path)
        return hash_file(path)

    monkeypatch.setattr(index.proven, "hash_file", count)
    return read


def _set_age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_an_unchanged_file_is_read_once(path: Path, hashed: list[Path]) -> None:
    proven = ProvenFiles()
    assert proven.entry(path) == proven.entry(path) == hash_file(path)
    assert hashed == [path]


def test_a_hard_link_is_the_same_file(path: Path, hashed: list[Path]) -> None:
    proven = ProvenFiles()
    proven.entry(path)
    os.link(path, path.with_name("link"))
    assert proven.entry(path.with_name("link")) == hash_file(path)
    assert hashed == [path]


def test_a_copy_is_another_file(path: Path, hashed: list[Path]) -> None:
    proven = ProvenFiles()
    proven.entry(path)
    copy = path.with_name("copy")
    copy.write_bytes(path.read_bytes())
    assert proven.entry(copy) == proven.entry(path)
    assert hashed == [path, copy]


def test_a_changed_file_is_read_again(path: Path) -> None:
    proven = ProvenFiles()
    before = proven.entry(path)
    path.write_bytes(b"same words")
    assert proven.entry(path) != before
    assert proven.entry(path) == hash_file(path)


def test_a_file_that_changed_just_now_is_not_remembered(path: Path, hashed: list[Path]) -> None:
    _set_age(path, 0.5)
    proven = ProvenFiles()
    proven.entry(path)
    proven.entry(path)
    assert hashed == [path, path]


def test_two_proofs_know_nothing_of_each_other(path: Path, hashed: list[Path]) -> None:
    ProvenFiles().entry(path)
    ProvenFiles().entry(path)
    assert hashed == [path, path]


class _Parsed:
    def __init__(self, path: Path) -> None:
        self.text = path.read_bytes()


def test_what_is_parsed_is_shared_while_somebody_keeps_it(path: Path) -> None:
    proven = ProvenFiles()
    first = proven.shared(path, _Parsed)
    assert proven.shared(path, _Parsed) is first
    path.write_bytes(b"other words")
    assert proven.shared(path, _Parsed).text == b"other words"
    assert first.text == b"some words"
