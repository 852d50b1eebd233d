"""Commands that ask: ask (one question or a batch), search, and doctor."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from index.errors import ArticleQAError, BadInputError
from index.types import Filters
from qa.cli.console import AsJson, DataDir, configured, err, one_line_errors, out, print_json, progress_bars
from qa.composition import Parts, build_parts
from qa.doctor import run_checks
from qa.service import parse_as_of
from qa.types import Answer, Done, Mode, TextWritten, passage_json
from qa.window_text import shown_window

AsOf = Annotated[str | None, typer.Option("--as-of", help="The day the question is asked on, such as 2024-03-28.")]
NoDateWindow = Annotated[
    bool,
    typer.Option("--no-date-window", help='Do not let articles of the days asked about ("last week") count for more.'),
]
ModeOption = Annotated[str, typer.Option("--mode", help="fast: evidence only; full: a written answer.")]


def ask(
    question: Annotated[
        str | None, typer.Argument(help="The question; left out with --batch.", show_default=False)
    ] = None,
    batch: Annotated[Path | None, typer.Option("--batch", help="JSONL of questions.")] = None,
    output: Annotated[Path | None, typer.Option("--out", help="JSONL of answers, for --batch.")] = None,
    as_of: AsOf = None,
    mode: ModeOption = "full",
    no_date_window: NoDateWindow = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Answer a question from the articles, or a file of questions."""
    with one_line_errors():
        _check_mode(mode)
        if (question is None) == (batch is None):
            raise BadInputError("give either a question or --batch Q.jsonl --out A.jsonl")
        parse_as_of(as_of)
        if batch is not None:
            if output is None:
                raise BadInputError("--batch needs --out A.jsonl to write the answers to")
            _ask_batch(batch, output, mode, as_of, data_dir, use_date_window=not no_date_window)
            return
        parts = build_parts(configured(data_dir), with_generator=mode == "full")
        try:
            is_streamed = not as_json and out.is_terminal
            answer = _ask_one(
                parts, question or "", as_of, mode, stream=is_streamed, use_date_window=not no_date_window
            )
        finally:
            _close(parts)
        print_json(answer.to_json()) if as_json else _print_answer(answer)


def _check_mode(mode: str) -> None:
    if mode not in ("fast", "full"):
        raise BadInputError(f"mode {mode!r} is unknown; use fast (evidence only) or full")


def _ask_one(
    parts: Parts, question: str, as_of: str | None, mode: str, *, stream: bool, use_date_window: bool
) -> Answer:
    events = parts.pipeline.ask(
        question, as_of=parse_as_of(as_of), mode=cast(Mode, mode), use_date_window=use_date_window
    )
    for event in events:
        if isinstance(event, TextWritten) and stream:
            err.print("…", end="")
        if isinstance(event, Done):
            return event.answer
    raise AssertionError("a question ends with Done")


def _print_answer(answer: Answer) -> None:
    if answer.short_answer is not None:
        out.print(answer.short_answer, style="bold", markup=False)
    out.print(answer.answer, markup=False)
    if answer.date_window is not None:
        out.print(f"Dates: {shown_window(answer.date_window)} (--no-date-window to ask without)", markup=False)
    for note in answer.notes:
        out.print(f"Note: {note.text}", markup=False)
    for citation in answer.citations:
        passage = citation.retrieved.passage
        details = ", ".join(part for part in (passage.title, passage.source, passage.published_at) if part)
        out.print(f"[{citation.marker}] “{citation.quote}”\n    {details}", markup=False)
    if answer.outcome == "not_in_articles" and answer.passages:
        out.print("Closest articles:")
        for title in dict.fromkeys(retrieved.passage.title for retrieved in answer.passages[:5]):
            out.print(f"  {title}", markup=False)


