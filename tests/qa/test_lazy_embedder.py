"""An embedder is loaded once, and only for what needs it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from index.errors import ModelError
from index.model_files import find_embedder, hidden_size, packaged_embedder_path
from qa import composition
from qa.composition import build_parts, lazy_embedder
from qa.config import Config, EmbedderConfig
from qa.lazy_embedder import LazyEmbedder
from tests.fakes import HashEmbedder


class Loader:
    """Counts how often it is called."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> HashEmbedder:
        self.count += 1
        return HashEmbedder()


def test_its_name_and_size_need_no_loading() -> None:
    load = Loader()
    lazy = LazyEmbedder("some model", 384, load)
    assert (lazy.model_id, lazy.dim, load.count) == ("some model", 384, 0)


def test_it_is_loaded_once_and_does_what_the_loaded_one_does() -> None:
    load, real = Loader(), HashEmbedder()
    lazy = LazyEmbedder(real.model_id, real.dim, load)
    assert np.array_equal(lazy.embed_query("a pier"), real.embed_query("a pier"))
    assert np.array_equal(lazy.embed_passages(["a", "b"]), real.embed_passages(["a", "b"]))
    assert list(lazy.count_tokens(["a pier"])) == list(real.count_tokens(["a pier"]))
    assert load.count == 1


def test_a_status_loads_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(composition, "build_embedder", fail)
    monkeypatch.setattr(composition, "build_reader", fail)
    monkeypatch.setattr(composition, "packaged_reader_path", fail)
    parts = build_parts(Config(data_dir=tmp_path), with_embedder=False, with_reader=False, with_generator=False)
    assert parts.collection.status()["generation"] is None
    assert not parts.collection.check().problems


def test_the_packaged_embedder_is_named_without_loading_it_as_when_it_is_loaded() -> None:
    lazy = lazy_embedder(EmbedderConfig())
    assert lazy.model_id == "sentence-transformers/all-MiniLM-L6-v2@53aa51172d14"
    assert lazy.dim == 384


def test_prefixes_are_part_of_the_name() -> None:
    assert find_embedder("packaged", "query: ", "passage: ")[1].endswith("@53aa51172d14|query: |passage: ")


def test_a_folder_that_does_not_say_its_size_is_one_line(tmp_path: Path) -> None:
    for text in (None, "{}", "[]", "{"):
        if text is not None:
            (tmp_path / "config.json").write_text(text)
        with pytest.raises(ModelError, match="hidden_size"):
            hidden_size(tmp_path)
    assert hidden_size(packaged_embedder_path()) == 384
