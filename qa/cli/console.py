"""What all commands share: options, progress bars, one-line errors, JSON output; knows no command."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from index.errors import ArticleQAError
from qa.config import Config, load_config

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", help="Folder of the library and the index (also: ARTICLE_QA_DATA_DIR).", show_default="var"
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]

# Without emoji codes: a quote that says "1:100:3" is printed as it stands.
out = Console(highlight=False, soft_wrap=True, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn the project's own errors into one line on standard error and exit status 1."""
    try:
        yield
    except ArticleQAError as error:
        err.print(f"error: {error}", markup=False)
        raise typer.Exit(1) from error
    except KeyboardInterrupt as error:
        err.print("interrupted; what was accepted is kept, and the next run goes on from there", markup=False)
        raise typer.Exit(130) from error


def quiet_libraries() -> None:
    """No progress bars or warnings of libraries between our own lines, and no look at any hub."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    logging.basicConfig(level=logging.WARNING, format="%(message)s")


def configured(data_dir: Path | None) -> Config:
    return load_config(data_dir=data_dir)


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False))


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int], None]]:
    """One bar for each stage reported, on standard error; nothing where that is no terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=max(total, 1))
            bars.update(tasks[stage], completed=done, total=max(total, 1))

        yield report
