"""Commands that change or inspect the collection: add, remove, watch, status, check, rollback."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer

from index.base_collection import BaseCollection
from index.builder import Progress
from index.errors import ArticleQAError, BadInputError
from index.readers import read_path
from index.sources.addresses import is_web_address
from index.sources.intake import AddressIntake, Taken, merged
from index.types import AddReport, Article, Rejection
from qa.cli.console import AsJson, DataDir, configured, err, one_line_errors, out, print_json, progress_bars
from qa.composition import build_intake, build_parts, build_reports, build_schedule, configured_sources, source_statuses
from qa.config import Config
from qa.configured_generator import generator_model_id
from qa.service import service_status
from qa.source_schedule import ScheduledSource

_Taken = tuple[AddReport, ArticleQAError | None]
Paths = Annotated[
    list[str],
    typer.Argument(help="Files and folders: .txt .md .html .pdf .docx .eml .json .jsonl .jsonl.gz", show_default=False),
]


def _collection(data_dir: Path | None) -> BaseCollection:
    return build_parts(configured(data_dir), with_embedder=False, with_reader=False, with_generator=False).collection


def add(
    paths: Paths,
    report_path: Annotated[
        Path | None,
        typer.Option("--report", help="File for what became of every item.", show_default="var/reports/add-…json"),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Add articles and index them. What is accepted survives any crash; run it again to go on."""
    with one_line_errors():
        started = time.monotonic()
        config = configured(data_dir)
        collection = _collection(data_dir)
        addresses = [path for path in paths if is_web_address(path)]
        with progress_bars() as progress:
            files = [path for path in paths if path not in addresses]
            taken, broken = _accepted(config, collection, files, addresses, progress)
            report, not_indexed = _indexed(collection, taken, progress)
            # The first that went wrong: the second often follows from it.
            problem = broken or not_indexed
        if problem is None:
            print_report(report, as_json)
        seconds, error = time.monotonic() - started, str(problem) if problem is not None else None
        written = build_reports(config).write(
            report, seconds=seconds, error=error, path=report_path, are_removed=collection.are_removed
        )
        if problem is not None:
            raise problem
        if not as_json:
            out.print(f"report: {written}", markup=False)
        # Nothing at all was taken: the caller should notice.
        if report.rejected and not (report.added or report.revised or report.unchanged or report.duplicates):
            raise typer.Exit(1)


def _accepted(
    config: Config, collection: BaseCollection, files: Sequence[str], addresses: Sequence[str], progress: Progress
) -> _Taken:
    """Take files, then addresses; what was taken before something broke is safe in the library, hence reported."""
    reports: list[AddReport] = []
    try:
        reports.append(collection.accept(read_all(files), progress=progress))
        if addresses:
            intake = build_intake(config, collection)
            for address in addresses:
                _take(intake, address, progress, reports.append)
    except ArticleQAError as error:
        return merged(reports), error
    return merged(reports), None


def _indexed(collection: BaseCollection, report: AddReport, progress: Progress) -> _Taken:
    """Bring the index up to date; what is in the library is reported even if that fails."""
    try:
        return replace(report, generation=collection.update(progress=progress)), None
    except ArticleQAError as error:
        return report, error


def _take(intake: AddressIntake, address: str, progress: Progress, on_report: Callable[[AddReport], None]) -> None:
    for note in intake.take(address, is_named=True, progress=progress, on_report=on_report).notes:
        err.print(f"note: {note}", markup=False)


def read_all(paths: Sequence[str]) -> Iterator[Article | Rejection]:
    """The articles of several files and folders, and what was rejected."""
    return chain.from_iterable(read_path(Path(path)) for path in paths)


def print_report(report: AddReport, as_json: bool) -> None:
    if as_json:
        print_json(report.to_json())
        return
    out.print(
        f"{report.added} added, {report.revised} revised, {report.unchanged} unchanged, "
        f"{report.duplicates} duplicates, {len(report.rejected)} rejected; index: {report.generation or 'none yet'}"
    )
    for rejection in report.rejected:
        err.print(f"rejected: {rejection.item}: {rejection.reason}", markup=False)