def _ask_batch(
    batch: Path, output: Path, mode: str, as_of: str | None, data_dir: Path | None, *, use_date_window: bool
) -> None:
    questions = list(_read_questions(batch))
    parts = build_parts(configured(data_dir), with_generator=mode == "full")
    try:
        with progress_bars() as progress, _open_for_writing(output) as file:
            num_failed = 0
            for done, line in enumerate(questions):
                progress("answering", done, len(questions))
                answered = _answer_line(parts, line, mode, as_of, use_date_window=use_date_window)
                num_failed += "error" in answered
                file.write(json.dumps(answered, ensure_ascii=False) + "\n")
                file.flush()
            progress("answering", len(questions), len(questions))
    finally:
        _close(parts)
    if num_failed:
        err.print(f"{num_failed} of {len(questions)} questions could not be asked: see error in {output}", markup=False)


def _answer_line(
    parts: Parts, line: dict[str, Any], mode: str, as_of: str | None, *, use_date_window: bool
) -> dict[str, Any]:
    """One answer with its id; a question that cannot be answered gives {"id", "question", "error"}."""
    try:
        events = parts.pipeline.ask(
            line.get("question", ""),
            as_of=parse_as_of(line.get("as_of") or as_of),
            history=line.get("history") or (),
            mode=cast(Mode, mode),
            use_date_window=use_date_window,
        )
        answer = next(event.answer for event in events if isinstance(event, Done))
    except ArticleQAError as error:
        return {"id": line.get("id"), "question": line.get("question"), "error": str(error)}
    return {"id": line.get("id"), **answer.to_json()}


def _read_questions(batch: Path) -> Iterator[dict[str, Any]]:
    try:
        text = batch.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInputError(f"{batch} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadInputError(f"{batch} cannot be read: it is not UTF-8 ({error.reason})") from error
    # Not splitlines: it also breaks at characters that may stand inside a JSON string, such as U+2028.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            raise BadInputError(f"{batch}:{number}: not JSON: {error}") from error
        if not isinstance(value, dict) or not isinstance(value.get("question"), str):
            raise BadInputError(f'{batch}:{number}: expected {{"id", "question"}}')
        yield value


def _open_for_writing(path: Path) -> Any:
    try:
        # A lone surrogate in an id is written as the JSON escape that it was read from.
        return path.open("w", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise BadInputError(f"{path} cannot be written: {error.strerror}") from error


def _close(parts: Parts) -> None:
    if parts.generator is not None:
        parts.generator.close()


def search(
    query: Annotated[str, typer.Argument(help="Words or a question.", show_default=False)],
    k: Annotated[int, typer.Option("-k", help="How many passages.")] = 10,
    after: Annotated[str | None, typer.Option("--after", help="Published on this day or later.")] = None,
    before: Annotated[str | None, typer.Option("--before", help="Published on this day or earlier.")] = None,
    source: Annotated[str | None, typer.Option("--source", help="Only this source.")] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Find passages without answering."""
    with one_line_errors():
        days = [parse_as_of(value) for value in (after, before)]
        bounds = [day.isoformat() if day else None for day in days]
        parts = build_parts(configured(data_dir), with_embedder=False, with_reader=False, with_generator=False)
        found = parts.pipeline.search(query, k, filters=Filters(bounds[0], bounds[1], source))
        if as_json:
            print_json({"query": query, "passages": [passage_json(retrieved) for retrieved in found]})
            return
        for retrieved in found:
            passage = retrieved.passage
            out.print(
                f"{retrieved.rank}. {passage.title} "
                f"({passage.source or 'no source'}, {passage.published_at or 'undated'}) "
                f"{passage.article_id}\n   {passage.text}",
                markup=False,
            )


def doctor(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Look for what could keep Article QA from working here; exit with 1 when something does."""
    with one_line_errors():
        checks = run_checks(configured(data_dir))
        if as_json:
            print_json({"ok": all(c.is_ok for c in checks), "checks": [c.to_json() for c in checks]})
        else:
            for one in checks:
                out.print(f"{'ok  ' if one.is_ok else 'FAIL'} {one.name}: {one.detail}", markup=False)
        if not all(one.is_ok for one in checks):
            raise typer.Exit(1)
