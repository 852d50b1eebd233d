"""Primaries are killed in the middle of loads, for real; the long run is scripts/failure_drill.py."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from scripts.cluster.drill import Kill, Outcome, TryAgain, contents, kill_primaries
from scripts.cluster.drill_loads import ArticleLoad, RowLoad
from scripts.cluster.postgres_server import PostgresServer
from scripts.cluster.replicated_pair import FailureDetector, ReplicatedPair
from scripts.failure_drill import MAX_SECONDS, is_kept, main, summary
from tests.postgres.fixtures import folder_for_servers

pytestmark = pytest.mark.slow


@pytest.fixture
def pair() -> Iterator[ReplicatedPair]:
    with ReplicatedPair.create(parent=folder_for_servers()) as made:
        yield made


def test_lost_and_changed_rows_are_counted(pair: ReplicatedPair) -> None:
    rows, articles = RowLoad(pair, 0), ArticleLoad(pair, 1)
    assert [rows.write(0), rows.write(1), rows.write(1)] == [True, True, False]
    assert [articles.write(0), articles.write(0)] == [True, False]
    assert (rows.num_missing(2), articles.num_missing(1)) == (0, 0)
    pair.primary.sql("DELETE FROM drill WHERE row_number = 7")
    pair.primary.sql("UPDATE drill SET text = 'else' WHERE row_number IN (8, 9)")
    assert (rows.num_missing(2), articles.num_missing(2)) == (3, articles.rows_a_batch)


def test_a_standby_that_differs_is_noticed(pair: ReplicatedPair) -> None:
    RowLoad(pair, 0).write(0)
    pair.wait_until_equal()
    before = contents(pair.primary)
    assert before == contents(pair.standby) and before["public.drill"].startswith("200|")
    pair.primary.sql("UPDATE drill SET text = 'else' WHERE row_number = 5")
    assert contents(pair.primary) != before


def test_a_batch_that_was_not_acknowledged_is_to_be_tried_again(pair: ReplicatedPair) -> None:
    load = RowLoad(pair, 0)
    pair.primary.kill()
    with pytest.raises(TryAgain):
        load.write(0)


def test_a_commit_waits_while_the_standby_is_gone(pair: ReplicatedPair) -> None:
    pair.primary.sql("CREATE TABLE kept (n int)")
    pair.standby.kill()
    acknowledged = threading.Event()

    def write() -> None:
        pair.primary.sql("INSERT INTO kept VALUES (1)")
        acknowledged.set()

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    assert not acknowledged.wait(1.0)
    pair.standby.start()
    assert acknowledged.wait(15.0)
    writer.join()


def test_alone_the_new_primary_acknowledges_at_once_and_waits_again_once_the_old_one_follows(
    pair: ReplicatedPair,
) -> None:
    outcome = kill_primaries(pair, [RowLoad(pair, 0)], 1, seed=5, alone=True)
    (kill,) = outcome.kills
    assert kill.readable < kill.writable < kill.protected and outcome.lost == 0 and outcome.standby_equal
    for server in (pair.primary, pair.standby):
        assert server.sql("SHOW synchronous_standby_names") == 'ANY 1 ("left", "right")'


def test_an_old_primary_that_cannot_be_rewound_is_copied_anew(
    pair: ReplicatedPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.primary.sql("CREATE TABLE kept AS SELECT 1 AS n")
    rewind = PostgresServer.rewind_from

    def after_damage(self: PostgresServer, primary: PostgresServer, name: str) -> None:
        (self.data / "global/pg_control").unlink()
        rewind(self, primary, name)

    monkeypatch.setattr(PostgresServer, "rewind_from", after_damage)
    failover = pair.fail_over()
    assert not failover.rewound and failover.promoted < failover.protected
    pair.wait_until_equal()
    assert pair.standby.sql("SELECT n FROM kept") == "1"


def test_a_server_that_answers_is_not_called_down(postgres_server: PostgresServer) -> None:
    assert not FailureDetector(interval_seconds=0.05).wait_for_failure(postgres_server, timeout_seconds=0.3)


def test_a_loader_hands_on_errors_that_no_repetition_mends(pair: ReplicatedPair) -> None:
    load = RowLoad(pair, 0)
    pair.primary.sql("DROP TABLE drill")
    with pytest.raises(psycopg.errors.UndefinedTable):
        kill_primaries(pair, [load], 1, seed=0)


KILL = Kill(number=0, rows_at_kill=10, detected=0.5, readable=1.0, writable=2.0, protected=1.8, rewound=True)


@pytest.mark.parametrize(
    ("outcome", "kept"),
    [
        (Outcome((KILL,), 10, 0, True), True),
        (Outcome((KILL,), 10, 1, True), False),
        (Outcome((KILL,), 10, 0, False), False),
        (Outcome((Kill(0, 10, 0.5, 1.0, 10.1, 2.0, True),), 10, 0, True), False),
    ],
)
def test_a_drill_fails_for_loss_difference_and_slowness(outcome: Outcome, kept: bool) -> None:
    assert is_kept(outcome) is kept


def test_the_summary_counts_and_measures() -> None:
    slow = Kill(number=1, rows_at_kill=20, detected=0.7, readable=2.0, writable=4.0, protected=3.8, rewound=False)
    assert summary(Outcome((KILL, slow), 30, 0, True)) == {
        "kills": 2,
        "acknowledged_rows": 30,
        "lost_rows": 0,
        "standby_equal": True,
        "copied_anew": 1,
        "detected_seconds": [0.6, 0.69, 0.7],
        "readable_seconds": [1.5, 1.95, 2.0],
        "writable_seconds": [3.0, 3.9, 4.0],
        "protected_seconds": [2.8, 3.7, 3.8],
    }


def test_two_kills_lose_no_acknowledged_row_and_service_is_back_in_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "drill.jsonl"
    options = ["--kills", "2", "--seed", "5", "--out", str(out)]
    if (parent := folder_for_servers()) is not None:
        options += ["--parent", str(parent)]
    assert main(options) == 0
    *kills, whole = (json.loads(line) for line in out.read_text().splitlines())
    assert (whole["kills"], whole["lost_rows"], whole["standby_equal"]) == (2, 0, True)
    assert all(0 < kill["detected"] < kill["readable"] < kill["writable"] <= MAX_SECONDS for kill in kills)
    assert whole["acknowledged_rows"] > kills[1]["rows_at_kill"] > kills[0]["rows_at_kill"] > 0
    assert "kill 2: " in capsys.readouterr().out
