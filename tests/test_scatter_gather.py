"""The simulation agrees with what theory says where theory says something, and repeats itself."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from scripts.cluster.scatter_gather import Layout, ShardTime, simulate, utilisation
from scripts.simulate_scatter_gather import Load, main, markdown, table

STEADY = ShardTime(10.0, 10.0)
SPREAD = ShardTime(10.0, 20.0)
LOAD = Load(0.3, 4, 24.0)
STALLING = ShardTime(10.0, 12.0, stall_share=0.01, stall_ms=100.0)


def test_one_idle_shard_answers_in_its_own_time() -> None:
    found = simulate(Layout(1), SPREAD, questions_per_second=0.01, num_questions=40_000, seed=1)
    assert found.percentile(50) == pytest.approx(10.0, rel=0.02)
    assert found.percentile(95) == pytest.approx(20.0, rel=0.02)
    assert (found.num_requests, found.num_hedges) == (40_000, 0)


@pytest.mark.parametrize("num_shards", [3, 30])
def test_the_slowest_of_many_shards_is_an_order_statistic(num_shards: int) -> None:
    found = simulate(Layout(num_shards), SPREAD, questions_per_second=0.01, num_questions=20_000, seed=1)
    one = np.sort(SPREAD.draw(np.zeros(1_000_000), np.random.default_rng(2)))
    expected = one[int(len(one) * 0.5 ** (1 / num_shards))]  # P(all <= x) = P(one <= x)^n
    assert found.percentile(50) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("load", [0.3, 0.7])
def test_waiting_in_line_is_that_of_an_md1_queue(load: float) -> None:
    found = simulate(Layout(1), STEADY, questions_per_second=100 * load, num_questions=200_000, seed=1)
    expected = 10.0 + 10.0 * load / (2 * (1 - load))  # Pollaczek and Khinchine, constant service time
    assert found.latencies_ms.mean() == pytest.approx(expected, rel=0.03)


def test_two_workers_wait_less_than_one_of_the_same_load() -> None:
    mean = [
        simulate(
            Layout(1, 1, workers), STEADY, questions_per_second=70 * workers, num_questions=50_000, seed=1
        ).latencies_ms.mean()
        for workers in (1, 2)
    ]
    assert mean[1] < mean[0]


def test_hedging_cuts_the_tail_for_few_requests_more() -> None:
    options = {"questions_per_second": 20.0, "num_questions": 20_000, "seed": 1}
    plain = simulate(Layout(30, 2), STALLING, **options)  # type: ignore[arg-type]
    hedged = simulate(Layout(30, 2, hedge_after_ms=15.0), STALLING, **options)  # type: ignore[arg-type]
    assert plain.percentile(95) > 100 > 60 > hedged.percentile(95)
    assert 0.01 < hedged.num_hedges / (hedged.num_requests - hedged.num_hedges) < 0.1
    assert hedged.share_within(60) > 0.95 > 0.8 > plain.share_within(60)


def test_against_what_is_the_questions_own_neither_fewer_shards_nor_hedging_helps() -> None:
    heavy = ShardTime(10.0, 20.0, common=1.0)
    options = {"questions_per_second": 0.01, "num_questions": 5_000, "seed": 1}
    one, many = (simulate(Layout(shards), heavy, **options) for shards in (1, 30))  # type: ignore[arg-type]
    hedged = simulate(Layout(30, 2, hedge_after_ms=12.0), heavy, **options)  # type: ignore[arg-type]
    assert many.percentile(50) == pytest.approx(one.percentile(50)) == pytest.approx(10.0, rel=0.03)
    assert hedged.percentile(95) == pytest.approx(many.percentile(95)) and hedged.num_hedges > 0


def test_a_hedge_is_never_later_than_the_first_request_alone() -> None:
    idle = {"questions_per_second": 0.001, "num_questions": 5_000, "seed": 3}
    plain = simulate(Layout(1, 2), STALLING, **idle)  # type: ignore[arg-type]
    hedged = simulate(Layout(1, 2, hedge_after_ms=11.0), STALLING, **idle)  # type: ignore[arg-type]
    assert np.all(hedged.latencies_ms <= plain.latencies_ms + 1e-3)


def test_the_mean_time_is_that_of_the_draws() -> None:
    draws = STALLING.draw(np.zeros(1_000_000), np.random.default_rng(1))
    assert draws.mean() == pytest.approx(STALLING.mean_ms, rel=0.01)
    assert utilisation(Layout(5, 2, 4), STEADY, 80.0) == pytest.approx(0.1)


def test_more_than_the_replicas_can_do_is_refused() -> None:
    with pytest.raises(ValueError, match="1\\.10 of what the replicas can do"):
        simulate(Layout(3), STEADY, questions_per_second=110, num_questions=10, seed=1)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ShardTime(10, 9),
        lambda: ShardTime(0, 9),
        lambda: ShardTime(1, 1, stall_share=1.1),
        lambda: ShardTime(1, 1, stall_ms=-1),
        lambda: ShardTime(1, 1, common=1.5),
        lambda: Layout(0),
        lambda: Layout(1, 1, 0),
        lambda: Layout(1, 1, hedge_after_ms=1.0),
    ],
)
def test_impossible_settings_are_refused(make: object) -> None:
    with pytest.raises(ValueError):
        make()  # type: ignore[operator]


@pytest.mark.slow
@pytest.mark.parametrize("times", [ShardTime(100, 300, 0.01, 100, 0.9), ShardTime(12.5, 16.3, 0.01, 100, 0.9)])
def test_the_documentation_shows_the_tables_as_they_are(times: ShardTime) -> None:
    load = Load(0.3, 4, 2 * times.p95_ms)
    lines = markdown(table(times, [1, 10, 100], load, num_questions=20_000, seed=0))
    assert lines in (Path(__file__).parents[1] / "docs/scale.md").read_text(encoding="utf-8")


def test_the_same_seed_gives_the_same_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = list(table(STALLING, [1, 3], LOAD, num_questions=500, seed=7))
    assert lines == list(table(STALLING, [1, 3], LOAD, num_questions=500, seed=7))
    assert lines != list(table(STALLING, [1, 3], LOAD, num_questions=500, seed=8))
    assert [(line["shards"], line["copies"], line["hedged"]) for line in lines[:3]] == [
        (1, 1, "no"),
        (1, 2, "no"),
        (1, 2, "after 24 ms"),
    ]
    assert not any(isinstance(value, float) and math.isnan(value) for line in lines for value in line.values())
    options = "--median-ms 10 --p95-ms 12 --common 0 --shards 1 3 --questions 500 --seed 7".split()
    main([*options, "--out", str(tmp_path / "table.json")])
    assert json.loads((tmp_path / "table.json").read_text()) == lines
    assert capsys.readouterr().out.strip() == markdown(lines)
