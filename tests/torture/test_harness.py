"""The harness itself notices what it is there for: a judge that cannot find fault proves nothing."""

from __future__ import annotations

import json
import random
import shutil
import signal
from pathlib import Path

import pytest

from index.errors import StorageError
from tests.fakes import numbered_article
from tests.torture import suites
from tests.torture.bench import must_be_ready_in_time
from tests.torture.damage import Damage, cuts, flips, generation_files, generation_problem, make_generations, unshare
from tests.torture.endurance import slope_per_hundred
from tests.torture.outcomes import attempt
from tests.torture.report import Settings, SuiteReport, spread, summary
from tests.torture.scenario import (
    OPERATIONS,
    copy_folder,
    litter,
    open_scenario,
    prepare,
    snapshot_problems,
    verify_restart,
)
from tests.torture.tracing import count_calls, creating_numbers, num_injected
from tests.torture.workers import Workers

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    prepare(tmp_path / "data", OPERATIONS["add"])
    return tmp_path / "data"


# Judging


@pytest.mark.parametrize("name", list(OPERATIONS))
def test_an_undisturbed_operation_leads_to_its_state_and_is_found_faultless(name: str, tmp_path: Path) -> None:
    operation = OPERATIONS[name]
    prepare(tmp_path / "data", operation)
    copy_folder(tmp_path / "data", tmp_path / "copy")
    operation.run(open_scenario(tmp_path / "data").collection)
    verdict = verify_restart(tmp_path / "data", operation, is_acknowledged=True)
    assert verdict.problems == ()
    assert 0 < verdict.ready_seconds < 60
    assert verify_restart(tmp_path / "copy", operation, is_acknowledged=False).problems == ()


def test_an_acknowledged_article_that_is_gone_is_a_problem(folder: Path) -> None:
    verdict = verify_restart(folder, OPERATIONS["add"], is_acknowledged=True)
    assert any("articles were lost" in problem for problem in verdict.problems)


def test_a_batch_of_which_a_part_was_stored_is_a_problem(folder: Path) -> None:
    open_scenario(folder).collection.add([numbered_article(10)])
    verdict = verify_restart(folder, OPERATIONS["add"], is_acknowledged=False)
    assert any("is mixed" in problem for problem in verdict.problems)
    assert any("of no single state" in problem for problem in verdict.problems)


def test_a_generation_of_another_state_is_mixed(folder: Path) -> None:
    snapshot = open_scenario(folder).collection.snapshot()
    assert snapshot_problems(snapshot, [OPERATIONS["add"].before]) == []
    assert "is mixed" in snapshot_problems(snapshot, [OPERATIONS["add"].after])[0]
    assert snapshot_problems(None, [OPERATIONS["add"].before]) == ["there is no generation to serve"]


@pytest.mark.parametrize("name", ["index/.building-gen-000009-1", "index/.CURRENT.7.tmp", "library.sqlite-journal"])
def test_what_does_not_belong_there_is_litter(name: str, folder: Path) -> None:
    assert litter(folder) == []
    (folder / name).write_text("")
    assert litter(folder) == [f"litter: {name}"]


def test_too_many_generations_are_litter(folder: Path) -> None:
    shutil.copytree(folder / "index/gen-000001", folder / "index/gen-000000")
    assert litter(folder) == ["3 generations lie about, 2 are kept"]


def test_damage_that_goes_unnoticed_is_a_problem(tmp_path: Path) -> None:
    folder = make_generations(tmp_path).live_folder
    path = next(path for path in generation_files(folder) if path.suffix == ".faiss")
    data = unshare(path)
    assert generation_problem(folder, path, Damage(0, 0), data) is None
    assert "ParsedError" in str(generation_problem(folder, path, Damage(len(data), None), data))  # cuts off nothing


