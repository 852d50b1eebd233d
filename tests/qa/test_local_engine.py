"""The engine that is chosen is the one that the machine runs well, and one that is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from index.errors import ModelError
from qa.config import Config
from qa.configured_generator import build_generator, chosen_engine
from qa.generators.local_engine import fastest_local_engine, usable_memory_bytes

_GIB = 1 << 30
_FLAGS = "fpu sse4_2 avx2 avx512f"


@pytest.fixture
def cpu_info(tmp_path: Path) -> Path:
    path = tmp_path / "cpuinfo"
    path.write_text(f"processor\t: 0\nmodel name\t: X\nflags\t\t: {_FLAGS} avx512_vnni\nbugs\t\t: amx_int8\n")
    return path


def test_openvino_where_int8_is_multiplied_by_the_processor(cpu_info: Path) -> None:
    assert (
        fastest_local_engine(4096, cpu_info=cpu_info, memory_bytes=8 * _GIB, is_installed=lambda _: True) == "openvino"
    )


@pytest.mark.parametrize("flag", ["avx_vnni", "amx_int8"])
def test_other_instructions_do_as_well(cpu_info: Path, flag: str) -> None:
    cpu_info.write_text(f"flags\t\t: {_FLAGS} {flag}\n")
    assert (
        fastest_local_engine(4096, cpu_info=cpu_info, memory_bytes=8 * _GIB, is_installed=lambda _: True) == "openvino"
    )


def test_llama_cpp_on_other_processors(cpu_info: Path, tmp_path: Path) -> None:
    cpu_info.write_text(f"flags\t\t: {_FLAGS}\nbugs\t\t: avx512_vnni\n")
    for path in (cpu_info, tmp_path / "no such file"):
        assert (
            fastest_local_engine(4096, cpu_info=path, memory_bytes=8 * _GIB, is_installed=lambda _: True) == "llamacpp"
        )


@pytest.mark.parametrize(
    ("context_tokens", "memory_bytes", "missing"),
    [(8193, 8 * _GIB, ""), (4096, 4 * _GIB, ""), (4096, 8 * _GIB, "gguf"), (4096, 8 * _GIB, "openvino_genai")],
)
def test_llama_cpp_where_openvino_would_fail(
    cpu_info: Path, context_tokens: int, memory_bytes: int, missing: str
) -> None:
    chosen = fastest_local_engine(
        context_tokens, cpu_info=cpu_info, memory_bytes=memory_bytes, is_installed=lambda name: name != missing
    )
    assert chosen == "llamacpp"


def test_a_container_has_the_memory_that_it_is_given(tmp_path: Path) -> None:
    whole = usable_memory_bytes(tmp_path / "none")
    limit = tmp_path / "memory.max"
    for text, expected in (("max\n", whole), ("1048576\n", 1 << 20), (f"{whole * 2}\n", whole)):
        limit.write_text(text)
        assert usable_memory_bytes(limit) == expected


def test_a_model_of_ones_own_runs_by_llama_cpp_unless_said_otherwise() -> None:
    own = {"generator": {"model": "own.gguf", "engine": "auto"}}
    assert chosen_engine(Config.model_validate(own).generator) == "llamacpp"
    own = {"generator": {"model": "own.gguf", "engine": "openvino"}}
    assert chosen_engine(Config.model_validate(own).generator) == "openvino"


def test_a_model_that_cannot_be_made_ready_names_the_engine_that_does_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> Path:
        raise ModelError("the disk is full")

    monkeypatch.setattr("qa.configured_generator.fastest_local_engine", lambda _: "openvino")
    monkeypatch.setattr("qa.generators.openvino_model.prepared_model_path", refuse)
    monkeypatch.setattr("qa.generators.packaged_model.packaged_model_path", lambda *_: tmp_path / "m.gguf")
    with pytest.raises(ModelError, match='the disk is full; generator.engine = "llamacpp" does without'):
        build_generator(Config.model_validate({"generator": {"engine": "auto"}}).generator, tmp_path)
    asked_for = Config.model_validate({"generator": {"engine": "openvino"}}).generator
    with pytest.raises(ModelError, match="the disk is full$"):
        build_generator(asked_for, tmp_path)


def test_what_is_configured_is_what_is_used() -> None:
    assert chosen_engine(Config.model_validate({"generator": {"engine": "llamacpp"}}).generator) == "llamacpp"
    assert chosen_engine(Config.model_validate({"generator": {"engine": "openvino"}}).generator) == "openvino"
    assert chosen_engine(Config.model_validate({"generator": {"engine": "none"}}).generator) == "none"
    automatic = Config.model_validate({"generator": {"engine": "auto"}}).generator
    assert chosen_engine(automatic) in ("llamacpp", "openvino")
    assert chosen_engine(Config().generator) == "llamacpp"
