"""Runs operations on a small disk that is filled to one page after another; knows only outcomes.

The disk is a tmpfs of its own, so that it is really full: every call that needs room fails until there
is some.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.torture.bench import Bench, must_be_ready_in_time
from tests.torture.errors import judge_refusal
from tests.torture.report import Settings, SuiteReport, spread
from tests.torture.scenario import OPERATIONS, open_scenario, snapshot_problems
from tests.torture.workers import Workers

DISK_MIB = 8
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_MAX_PAGES = 80
_FILLING_BYTES = 1 << 16


class TmpfsNotAllowedError(Exception):
    """This process may not mount a file system."""


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """An empty tmpfs mounted at ``folder``.

    :raises TmpfsNotAllowedError: With the reason and what to do.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "article-qa-torture", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except FileNotFoundError as error:
        raise TmpfsNotAllowedError("there is no `mount` here") from error
    if mounted.returncode != 0:
        raise TmpfsNotAllowedError(
            f"no tmpfs can be mounted ({mounted.stderr.strip()}); run as root, or inside `unshare -rm`"
        )
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=30)


def fill(disk: Path, *, free_pages: int) -> Path:
    """Write a file until only so many pages are left.

    :return: The file; removing it makes room again.
    """
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        while (room := _free_bytes(disk) - free_pages * _PAGE_BYTES) > 0:
            file.write(bytes(min(_FILLING_BYTES, room)))
    return filler


def _free_bytes(disk: Path) -> int:
    return shutil.disk_usage(disk).free


def run_full_disk(settings: Settings) -> SuiteReport:
    """Every operation with 0 to 80 free pages (a sample below scale 1.0)."""
    report = SuiteReport("full-disk")
    try:
        with small_disk(settings.work / "disk") as disk, Workers(settings.work / "workers.log") as workers:
            bench = Bench(workers, settings.work, data=disk / "data")
            points = [(name, pages) for name in OPERATIONS for pages in range(_MAX_PAGES + 1)]
            chosen = spread(points, settings.scaled(len(points)))
            for done, (name, pages) in enumerate(chosen):
                settings.progress(done, len(chosen))
                what = f"{name} with {pages} free pages"
                must_be_ready_in_time(report, what, partial(_run, bench, disk, name, pages, report))
                report.count("runs_on_a_full_disk")
            settings.progress(len(chosen), len(chosen))
    except TmpfsNotAllowedError as error:
        report.skipped.append(str(error))
    return report.finish()


def _run(bench: Bench, disk: Path, name: str, free_pages: int, report: SuiteReport) -> float:
    what = f"{name} with {free_pages} free pages"
    worker = bench.start(name)
    filler = fill(disk, free_pages=free_pages)
    outcome = worker.ask(go=True)
    report.count("restarts_on_a_full_disk")
    operation = OPERATIONS[name]
    served = open_scenario(bench.folder).collection.snapshot()
    report.blame(f"{what}, restarted", snapshot_problems(served, [operation.indexed, operation.after]))
    filler.unlink()
    return judge_refusal(report, what, bench, name, worker, outcome)
