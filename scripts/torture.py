"""Kills, fills, spoils and races an index to see what it takes; docs/torture.md says what each figure means.

python scripts/torture.py --suite all --report torture.json

A suite that the report already holds for the same seed and scale is not run again. Exits with 1 on any violation.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

# The harness stands among the tests, which are not installed.
sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.torture.report import Progress, summary
from tests.torture.suites import SUITES, run_suites
from tests.torture.tracing import why_unavailable

_NEED_STRACE = ("kills", "errors")
_SECONDS_PER_LINE = 60.0


def main() -> None:
    arguments = _parse()
    names = list(SUITES) if arguments.suite == "all" else [arguments.suite]
    reason = why_unavailable()
    if reason is not None and set(names) & set(_NEED_STRACE):
        raise SystemExit(f"error: {reason}; the suites {' and '.join(_NEED_STRACE)} need it")
    if arguments.work is not None:
        reports = _run(names, arguments, arguments.work)
    else:
        with tempfile.TemporaryDirectory(prefix="article-qa-torture-") as work:
            reports = _run(names, arguments, Path(work))
    print(summary(reports))
    raise SystemExit(0 if all(report["ok"] for report in reports) else 1)


def _run(names: Sequence[str], arguments: argparse.Namespace, work: Path) -> list[dict[str, Any]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with RichProgress(*columns, console=console) as bars:

        def progress(name: str) -> Progress:
            if not console.is_terminal:
                return _lines(name)
            bar = bars.add_task(name, total=None)
            return lambda done, total: bars.update(bar, completed=done, total=total)

        return run_suites(
            names,
            work=work,
            seed=arguments.seed,
            scale=arguments.scale,
            report_file=arguments.report,
            progress=progress,
        )


def _lines(name: str) -> Progress:
    """For a log: a line now and then."""
    last = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _SECONDS_PER_LINE:
            last = time.monotonic()
            print(f"{name}: {done} of {total}", file=sys.stderr, flush=True)

    return progress


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", choices=[*SUITES, "all"], default="all")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the long version, such as 0.05")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=Path, help="where to work; kept after a violation (default: a temporary folder)")
    parser.add_argument("--report", type=Path, default=Path("torture.json"), help="what was found; runs go on from it")
    return parser.parse_args()


if __name__ == "__main__":
    main()
