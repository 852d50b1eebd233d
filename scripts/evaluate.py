"""Scores the configured pipeline on questions with known answers; docs/evaluation.md says how. Wiring only.

python scripts/evaluate.py --articles A.jsonl.gz --questions Q.jsonl.gz --stream --out report.json
"""

from __future__ import annotations

from qa.generators.cpu_cores import limit_spinning

limit_spinning()  # OpenMP reads it when torch or faiss is imported, which the next lines do

# ruff: noqa: E402
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from index.builder import Progress
from index.database import Database
from qa.cli.console import err, one_line_errors, out, progress_bars, quiet_libraries
from qa.composition import build_collection, build_embedder, build_reader
from qa.config import Config, load_config
from qa.configured_generator import build_generator
from qa.configured_pipeline import build_pipeline
from qa.evaluation.progress import plain_progress
from qa.evaluation.report import summary_table, write_report
from qa.evaluation.run import Options, Parts, Result, run
from qa.evaluation.streaming import PinnedSource
from qa.evaluation.watched_reader import WatchedReader
from qa.types import Mode

# Beyond the range of the setting, which guards disks: here no week's generation may go.
_ALL_GENERATIONS = 1_000_000
# Where things are and how they are served changes no answer.
_NO_PART_OF_AN_ANSWER = {"data_dir", "cache_dir", "serve", "index"}


def main(
    questions: Annotated[Path, typer.Option(help="JSONL, or SQuAD's JSON (its paragraphs given); also .gz.")],
    report: Annotated[Path, typer.Option("--out", help="The report (.json); journal and plot are put beside it.")],
    articles: Annotated[Path | None, typer.Option(help="JSONL of articles to index.")] = None,
    is_open: Annotated[bool, typer.Option("--open", help="Index all given passages and retrieve.")] = False,
    stream: Annotated[bool, typer.Option("--stream", help="Week by week; questions see no later articles.")] = False,
    sample: Annotated[int | None, typer.Option(min=1, help="Ask only so many; all articles are indexed.")] = None,
    seed: Annotated[int, typer.Option(help="Which ones --sample takes.")] = 0,
    limit_weeks: Annotated[int | None, typer.Option(min=1, help="Only the first weeks, for a trial.")] = None,
    mode: Annotated[str, typer.Option(help="fast: evidence only; full: a written answer.")] = "full",
    absent: Annotated[bool, typer.Option("--absent", help="Keep articles that hold the answer away.")] = False,
    work_dir: Annotated[Path | None, typer.Option(help="Where the index is kept for later runs.")] = None,
    config: Annotated[Path | None, typer.Option(help="Configuration; its data_dir is not used.")] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Ask everything again.")] = False,
    any_code: Annotated[bool, typer.Option("--any-code", help="Go on although the code has changed.")] = False,
    against: Annotated[Path | None, typer.Option(help="An older report to compare with, paired.")] = None,
    plot: Annotated[bool, typer.Option(help="Draw risk and coverage beside the report.")] = True,
) -> None:
    """Score the pipeline, or go on where a killed run stopped."""
    with one_line_errors():
        options = Options(
            questions,
            report,
            work_dir or report.with_name(f"{report.stem}-work"),
            articles=articles,
            is_open=is_open,
            is_stream=stream,
            sample=sample,
            seed=seed,
            limit_weeks=limit_weeks,
            mode=cast(Mode, mode),
            is_absent=absent,
            restart=restart,
            any_code=any_code,
            against=against,
        )
        with _progress() as progress, _parts(_config(config, options), options, progress) as parts:
            result = run(options, parts, progress=progress)
        write_report(report, result.header, result.metrics, result.rows)
        out.print(summary_table(f"{report.stem}: {questions.name}, {mode}", result.metrics))
        if skipped := result.header["skipped"]:
            reasons = ", ".join(f"{reason} {number}" for reason, number in skipped.items())
            out.print(f"{sum(skipped.values())} lines without a gold answer were not asked: {reasons}", markup=False)
        if plot:
            _plot(report, result)


def _config(file: Path | None, options: Options) -> Config:
    config = load_config(file=file, data_dir=options.work_dir)
    kept = config.index.model_copy(update={"keep_generations": _ALL_GENERATIONS})
    return config.model_copy(update={"index": kept})


@contextmanager
def _parts(config: Config, options: Options, progress: Progress) -> Iterator[Parts]:
    settings: dict[str, Any] = config.model_dump(mode="json", exclude=_NO_PART_OF_AN_ANSWER)
    index_settings = {"chunker": settings["chunker"], "flat_limit": config.index.flat_limit}
    progress("loading the embedding model", 0, 1)
    embedder = build_embedder(config.embedder)
    progress("loading the embedding model", 1, 1)
    collection = None
    if options.needs_index:
        collection = build_collection(config, Database(config.data_dir / "library.sqlite"), embedder)
    generator = build_generator(config.generator, config.cache_dir, progress) if options.mode == "full" else None
    source = PinnedSource()
    try:
        reader = WatchedReader(build_reader(config.reader))
        pipeline = build_pipeline(config, source, embedder, reader, generator)
        settings["index"] = index_settings
        yield Parts(pipeline, source, reader, embedder, collection, settings, index_settings)
    finally:
        if generator is not None:
            generator.close()


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    if err.is_terminal:
        with progress_bars() as bars:
            yield bars
    else:
        yield plain_progress(lambda line: err.print(line, markup=False))


def _plot(report: Path, result: Result) -> None:
    try:
        # Imported here: matplotlib is needed for nothing else, and only the extra "eval" brings it.
        from qa.evaluation.plot import plot_risk_coverage
    except ModuleNotFoundError as error:
        err.print(f"no plot: {error.name} is not installed (pip install 'article-qa[eval]')", markup=False)
        return
    plot_risk_coverage(report.with_suffix(".png"), result.metrics["risk_coverage"]["points"], title=report.stem)


if __name__ == "__main__":
    quiet_libraries()
    typer.run(main)
