"""Which evidence reader is loaded, and that one that was changed is not."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from index.errors import ModelError
from qa import composition, packaged_reader
from qa.composition import build_reader
from qa.config import ReaderConfig
from qa.packaged_reader import PACKAGED_READER_ID, READER_FILES, packaged_reader_path
from scripts.train_evidence import pinned_files
from tests.qa.helpers import PIER, make_passage
from tests.qa.tiny_reader import save_tiny_reader

pytestmark = pytest.mark.slow  # torch and transformers take longer to load than all of these to run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_tiny_reader(tmp_path / "tiny-reader")


@pytest.fixture
def pinned(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in place of the packaged one, with its files pinned."""
    hashes = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in READER_FILES}
    monkeypatch.setattr(packaged_reader, "_PATH", folder)
    monkeypatch.setattr(packaged_reader, "READER_FILES", hashes)
    return folder


def test_files_as_they_were_measured_are_accepted(pinned: Path) -> None:
    assert packaged_reader_path() == pinned


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"])
def test_a_changed_file_is_refused_before_anything_parses_it(name: str, pinned: Path) -> None:
    with (pinned / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(ModelError, match=rf"{name} is damaged: its SHA-256 is"):
        packaged_reader_path()
    with pytest.raises(ModelError, match="is damaged"):
        build_reader(ReaderConfig())


@pytest.mark.parametrize("name", sorted(READER_FILES))
def test_a_missing_file_is_one_line(name: str, pinned: Path) -> None:
    (pinned / name).unlink()
    with pytest.raises(ModelError, match=rf"{name} cannot be read: No such file") as caught:
        packaged_reader_path()
    assert "\n" not in str(caught.value)


def test_every_file_of_the_model_that_is_parsed_is_pinned() -> None:
    parsed = {path.name for path in packaged_reader._PATH.iterdir() if path.suffix in (".json", ".safetensors", ".txt")}
    assert parsed == READER_FILES.keys()


def test_the_hashes_that_the_export_prints_are_those_to_pin(pinned: Path) -> None:
    printed = dict(re.findall(r'^    "(.+)": "([0-9a-f]{64})",$', "\n".join(pinned_files(pinned)), flags=re.MULTILINE))
    assert printed == packaged_reader.READER_FILES


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
