"""Names the suites, runs them one after another and keeps their reports in a file; knows nothing of what they do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.torture.damage import run_damage
from tests.torture.endurance import run_endurance
from tests.torture.errors import run_errors
from tests.torture.full_disk import run_full_disk
from tests.torture.kills import run_kills
from tests.torture.races import run_races
from tests.torture.readers import run_readers
from tests.torture.report import Progress, Settings, SuiteReport

SUITES: dict[str, Callable[[Settings], SuiteReport]] = {
    "kills": run_kills,
    "errors": run_errors,
    "full-disk": run_full_disk,
    "damage": run_damage,
    "races": run_races,
    "readers": run_readers,
    "endurance": run_endurance,
}


def run_suites(
    names: Sequence[str], *, work: Path, seed: int, scale: float, report_file: Path, progress: Callable[[str], Progress]
) -> list[dict[str, Any]]:
    """Run what the report file does not yet hold for this seed and scale, and write it after every suite.

    :param progress: Makes the progress of a suite from its name.
    :return: The reports of these suites, those of earlier runs included.
    """
    reports = _read(report_file)
    for name in names:
        key = f"{name} seed={seed} scale={scale}"
        if key in reports:
            continue
        folder = work / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        reports[key] = SUITES[name](Settings(folder, seed, scale, progress(name))).to_json()
        report_file.parent.mkdir(parents=True, exist_ok=True)
        report_file.write_text(json.dumps(reports, indent=1) + "\n", encoding="utf-8")
        if reports[key]["ok"]:  # what a violation left is kept to be looked at
            shutil.rmtree(folder, ignore_errors=True)
    return [reports[f"{name} seed={seed} scale={scale}"] for name in names]


def _read(report_file: Path) -> dict[str, Any]:
    if not report_file.exists():
        return {}
    reports: dict[str, Any] = json.loads(report_file.read_text(encoding="utf-8"))
    return reports
