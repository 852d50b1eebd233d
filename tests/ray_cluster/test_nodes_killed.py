"""Embedding on real Ray nodes that are killed: nothing is missing, nothing is there twice, all hashes are equal."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.cluster.ray_nodes import RayCluster
from tests.ray_cluster.articles import fill_library
from tests.ray_cluster.driver import Outcome, Settings, build, cached, finish, num_cached, start
from tests.ray_cluster.kills import WORKER, kill_nodes

pytestmark = pytest.mark.slow

_PASSAGES = 1_500
_PASSAGES_PER_UNIT = 50
_UNITS_PER_ROUND = 8  # of 30 in all
_NUM_KILLS = 2  # scripts/ray_kills.py has the many
_TIMEOUT_SECONDS = 180.0


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a library that is not indexed, to be copied."""
    folder = tmp_path_factory.mktemp("library")
    fill_library(folder, _PASSAGES, seed=1)
    return folder


@pytest.fixture(scope="module")
def expected(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What one process makes of it."""
    folder = tmp_path_factory.mktemp("single") / "var"
    shutil.copytree(library, folder)
    outcome = build(folder, _PASSAGES_PER_UNIT)
    assert outcome.num_passages == _PASSAGES > outcome.num_vectors  # some texts are there twice
    return outcome


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with RayCluster() as cluster:
        yield cluster


@pytest.fixture
def settings(library: Path, cluster: RayCluster, tmp_path: Path) -> Settings:
    """A copy of the library, and a cluster of two nodes whatever the test before did to it."""
    shutil.copytree(library, tmp_path / "var")
    while len(cluster.nodes) < 2:
        cluster.add_node()
    var, record = str(tmp_path / "var"), str(tmp_path / "record")
    return Settings(var, cluster.address, _PASSAGES_PER_UNIT, 0.5, record, units_per_round=_UNITS_PER_ROUND)


def _wait_for_vectors(driver: subprocess.Popen[str], settings: Settings, count: int) -> None:
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while num_cached(Path(settings.folder)) < count:
        assert driver.poll() is None, driver.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_nodes_and_then_the_driver_killed_while_embedding_change_nothing(
    settings: Settings, cluster: RayCluster, expected: Outcome
) -> None:
    folder = Path(settings.folder)
    driver = start(settings, cluster.environment)
    kills = kill_nodes(
        cluster,
        driver,
        folder,
        num_texts=expected.num_vectors // 2,
        num_kills=_NUM_KILLS,
        seed=7,
        timeout_seconds=_TIMEOUT_SECONDS,
        until=expected.num_vectors // 2,
    )
    assert len(kills) == _NUM_KILLS
    driver.kill()
    driver.wait()
    safe = {key.hex() for key in cached(folder)}
    assert expected.num_vectors // 2 <= len(safe) < expected.num_vectors

    again = replace(settings, record=f"{settings.record}-again")
    driver = start(again, cluster.environment)
    _wait_for_vectors(driver, settings, len(safe) + _PASSAGES_PER_UNIT)
    cluster.kill(next(node for node in cluster.nodes if node.runs(WORKER)))  # and nobody replaces it
    assert finish(driver, _TIMEOUT_SECONDS) == expected
    embedded = set(Path(again.record).read_text().split())
    assert len(embedded) > expected.num_vectors - len(safe)  # all the others, and the probe
    assert embedded & safe == set()
