"""The command `rebuild --engine ray` with the packaged model, on a cluster that it starts for itself."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from tests.ray_cluster.driver import ROOT, cached

pytestmark = [pytest.mark.model, pytest.mark.slow]


def _article_qa(folder: Path, *arguments: str) -> str:
    command = [sys.executable, str(ROOT / "app.py"), *arguments, "--data-dir", str(folder)]
    done = subprocess.run(command, cwd=folder.parent, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def _ray_processes() -> set[int]:
    return {process.pid for process in psutil.process_iter() if "raylet" in process.name()}


def test_a_rebuild_on_ray_equals_one_process_and_leaves_no_process(tmp_path: Path) -> None:
    alone, by_ray = tmp_path / "alone", tmp_path / "by-ray"
    _article_qa(alone, "add", str(ROOT / "articles"))
    shutil.copytree(alone, by_ray)
    with closing(sqlite3.connect(by_ray / "library.sqlite")) as connection, connection:
        connection.execute("DELETE FROM embeddings")
    others = _ray_processes()
    printed = _article_qa(by_ray, "rebuild", "--full", "--engine", "ray", "--json")
    assert json.loads(printed) == {"generation": "gen-000002"}
    assert len(cached(alone)) > 10
    assert cached(by_ray) == cached(alone)
    assert _ray_processes() - others == set()
