"""Sends malformed requests to every API: HTTP, Gradio and MCP, in this process, over a fake service.

python scripts/fuzz_api.py                           # 100,000 requests
python scripts/fuzz_api.py --requests 5000 --seed 7  # others
python scripts/fuzz_api.py --requests 1 --first 4711 # one of them again
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

# The tests' fakes stand beside the scripts in a checkout, and are not installed.
sys.path.insert(0, str(Path(__file__).parent.parent))

from qa.cli.console import one_line_errors, out, quiet_libraries
from tests.api_fuzzing.run import Finding, Tally, fuzz

_EVERY = 1_000
_MAX_SHOWN = 600


def main(
    requests: Annotated[int, typer.Option(min=1, help="How many to send.")] = 100_000,
    seed: Annotated[int, typer.Option(help="Another seed, other requests.")] = 1,
    first: Annotated[int, typer.Option(min=0, help="The number of the first, such as that of a finding.")] = 0,
    parallel: Annotated[int, typer.Option(min=1, max=64, help="How many at once.")] = 16,
) -> None:
    """Print how many replies of each status came; exit with 1 when a server error is among them (503 is none)."""
    started = time.monotonic()

    def progress(tally: Tally, finding: Finding | None) -> None:
        if finding is not None:
            _show(finding)
        if tally.num_sent % _EVERY == 0:
            seconds = time.monotonic() - started
            out.print(f"{tally.num_sent:,} of {requests:,} in {seconds:.0f} s, {len(tally.findings)} findings")

    quiet_libraries()
    logging.disable(logging.ERROR)  # each refusal is logged, and refusals are all there is
    with one_line_errors(), tempfile.TemporaryDirectory(prefix="article-qa-fuzz-") as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        tally = fuzz(requests, seed=seed, first=first, num_parallel=parallel, progress=progress)
    _report(tally, time.monotonic() - started)
    if tally.findings:
        raise typer.Exit(1)


def _report(tally: Tally, seconds: float) -> None:
    for way in sorted({way for way, _ in tally.statuses}):
        statuses = Counter({status: num for (of, status), num in tally.statuses.items() if of == way})
        shown = ", ".join(f"{status}: {num:,}" for status, num in sorted(statuses.items()))
        out.print(f"{way}: {statuses.total():,} requests ({shown})")
    out.print(f"{tally.num_sent:,} requests in {seconds:.0f} s, {len(tally.findings)} findings")


def _show(finding: Finding) -> None:
    out.print(f"request {finding.number}: {finding.reply.problem}", markup=False)
    out.print(f"  {finding.request!r}"[:_MAX_SHOWN], markup=False)
    out.print(f"  {finding.reply.body}"[:_MAX_SHOWN], markup=False)


if __name__ == "__main__":
    typer.run(main)
