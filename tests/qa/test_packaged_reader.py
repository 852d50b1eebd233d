"""Which evidence reader is loaded, and that one that was changed is not."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from index.errors import ModelError
from qa import composition, packaged_reader
from qa.composition import build_reader
from qa.config import ReaderConfig
from qa.packaged_reader import PACKAGED_READER_ID, packaged_reader_path
from tests.qa.helpers import PIER, make_passage
from tests.qa.tiny_reader import save_tiny_reader


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_tiny_reader(tmp_path / "tiny-reader")


def test_weights_as_they_were_measured_are_accepted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    monkeypatch.setattr(packaged_reader, "_PATH", folder)
    monkeypatch.setattr(packaged_reader, "_SHA256", digest)
    assert packaged_reader_path() == folder


def test_changed_weights_are_refused_before_anything_parses_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaged_reader, "_PATH", folder)
    monkeypatch.setattr(packaged_reader, "_SHA256", "0" * 64)
    with pytest.raises(ModelError, match=r"model\.safetensors is damaged: its SHA-256 is"):
        packaged_reader_path()
    with pytest.raises(ModelError, match="is damaged"):
        build_reader(ReaderConfig())


def test_missing_weights_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaged_reader, "_PATH", tmp_path)
    with pytest.raises(ModelError, match=r"model\.safetensors cannot be read: No such file") as caught:
        packaged_reader_path()
    assert "\n" not in str(caught.value)


def test_the_packaged_reader_has_its_own_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composition, "packaged_reader_path", lambda: folder)
    reader = build_reader(ReaderConfig(engine="torch"))
    assert reader.model_id == PACKAGED_READER_ID
    assert len(reader.read("What did the pier cost?", [make_passage(PIER.text)])) == 1


def test_a_folder_of_ones_own_is_read_from(folder: Path) -> None:
    reader = build_reader(ReaderConfig(model=str(folder), engine="torch"))
    assert len(reader.read("What did the pier cost?", [make_passage(PIER.text)])) == 1


def test_a_folder_of_ones_own_is_named_without_where_it_lies(folder: Path) -> None:
    reader = build_reader(ReaderConfig(model=str(folder), engine="torch"))
    assert "tiny-reader" in reader.model_id
    assert str(folder.parent) not in reader.model_id


def test_a_reader_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be loaded") as caught:
        build_reader(ReaderConfig(model=str(tmp_path / "missing"), engine="torch"))
    assert "\n" not in str(caught.value)
