"""Fails when a report of scripts/evaluate.py falls below the pinned floors; knows nothing of how answers are made.

python scripts/eval_gate.py REPORT.json [REPORT.json ...] [--floors tests/eval_floors.json]
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from index.errors import BadInputError
from qa.cli.console import err, one_line_errors, out
from qa.evaluation.gate import breaches, read_floors
from qa.evaluation.report import read_report

FLOORS = Path(__file__).parent.parent / "tests" / "eval_floors.json"


def main(
    reports: Annotated[list[Path], typer.Argument(help="Reports; a floor names one by its file name without .json.")],
    floors: Annotated[Path, typer.Option(help="The pinned floors.")] = FLOORS,
) -> None:
    """Exit 1, with one line for each floor that does not hold."""
    with one_line_errors():
        pinned = read_floors(floors)
        named = {path.stem: read_report(path) for path in reports}
        if len(named) < len(reports):
            raise BadInputError("two reports have the same file name, so floors cannot tell them apart")
        lines = breaches(pinned, named)
    for line in lines:
        err.print(f"breach: {line}", markup=False)
    if lines:
        raise typer.Exit(1)
    out.print(f"{len(pinned)} floors hold", markup=False)


if __name__ == "__main__":
    typer.run(main)
