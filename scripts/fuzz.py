"""Fuzzes the readers of articles, feeds and sitemaps, guided by what code is reached; knows nothing of what they do.

python scripts/fuzz.py all --seconds 300 --corpus CORPUS      # 300 seconds for each kind, one after the other
python scripts/fuzz.py pdf --seconds 3600 --corpus CORPUS     # a later run goes on from what CORPUS holds
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from index.errors import BadInputError
from qa.cli.console import one_line_errors, out

# The heaviest parsers first: a run that is stopped has tried those.
KINDS = tuple("html pdf docx docx_parts eml feed sitemap text decoding front_matter markdown json jsonl".split())
_ROOT = Path(__file__).parent.parent
_REMEDY = "install it with `pip install atheris` (a developer's tool for Linux and macOS, no part of the project)"
_MAX_BYTES = {"docx": 60_000}
_DEFAULT_MAX_BYTES = 12_000
# libFuzzer stops at what cannot be caught, such as an endless loop; these are generous, since the machine may be busy.
_HANG_SECONDS = 120
_MAX_MEMORY_MIB = 4_096
_NUM_EXECUTED = re.compile(r"stat::number_of_executed_units:\s*(\d+)")


def main(
    kind: Annotated[str, typer.Argument(help="What to fuzz: all, or one of the kinds.")],
    corpus: Annotated[Path, typer.Option(help="Folder for the inputs that reached something new.")],
    seconds: Annotated[float, typer.Option(min=1, help="For each kind.")] = 300,
    findings: Annotated[
        Path | None, typer.Option(help="Folder for findings; else `findings` within the corpus.")
    ] = None,
    max_seconds_per_input: Annotated[float, typer.Option(min=0.1, help="More processor time is a finding.")] = 5,
) -> None:
    """Print executions and findings of each kind; exit with 1 when there are findings."""
    with one_line_errors():
        if kind not in ("all", *KINDS):
            raise BadInputError(f"{kind!r} cannot be fuzzed; expected all or one of {', '.join(KINDS)}")
        if importlib.util.find_spec("atheris") is None:
            raise BadInputError(f"fuzzing needs atheris, which is not installed; {_REMEDY}")
        corpus = corpus.resolve()
        folder = (findings or corpus / "findings").resolve()
        folder.mkdir(parents=True, exist_ok=True)
        _python("scripts.fuzz_samples", str(corpus)).check_returncode()
        num_findings = 0
        for name in KINDS if kind == "all" else [kind]:
            num_findings += _fuzz(name, corpus / name, folder, seconds, max_seconds_per_input)
        if num_findings:
            raise typer.Exit(1)


def _fuzz(kind: str, corpus: Path, findings: Path, seconds: float, max_seconds_per_input: float) -> int:
    """Fuzz until the time is over, starting again after inputs that end the process; return the number of findings."""
    known = set(findings.iterdir())
    started = time.monotonic()
    num_executed = 0
    while (left := seconds - (time.monotonic() - started)) >= 1:
        process = _run(kind, corpus, findings, left, max_seconds_per_input)
        counts = _NUM_EXECUTED.findall(process.stderr)
        num_executed += int(counts[-1]) if counts else 0
        if process.returncode != 0 and not counts:
            raise BadInputError(f"fuzzing {kind} failed to start: {process.stderr.strip()[-2000:]}")
    new = sorted(path for path in set(findings.iterdir()) - known if path.suffix != ".txt")
    out.print(f"{kind}: {num_executed:,} executions in {time.monotonic() - started:.0f} s, {len(new)} findings")
    for path in new:
        out.print(f"  {path}")
    return len(new)


def _run(
    kind: str, corpus: Path, findings: Path, seconds: float, max_seconds_per_input: float
) -> subprocess.CompletedProcess[str]:
    options = [
        f"-max_total_time={int(seconds)}",
        f"-max_len={_MAX_BYTES.get(kind, _DEFAULT_MAX_BYTES)}",
        f"-timeout={_HANG_SECONDS}",
        f"-rss_limit_mb={_MAX_MEMORY_MIB}",
        f"-artifact_prefix={findings}/{kind}-",
        "-len_control=0",  # inputs as long as the seeds from the start
        "-print_final_stats=1",
    ]
    return _python("scripts.fuzz_one", kind, str(findings), str(max_seconds_per_input), *options, str(corpus))


def _python(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own modules, no shell
        [sys.executable, "-m", module, *arguments],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


if __name__ == "__main__":
    typer.run(main)
