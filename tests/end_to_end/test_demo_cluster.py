"""`make demo-cluster` does what it says: real servers, real app processes, a killed primary, the same answer."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import psutil
import pytest

from scripts.cluster.app_process import AppError, AppProcess, run_command
from scripts.demo_cluster import main
from tests.postgres.fixtures import folder_for_servers

pytestmark = pytest.mark.model


WHERE_SERVERS_CAN_BE = folder_for_servers() or Path(tempfile.gettempdir())  # the account `nobody` reaches no test's own


def options(*more: str) -> list[str]:
    return ["--parent", str(WHERE_SERVERS_CAN_BE), *more]


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}


def test_a_cluster_answers_survives_its_primary_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = children()
    assert main(options()) == 0
    out = capsys.readouterr().out
    assert re.search(r"3 PostgreSQL servers on ports \d+, \d+, \d+, a synchronous standby on \d+", out)
    assert "2 app processes" in out
    assert "Szymon Marciniak (answered" in out and '[1] "' in out
    assert re.search(r"the primary on port \d+ was killed", out)
    assert "app 2 gives the same answer: Szymon Marciniak" in out
    assert list(tmp_path.iterdir()) == [] and children() <= before


def test_a_command_that_fails_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "none"
    assert main(options("--articles", str(missing), "--shards", "1")) == 1
    assert str(missing) in capsys.readouterr().err


def test_an_app_that_ends_at_its_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "article-qa.toml").write_text("[serve]\nno_such_key = 1\n")
    environment = {"ARTICLE_QA_CONFIG": str(tmp_path / "article-qa.toml"), "ARTICLE_QA_DATA_DIR": str(tmp_path)}
    with AppProcess.start(environment, tmp_path / "log") as app, pytest.raises(AppError, match="no_such_key"):
        app.wait_until_ready()
    with pytest.raises(AppError, match="no_such_key"):
        run_command(environment, "status")
