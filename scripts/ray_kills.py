"""Kills nodes of a Ray cluster while they embed and compares what comes out with one process that nobody disturbed.

    python scripts/ray_kills.py --passages 100000 --kills 20
    python scripts/ray_kills.py --passages 2000 --kills 3 --articles ARTICLES.jsonl.gz

Without --articles the embedder is a made-up one that takes its time and mixes the whole batch into each vector: hashes
are equal only if every batch was embedded as one process does it. With --articles it is the packaged model, and the
command is `article-qa rebuild --engine ray`. Two nodes of one core each, on loopback. Exits with 1 unless nothing is
missing, nothing is there twice and all hashes are equal. Needs the extras dev and ray.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

# The harness stands among the tests, which are not installed.
sys.path.insert(0, str(Path(__file__).parents[1]))

from index.database import Database
from index.library import Library
from index.readers import read_path
from index.types import Article
from scripts.cluster.ray_nodes import RayCluster
from tests.ray_cluster.articles import fill_library
from tests.ray_cluster.driver import ROOT, Outcome, Settings, build, finish, outcome_of, start
from tests.ray_cluster.kills import Kill, kill_nodes

_CHARACTERS_PER_PASSAGE = 450
_ONE_CORE = "[ray]\ncpus_per_process = 1\n"


def main() -> None:
    arguments = _parse()
    with tempfile.TemporaryDirectory(prefix="article-qa-ray-") as work:
        raise SystemExit(0 if _run(arguments, Path(work)) else 1)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=int, default=100_000, help="about how many")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--articles", type=Path, nargs="*", default=[], help="embed these with the packaged model")
    parser.add_argument("--passages-per-unit", type=int, default=512, help="of the made-up embedder")
    parser.add_argument("--seconds-per-unit", type=float, default=2.0, help="how long a node works on one, at least")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--timeout-seconds", type=float, default=3600.0)
    return parser.parse_args()


def _run(arguments: argparse.Namespace, work: Path) -> bool:
    single, by_ray, record = work / "single", work / "ray", work / "record"
    if arguments.articles:
        _fill(single, arguments.articles, arguments.passages)
    else:
        fill_library(single, arguments.passages, seed=arguments.seed)
    shutil.copytree(single, by_ray)
    started = time.monotonic()
    if arguments.articles:
        _rebuild(single, work).wait()
        expected = outcome_of(single)
    else:
        expected = build(single, arguments.passages_per_unit)
    print(f"one process: {expected.num_passages:,} passages, {time.monotonic() - started:.0f} s", flush=True)
    with RayCluster() as cluster:
        cluster.add_node()
        cluster.add_node()
        started = time.monotonic()
        if arguments.articles:
            on_ray = ("--engine", "ray", "--ray-address", cluster.address)
            driver = _rebuild(by_ray, work, *on_ray, environment=cluster.environment)
        else:
            settings = (arguments.passages_per_unit, arguments.seconds_per_unit, str(record))
            driver = start(Settings(str(by_ray), cluster.address, *settings), cluster.environment)
        kills = kill_nodes(
            cluster,
            driver,
            by_ray,
            num_texts=expected.num_vectors,
            num_kills=arguments.kills,
            seed=arguments.seed,
            timeout_seconds=arguments.timeout_seconds,
            on_kill=_tell,
        )
        print(f"{len(kills)} nodes killed, {sum(kill.is_last_node for kill in kills)} times the last one")
        outcome = outcome_of(by_ray) if arguments.articles else finish(driver, 60)
        print(f"on Ray: {time.monotonic() - started:.0f} s")
    if record.exists():
        print(f"embedded {len(record.read_text().split()):,} texts for {outcome.num_vectors:,} vectors")
    return _are_equal(outcome, expected) and len(kills) == arguments.kills


def _fill(folder: Path, files: Sequence[Path], num_passages: int) -> None:
    """Accept articles of some so many passages, and index nothing."""
    library = Library(Database(folder / "library.sqlite"))
    num_characters = 0
    for file in files:
        for article in read_path(file):
            if isinstance(article, Article) and num_characters < num_passages * _CHARACTERS_PER_PASSAGE:
                library.accept([article])
                num_characters += len(article.text)


def _rebuild(
    folder: Path, work: Path, *options: str, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    (work / "article-qa.toml").write_text(_ONE_CORE)
    command = [sys.executable, str(ROOT / "app.py"), "rebuild", "--full", "--data-dir", str(folder), *options]
    return subprocess.Popen(command, cwd=work, env=os.environ | (environment or {}), text=True)  # noqa: S603


def _are_equal(outcome: Outcome, expected: Outcome) -> bool:
    for name, value in asdict(outcome).items():
        print(f"{'equal' if value == asdict(expected)[name] else 'DIFFERENT'}: {name} {json.dumps(value)}")
    return outcome == expected


def _tell(kill: Kill) -> None:
    print(f"node killed at {kill.num_cached:,} vectors{', the last one' if kill.is_last_node else ''}", flush=True)


if __name__ == "__main__":
    main()