def remove(
    article_id: Annotated[str, typer.Argument(help="Id of the article, as in `search` or /articles.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Delete an article's text from the library and the index."""
    with one_line_errors():
        collection = _collection(data_dir)
        copies = [copy for r in collection.history(article_id)[:1] for copy in collection.also_in(r.revision_id)]
        with progress_bars() as progress:
            removed = collection.remove([article_id], progress=progress)
        status = collection.status()
        if as_json:
            print_json({"removed": removed, "generation": status["generation"]})
        else:
            out.print(f"removed {', '.join(removed)}; index: {status['generation']}", markup=False)
            for copy in copies:
                out.print(f"nearly the same text stays as {copy.article_id}: {copy.title} ({copy.url})", markup=False)


def watch(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="[DIR_OR_URL]",
            help="A folder, or the address of a feed, sitemap or page; the configured [[sources]] if left out.",
            show_default=False,
        ),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Add what a folder or a web address holds, and again whatever is new in it, until interrupted."""
    with one_line_errors():
        config = configured(data_dir)
        sources = watched_sources(config, [source] if source else [])

        def report(watched: ScheduledSource, taken: Taken) -> None:
            if taken.error and not taken.report.rejected:
                err.print(f"{watched.address}: {taken.error}", markup=False)
            print_report(taken.report, as_json)

        schedule = build_schedule(config, _collection(data_dir), sources, report)
        schedule.start()
        try:
            schedule.wait()
        finally:
            schedule.stop()


def watched_sources(config: Config, named: Sequence[str]) -> tuple[ScheduledSource, ...]:
    """The sources that are named, or all that are configured.

    :raises BadInputError: A path is no folder, or there is nothing to watch.
    """
    sources = _named_sources(config, named) or configured_sources(config)
    if not sources:
        raise BadInputError("there is nothing to watch; name a folder or an address, or configure [[sources]]")
    return sources


def served_sources(config: Config, named: Sequence[str]) -> tuple[ScheduledSource, ...]:
    """All sources that are configured, and those that are named; there may be none.

    :raises BadInputError: A path is no folder.
    """
    known = configured_sources(config)
    return known + tuple(source for source in _named_sources(config, named) if source not in known)


def _named_sources(config: Config, named: Sequence[str]) -> tuple[ScheduledSource, ...]:
    known = {source.address: source for source in configured_sources(config)}
    for address in named:
        if not is_web_address(address) and not Path(address).is_dir():
            raise BadInputError(f"{address} is no folder; give one whose files are articles")
    return tuple(known.get(address) or ScheduledSource(address) for address in dict.fromkeys(named))


def status(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Say what is indexed and by which models."""
    with one_line_errors():
        config = configured(data_dir)
        parts = build_parts(config, with_embedder=False, with_reader=False, with_generator=False)
        watched = [(source.address, source.name) for source in config.sources]
        values = service_status(parts, source_statuses(config).show(watched))
        values["models"]["generator"] = configured_generator(data_dir)
        if as_json:
            print_json(values)
            return
        _print_status(values)


def configured_generator(data_dir: Path | None) -> str | None:
    """Id of the configured answering model, without loading it."""
    return generator_model_id(configured(data_dir).generator)


def _print_status(values: dict[str, Any]) -> None:
    if values["generation"] is None:
        out.print("no index yet: run `article-qa add PATH`")
    else:
        out.print(
            f"{values['generation']}: {values['num_articles']:,} articles, {values['num_passages']:,} passages, "
            f"newest {values['newest_published_at'] or 'undated'}"
        )
    for role, model in values["models"].items():
        out.print(f"{role}: {model or 'none'}", markup=False)
    for source in values["sources"]:
        out.print(_source_line(source), markup=False)
    left = values["removal"]["text_left_in"]
    if left:
        out.print(f"removed text is still in {', '.join(left)}; run `article-qa rebuild`, which deletes it")
    if values["problem"]:
        out.print(f"problem: {values['problem']}", markup=False)


def _source_line(source: dict[str, Any]) -> str:
    name = f"source {source['name'] or source['address']}"
    if source["last_checked"] is None:
        return f"{name}: not read yet"
    counts = ", ".join(f"{source[key]:,} {key}" for key in ("added", "revised", "unchanged", "rejected"))
    failure = f"; failing: {source['last_error']}" if source["last_error"] else ""
    return f"{name}: read {source['last_checked']}: {counts}{failure}"


def check(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Read and hash everything; exit with 1 when something is damaged."""
    with one_line_errors():
        collection = _collection(data_dir)
        with progress_bars() as progress:
            report = collection.check(progress)
        if as_json:
            print_json(report.to_json())
        else:
            for problem in report.problems:
                out.print(f"problem: {problem}", markup=False)
            out.print(f"checked the library and {len(report.generations)} generations: {len(report.problems)} problems")
        if report.problems:
            raise typer.Exit(1)


def rollback(
    generation: Annotated[str | None, typer.Argument(help="Which one; the previous whole one if left out.")] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Go back to an older generation of the index. The library keeps everything; the next rebuild catches up."""
    with one_line_errors():
        name = _collection(data_dir).rollback(generation)
        if as_json:
            print_json({"generation": name})
        else:
            out.print(f"index: {name}")
