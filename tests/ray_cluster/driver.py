"""Builds an index with a cluster's help, in this process or in one that a test kills; knows nothing of kills.

As a process it takes the settings as JSON and prints the outcome as JSON.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

import index.builder
import index.ray_embedding
from index.builder import Builder
from index.chunker import Chunker
from index.database import Database
from index.embedding_cache import EmbeddingCache
from index.errors import ArticleQAError
from index.generations import Generations
from index.library import Library
from index.manifest import read_manifest
from index.passage_feed import EmbedAhead
from index.ray_embedding import RayEmbedding
from index.snapshot import Snapshot
from tests.fakes import SMALL_PASSAGES
from tests.ray_cluster.batch_embedder import BatchEmbedder, embed_slowly

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Settings:
    """``seconds`` that a node works on a unit of ``passages_per_unit``; ``record`` of what it embedded, or nothing."""

    folder: str
    address: str
    passages_per_unit: int
    seconds: float = 0.0
    record: str = ""
    stall_seconds: float = 120.0
    units_per_round: int = 64


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run left: equal for two runs that did the same, whoever embedded.

    ``cache`` is a hash of all cached vectors with their keys; ``files`` are the hashes of the generation's files
    but tantivy's, which names its segments by chance; ``passage_ids`` is a hash of what tantivy holds.
    """

    num_vectors: int
    num_passages: int
    cache: str
    files: dict[str, str]
    passage_ids: str


def build(folder: Path, passages_per_unit: int, ahead: EmbedAhead | None = None) -> Outcome:
    """Derive everything anew from the library in ``folder``; vectors that are cached are not computed again."""
    index.builder._PASSAGES_PER_BATCH = passages_per_unit
    database = Database(folder / "library.sqlite")
    library, embedder = Library(database), BatchEmbedder()
    generations = Generations(folder / "index", keep=2)
    cache = EmbeddingCache(database, model_id=embedder.model_id, dim=embedder.dim)
    chunker = Chunker(embedder.count_tokens, SMALL_PASSAGES)
    name = Builder(library, generations, cache, embedder, chunker, ahead=ahead).build(full=True)
    assert name is not None
    if ahead is not None:
        assert embedder.embedded == [], "this process embedded, too"
    return outcome_of(folder)


def outcome_of(folder: Path) -> Outcome:
    """What there is in ``folder``.

    :raises AssertionError: If a passage is missing or there twice.
    """
    generation = folder / "index" / (folder / "index" / "CURRENT").read_text().strip()
    rows = cached(folder)
    manifest = read_manifest(generation)
    ids = [passage.passage_id for passage in Snapshot(generation, title_weight=0.0).all_passages()]
    assert len(ids) == len(set(ids)) == manifest.num_passages, "passages are missing or there twice"
    return Outcome(
        len(rows),
        manifest.num_passages,
        sha256(b"".join(key + vector for key, vector in sorted(rows.items()))).hexdigest(),
        {name: entry.sha256 for name, entry in manifest.files.items() if not name.startswith("lexical/")},
        sha256(repr(ids).encode()).hexdigest(),
    )


def cached(folder: Path) -> dict[bytes, bytes]:
    """The vectors in the cache by the hash of their text; none when there is no library yet."""
    with closing(sqlite3.connect(folder / "library.sqlite", timeout=30)) as connection:
        return dict(connection.execute("SELECT input_hash, vector FROM embeddings"))


def num_cached(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "library.sqlite", timeout=30)) as connection:
        return int(connection.execute("SELECT COUNT(*) FROM embeddings").fetchone()[0])


def start(settings: Settings, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    """A process that builds with the cluster's help.

    :param environment: What the cluster's drivers need.
    """
    return subprocess.Popen(
        [sys.executable, "-m", "tests.ray_cluster.driver", json.dumps(asdict(settings))],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str], timeout_seconds: float) -> Outcome:
    """What the process printed.

    :raises AssertionError: If it failed, with what it said.
    """
    out, err = process.communicate(timeout=timeout_seconds)
    assert process.returncode == 0, err[-3000:]
    return Outcome(**json.loads(out.splitlines()[-1]))


def main() -> None:
    settings = Settings(**json.loads(sys.argv[1]))
    index.ray_embedding._MIN_UNITS = settings.units_per_round
    ahead = RayEmbedding(
        partial(embed_slowly, settings.seconds, settings.record),
        BatchEmbedder(),
        address=settings.address,
        cpus_per_process=1,
        stall_seconds=settings.stall_seconds,
        units_per_process=1,
    )
    try:
        outcome = build(Path(settings.folder), settings.passages_per_unit, ahead)
    except ArticleQAError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    print(json.dumps(asdict(outcome)))


if __name__ == "__main__":
    main()
