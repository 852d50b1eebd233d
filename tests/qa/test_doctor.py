"""What `doctor` finds: each check tells what it saw, and one that fails does not hide the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from index.errors import ModelError
from qa import doctor
from qa.config import Config, EmbedderConfig, GeneratorConfig
from qa.doctor import Check, run_checks
from tests.fakes import HashEmbedder
from tests.qa.helpers import PIER, make_collection
from tests.qa.sentence_reader import SentenceReader

NAMES = [
    "python",
    "memory",
    "data folder",
    "model cache",
    "embedding model",
    "evidence reader",
    "answering model",
    "library",
    "index",
]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Nothing loaded, nothing indexed yet, and room enough whatever this computer has."""
    monkeypatch.setattr(doctor, "build_embedder", lambda embedder: HashEmbedder())
    monkeypatch.setattr(doctor, "build_reader", lambda reader: SentenceReader(HashEmbedder()))
    monkeypatch.setattr(doctor, "_MIN_FREE_BYTES", 0)
    monkeypatch.setattr(doctor, "_MIN_MEMORY_BYTES", 0)
    return Config(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache", generator=GeneratorConfig(engine="none"))


def checks_of(config: Config) -> dict[str, Check]:
    checks = run_checks(config)
    assert [check.name for check in checks] == NAMES
    return {check.name: check for check in checks}


def failed(config: Config) -> dict[str, str]:
    return {name: check.detail for name, check in checks_of(config).items() if not check.is_ok}


def test_all_is_well_before_the_first_article(config: Config) -> None:
    checks = checks_of(config)
    assert all(check.is_ok for check in checks.values())
    assert "none yet" in checks["index"].detail
    assert checks["library"].detail == "0 articles, 0 revisions"
    assert "64 dimensions" in checks["embedding model"].detail


def test_what_is_indexed_is_counted(config: Config) -> None:
    make_collection(config.data_dir, [PIER])
    checks = checks_of(config)
    assert checks["library"].detail == "1 articles, 1 revisions"
    assert checks["index"].detail.startswith("gen-000001: 1 articles, ")


def test_json_form_has_name_ok_and_detail() -> None:
    assert Check("index", False, "damaged").to_json() == {"name": "index", "ok": False, "detail": "damaged"}


def test_damaged_index_file_is_named(config: Config) -> None:
    make_collection(config.data_dir, [PIER])
    path = config.data_dir / "index" / "gen-000001" / "dense.faiss"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    problems = failed(config)
    assert set(problems) == {"index"}
    assert "dense.faiss" in problems["index"]


def test_damaged_library_is_named(config: Config) -> None:
    config.data_dir.mkdir()
    (config.data_dir / "library.sqlite").write_bytes(b"This is no database at all. " * 50)
    problems = failed(config)
    assert {"library", "index"} == set(problems)
    assert "library.sqlite" in problems["library"]


def test_file_in_place_of_the_data_folder_fails_without_hiding_the_rest(config: Config) -> None:
    config.data_dir.write_text("in the way")
    problems = failed(config)
    assert {"data folder", "library", "index"} == set(problems)
    assert str(config.data_dir) in problems["data folder"]


def test_embedding_model_that_does_not_load_is_told(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(embedder: EmbedderConfig) -> None:
        raise ModelError("the weights are damaged")

    monkeypatch.setattr(doctor, "build_embedder", fail)
    assert failed(config) == {"embedding model": "the weights are damaged"}


def test_missing_answering_model_is_named(config: Config, tmp_path: Path) -> None:
    missing = tmp_path / "missing.gguf"
    generator = GeneratorConfig(model=str(missing))
    problems = failed(config.model_copy(update={"generator": generator}))
    assert set(problems) == {"answering model"}
    assert "missing.gguf" in problems["answering model"]


def test_remote_answering_model_is_named_but_not_contacted(config: Config) -> None:
    generator = GeneratorConfig(engine="openai", model="big", base_url="http://127.0.0.1:9/v1")
    detail = checks_of(config.model_copy(update={"generator": generator}))["answering model"].detail
    assert detail == "big at http://127.0.0.1:9/v1 (not contacted)"


def test_passwords_in_addresses_of_model_servers_are_not_shown(config: Config) -> None:
    addresses = ("http://ada:s3cret@10.0.0.1/v1", "http://10.0.0.2/v1")
    generator = GeneratorConfig(engine="openai", model="big", base_url=addresses)
    detail = checks_of(config.model_copy(update={"generator": generator}))["answering model"].detail
    assert detail == "big at http://10.0.0.1/v1, http://10.0.0.2/v1 (not contacted)"


def test_an_engine_whose_packages_are_missing_says_which(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "OPENVINO_PACKAGES", ("no_such_package",))
    problems = failed(config.model_copy(update={"generator": GeneratorConfig(engine="openvino")}))
    assert problems == {"answering model": 'the engine "openvino" needs: pip install openvino-genai gguf'}


def test_too_little_disk_and_memory_are_told(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_MIN_FREE_BYTES", 2**80)
    monkeypatch.setattr(doctor, "_MIN_MEMORY_BYTES", 2**80)
    assert set(failed(config)) == {"memory", "data folder", "model cache"}


def test_no_probe_file_is_left(config: Config) -> None:
    run_checks(config)
    assert not list(config.data_dir.glob(".doctor-*"))
    assert not list(config.cache_dir.glob(".doctor-*"))
