"""The short version of every suite; scripts/torture.py runs the long one, docs/torture.md says what is checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture.damage import run_damage
from tests.torture.endurance import run_endurance
from tests.torture.errors import run_errors
from tests.torture.full_disk import run_full_disk
from tests.torture.kills import run_kills
from tests.torture.races import run_races
from tests.torture.readers import run_readers
from tests.torture.report import Settings, SuiteReport, summary

pytestmark = pytest.mark.slow


def _assert_clean(report: SuiteReport) -> None:
    """Everything that was tried held."""
    assert report.is_clean, summary([report.to_json()])


def test_kills_at_any_moment_lose_nothing_and_mix_nothing(tmp_path: Path) -> None:
    report = run_kills(Settings(tmp_path, scale=0.03))
    _assert_clean(report)
    assert report.figures["kill_points"] >= 25
    assert report.figures["killed_in_the_midst"] >= report.figures["kill_points"] // 2


def test_an_error_of_the_disk_is_one_clear_line_and_does_no_harm(tmp_path: Path) -> None:
    report = run_errors(Settings(tmp_path, scale=0.015))
    _assert_clean(report)
    if report.skipped:
        pytest.skip("; ".join(report.skipped))
    assert report.figures["outcome_refused"] >= report.figures["errors_injected"] // 3
    assert all("Traceback" not in message for message in report.messages)


def test_a_full_disk_is_one_clear_line_and_does_no_harm(tmp_path: Path) -> None:
    report = run_full_disk(Settings(tmp_path, scale=0.06))
    _assert_clean(report)
    if report.skipped:
        pytest.skip("; ".join(report.skipped))
    assert report.figures["outcome_refused"] >= 3


def test_no_flipped_bit_and_no_lost_end_goes_unnoticed(tmp_path: Path) -> None:
    report = run_damage(Settings(tmp_path, scale=0.06))
    _assert_clean(report)
    assert report.figures["flips"] >= 600
    assert report.figures["cuts"] >= 40
    assert report.figures["library_refused"] + report.figures["library_reported"] > 0


def test_of_two_builders_one_wins_and_the_other_says_so(tmp_path: Path) -> None:
    report = run_races(Settings(tmp_path, scale=0.06))
    _assert_clean(report)
    assert report.figures["rounds"] == 12
    assert report.figures["told_that_the_other_builds"] >= 1


def test_readers_see_one_generation_at_a_time_through_rebuilds(tmp_path: Path) -> None:
    report = run_readers(Settings(tmp_path, scale=0.05))
    _assert_clean(report)
    assert report.figures["rebuilds"] == 20
    assert report.figures["generations_seen_by_processes"] >= 2


def test_arrivals_leave_nothing_behind_in_a_running_app(tmp_path: Path) -> None:
    report = run_endurance(Settings(tmp_path, scale=0.1))
    _assert_clean(report)
    assert report.figures["arrivals"] == 50
