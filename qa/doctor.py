"""Looks for what could keep Article QA from working on this machine; adds at most an empty library."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from index.errors import ArticleQAError, DamagedIndexError, ModelError, StorageError
from qa.composition import build_embedder, build_history, build_reader
from qa.config import Config
from qa.configured_generator import chosen_engine
from qa.generators.local_engine import OPENVINO_PACKAGES
from qa.shown_addresses import without_secrets

_MIN_FREE_BYTES = 2 * 1024**3
_MIN_MEMORY_BYTES = 3 * 1024**3


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at; ``detail`` is what was found, or what is wrong and what to do."""

    name: str
    is_ok: bool
    detail: str

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "ok": self.is_ok, "detail": self.detail}


def run_checks(config: Config) -> list[Check]:
    """Every check, in order; one that fails does not stop the others."""
    checks: list[tuple[str, Callable[[], str]]] = [
        ("python", _python),
        ("memory", _memory),
        ("data folder", lambda: _writable(config.data_dir)),
        ("model cache", lambda: _writable(config.cache_dir)),
        ("embedding model", lambda: _embedder(config)),
        ("evidence reader", lambda: _reader(config)),
        ("answering model", lambda: _generator(config)),
        ("library", lambda: _library(config)),
        ("index", lambda: _index(config)),
    ]
    return [_run(name, look) for name, look in checks]


def _run(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except ArticleQAError as error:
        return Check(name, False, str(error))


def _python() -> str:
    return f"Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}"


def _memory() -> str:
    num_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if num_bytes < _MIN_MEMORY_BYTES:
        raise StorageError(f"{num_bytes / 1024**3:.1f} GiB of memory is too little; 3 GiB are needed")
    return f"{num_bytes / 1024**3:.1f} GiB, {os.cpu_count()} cores"


def _writable(folder: Path) -> str:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-"):
            free = shutil.disk_usage(folder).free
    except OSError as error:
        raise StorageError(f"{folder} is not writable: {error.strerror}; choose another") from error
    if free < _MIN_FREE_BYTES:
        raise StorageError(f"{folder} has {free / 1024**3:.1f} GiB free; 2 GiB are needed")
    return f"{folder.resolve()}, {free / 1024**3:.0f} GiB free"


def _embedder(config: Config) -> str:
    embedder = build_embedder(config.embedder)
    return f"{embedder.model_id}, {embedder.dim} dimensions"


def _reader(config: Config) -> str:
    return build_reader(config.reader).model_id


def _generator(config: Config) -> str:
    """The files only: loading takes seconds and gigabytes, and `ask` says what goes wrong there."""
    generator = config.generator
    engine = chosen_engine(generator)
    if engine == "none":
        return "none is configured: answers are evidence only"
    if engine == "openai":
        return f"{generator.model} at {', '.join(map(without_secrets, generator.base_urls))} (not contacted)"
    missing = [name for name in OPENVINO_PACKAGES if importlib.util.find_spec(name) is None]
    if engine == "openvino" and missing:
        raise ModelError('the engine "openvino" needs: pip install openvino-genai gguf')
    takes_gguf = engine in ("llamacpp", "openvino")
    if takes_gguf and generator.model == "packaged":
        from qa.generators.packaged_model import PACKAGED_MODEL, packaged_model_path

        return f"{PACKAGED_MODEL.model_id} by {engine}, in {packaged_model_path(config.cache_dir)}"
    if takes_gguf and not Path(generator.model).is_file():
        raise ModelError(f"generator.model {generator.model!r} is no file")
    return generator.model


def _library(config: Config) -> str:
    counts = build_history(config).library.counts()
    return f"{counts.num_articles:,} articles, {counts.num_revisions:,} revisions"


def _index(config: Config) -> str:
    live = build_history(config).live()
    if live is None:
        return "none yet: add an article"
    if live.damage is not None:
        raise DamagedIndexError(live.damage)
    return f"{live.generation}: {live.num_articles:,} articles, {live.num_passages:,} passages, whole"
