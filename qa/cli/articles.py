"""Commands that change or inspect the collection: add, remove, rebuild, watch, status, check, rollback."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer

from index.collection import Collection
from index.errors import BadInputError, BuilderBusyError
from index.readers import read_path
from index.types import AddReport, Article, Rejection
from qa.cli.console import AsJson, DataDir, configured, err, one_line_errors, out, print_json, progress_bars
from qa.composition import build_parts
from qa.service import service_status

Paths = Annotated[
    list[str],
    typer.Argument(help="Files and folders: .txt .md .html .pdf .docx .eml .json .jsonl .jsonl.gz", show_default=False),
]


def _collection(data_dir: Path | None) -> Collection:
    return build_parts(configured(data_dir), with_reader=False, with_generator=False).collection


def add(paths: Paths, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Add articles and index them. What is accepted survives any crash; run it again to go on."""
    with one_line_errors():
        collection = _collection(data_dir)
        with progress_bars() as progress:
            report = collection.add(read_all(paths), progress=progress)
        print_report(report, as_json)
        # Nothing at all was taken: the caller should notice.
        if report.rejected and not (report.added or report.revised or report.unchanged or report.duplicates):
            raise typer.Exit(1)


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
        with progress_bars() as progress:
            removed = collection.remove([article_id], progress=progress)
        status = collection.status()
        if as_json:
            print_json({"removed": removed, "generation": status["generation"]})
        else:
            out.print(f"removed {', '.join(removed)}; index: {status['generation']}", markup=False)


def rebuild(
    full: Annotated[bool, typer.Option("--full", help="Derive everything anew from the library.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Bring the index up to date with the library."""
    with one_line_errors():
        collection = _collection(data_dir)
        with progress_bars() as progress:
            name = collection.rebuild(full=full, progress=progress)
        if as_json:
            print_json({"generation": name})
        else:
            out.print(f"index: {name}" if name else "the library is empty; add an article first")


def watch(
    folder: Annotated[Path, typer.Argument(help="Folder whose files are articles.", show_default=False)],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Add the files of a folder, and again whatever changes in it, until interrupted."""
    # Imported here: only this command needs it.
    from watchfiles import watch as watch_files

    with one_line_errors():
        if not folder.is_dir():
            raise BadInputError(f"{folder} is no folder; give one whose files are articles")
        collection = _collection(data_dir)
        print_report(collection.add(read_path(folder)), as_json)
        for changes in watch_files(folder, debounce=800):
            changed = sorted({path for _, path in changes if Path(path).is_file()})
            if changed:
                try:
                    print_report(collection.add(read_all(changed)), as_json)
                except BuilderBusyError as error:
                    out.print(f"{error}", markup=False)


def status(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Say what is indexed and by which models."""
    with one_line_errors():
        parts = build_parts(configured(data_dir), with_reader=False, with_generator=False)
        values = service_status(parts)
        values["models"]["generator"] = configured_generator(data_dir)
        if as_json:
            print_json(values)
            return
        _print_status(values)


def configured_generator(data_dir: Path | None) -> str | None:
    """Id of the configured answering model, without loading it."""
    from qa.generators.packaged_model import PACKAGED_MODEL

    generator = configured(data_dir).generator
    if generator.engine == "none":
        return None
    if generator.model == "packaged":
        return PACKAGED_MODEL.model_id
    return Path(generator.model).stem if generator.engine == "llamacpp" else generator.model


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
    if values["problem"]:
        out.print(f"problem: {values['problem']}", markup=False)


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
