"""Answering from the articles loads neither torch nor transformers, whose import takes longer than the answer.

Nor what only extras need: PostgreSQL's client, Ray, and the modules on top of them.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.model, pytest.mark.slow]

_ASK = """
import sys
from pathlib import Path
import app
from qa.composition import build_parts
from qa.config import Config

parts = build_parts(Config(data_dir=Path(sys.argv[1])), with_generator=False)
from index.types import make_article
parts.collection.add([make_article("The new pier of Norwick cost 12 million euros, the mayor said.", title="A pier")])
answer = list(parts.pipeline.ask("What did the pier of Norwick cost?", mode="fast"))[-1].answer
print(answer.short_answer)
heavy = {"torch", "transformers", "sentence_transformers", "gradio", "psycopg", "ray", "pyarrow"}
of_extras = ("index.postgres", "index.ray_", "qa.shared", "qa.configured_postgres", "qa.configured_ray")
print(sorted(name for name in sys.modules if name in heavy or name.startswith(of_extras)))
"""


def test_adding_and_answering_load_no_heavy_library(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _ASK, str(tmp_path)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    short, loaded = done.stdout.splitlines()
    assert "12 million" in short
    assert loaded == "[]"