def test_flips_change_one_bit_and_cuts_take_the_end() -> None:
    data = bytes(range(50))
    for damage in flips(data, 30, random.Random(1)):
        changed = [a ^ b for a, b in zip(data, damage.apply(data), strict=True) if a != b]
        assert len(changed) == 1
        assert changed[0].bit_count() == 1
    assert [damage.apply(data) for damage in cuts(data, 3, random.Random(1))] == [b"", data[:25], data[:49]]
    assert list(flips(b"", 3, random.Random(1))) == list(cuts(b"", 3, random.Random(1))) == []


def test_a_slow_restart_is_repeated_and_blamed_if_it_is_slow_again() -> None:
    report = SuiteReport("kills")
    for seconds in ([1.0], [6.0, 1.0]):
        must_be_ready_in_time(report, "here", lambda seconds=seconds: seconds.pop(0))
        assert seconds == []
    assert report.violations == []
    must_be_ready_in_time(report, "there", lambda: 6.5)
    assert report.violations == ["there: ready after 6.5 s, twice"]
    assert report.figures == {"slowest_ready_seconds": 6.5, "restarts_over_5_seconds": 3}


# Telling outcomes apart


def test_only_the_projects_own_errors_count_as_refusals() -> None:
    def fail(error: BaseException) -> None:
        raise error

    assert attempt(lambda: None)["outcome"] == "done"
    assert attempt(lambda: fail(StorageError("the disk is full")))["outcome"] == "refused"
    assert attempt(lambda: fail(OSError(28, "No space")))["outcome"] == "crashed"


def test_a_worker_that_dies_says_nothing_and_has_the_status_of_its_signal(tmp_path: Path, folder: Path) -> None:
    with Workers(tmp_path / "log") as workers:
        worker = workers.start("operate", folder=str(folder), operation="add", suicide=1)
        assert worker.receive() == {"at": "ready"}
        assert worker.ask(go=True) is None
        assert worker.wait() == -signal.SIGKILL


# Reading traces


def test_calls_are_counted_for_each_thread_by_itself(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        '7 write(3, "a", 1) = 1\n8 write(3, "a", 1 <unfinished ...>\n'
        '7 write(4, "b", 1) = 1\n8 <... write resumed>) = 1\n'
        '7 openat(AT_FDCWD, "x", O_RDONLY) = 3\n7 openat(AT_FDCWD, "y", O_WRONLY|O_CREAT, 0666) = 4\n'
        "7 fsync(4) = -1 EIO (Input/output error) (INJECTED)\n7 +++ exited with 0 +++\n"
    )
    assert count_calls(log) == {"write": 2, "fsync": 1}
    assert creating_numbers(log) == [2]
    assert num_injected(log) == 1


# Figures


def test_the_slope_is_growth_in_a_hundred_arrivals() -> None:
    assert slope_per_hundred([100, 150, 200], [1.0, 2.0, 3.0]) == pytest.approx(2.0)
    assert slope_per_hundred([100, 150, 200], [5.0, 5.0, 5.0]) == pytest.approx(0.0)


def test_a_sample_is_spread_evenly() -> None:
    assert spread(list(range(10)), 3) == [1, 5, 8]
    assert spread([1, 2], 5) == [1, 2]


def test_a_suite_in_the_report_is_not_run_again_and_a_violation_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = []

    def fake(settings: Settings) -> SuiteReport:
        runs.append(settings.seed)
        report = SuiteReport("kills")
        report.blame("here", ["it broke"])
        return report.finish()

    monkeypatch.setitem(suites.SUITES, "kills", fake)

    def run(seed: int) -> list[dict[str, object]]:
        return suites.run_suites(
            ["kills"],
            work=tmp_path,
            seed=seed,
            scale=1.0,
            report_file=tmp_path / "report.json",
            progress=lambda name: lambda done, total: None,
        )

    first = run(1)
    assert run(1) == first
    run(2)
    assert runs == [1, 2]
    assert len(json.loads((tmp_path / "report.json").read_text())) == 2
    assert "1 VIOLATIONS" in summary(first)
    assert "VIOLATION here: it broke" in summary(first)
