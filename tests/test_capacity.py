"""The plan for many passages adds up, and docs/scale.md shows what it says now."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.cluster.capacity import Demand, Line, Machine, Store, embedding_hours, plan, whole_copies
from scripts.plan_capacity import embedded_table, embedding_table, main, markdown, postgres_table

STORE = Store(disk_bytes=5_000, hot_bytes=2_000, mean_ms=Line(10.0, 1.0), p95_ms=Line(20.0, 2.0))
MACHINE = Machine(cores=4, memory_bytes=16e9, price=0.36)


def test_shards_are_as_large_as_their_slow_searches_allow() -> None:
    found = plan(STORE, MACHINE, Demand(1e6, 1.0, shard_p95_ms=220.0))
    assert (found.shards, found.passages_a_shard) == (10, 1e5)  # 20 + 2 * 100 = 220
    assert found.core_seconds == pytest.approx(10 * 0.110)
    assert found.disk_bytes == pytest.approx(2 * 5e9) and found.hot_bytes == pytest.approx(2e9)


def test_machines_are_counted_by_what_runs_out_first() -> None:
    by_cores = plan(STORE, MACHINE, Demand(1e6, 10.0, shard_p95_ms=220.0))
    assert (by_cores.machines, by_cores.limit) == (6, "cores")  # 11 cores busy by half are 22, of 4 each
    few = plan(STORE, MACHINE, Demand(1e6, 0.1, shard_p95_ms=220.0))
    assert (few.machines, few.limit) == (2, "copies")
    by_memory = plan(STORE, MACHINE, Demand(1e8, 0.001, shard_p95_ms=220.0))
    assert (by_memory.machines, by_memory.limit) == (17, "memory")  # 200 GB in three quarters of 16 each


def test_money_is_the_machines_hours_over_the_questions_asked_in_them() -> None:
    found = plan(STORE, MACHINE, Demand(1e6, 10.0, shard_p95_ms=220.0))
    assert found.money_per_1000 == pytest.approx(6 * 0.36 / 36_000 * 1000)


def test_a_whole_copy_fits_a_machine_or_does_not() -> None:
    found = whole_copies(STORE, MACHINE, Demand(5e6, 0.1))
    assert found is not None and (found.machines, found.limit) == (2, "copies")
    busy = whole_copies(STORE, MACHINE, Demand(5e6, 10.0))
    assert busy is not None and (busy.machines, busy.limit) == (26, "cores")  # 50.1 cores busy, 100.2 of 4 each
    assert whole_copies(STORE, MACHINE, Demand(7e6, 0.1)) is None  # 14 GB of 12


def test_an_aim_below_what_any_search_takes_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least 20"):
        plan(STORE, MACHINE, Demand(1e6, 1.0, shard_p95_ms=20.0))


def test_embedding_takes_hours_of_a_core() -> None:
    assert embedding_hours(3.6e6, 100.0) == pytest.approx(10.0)


@pytest.mark.parametrize("table", [embedded_table, postgres_table, embedding_table])
def test_the_documentation_shows_the_tables_as_they_are(table: object) -> None:
    text = (Path(__file__).parents[1] / "docs/scale.md").read_text(encoding="utf-8")
    assert markdown(table()) in text  # type: ignore[operator]


def test_the_command_prints_all_tables(capsys: pytest.CaptureFixture[str]) -> None:
    main()
    printed = capsys.readouterr().out
    assert all(markdown(table) in printed for table in (embedded_table(), postgres_table(), embedding_table()))
