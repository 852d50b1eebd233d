"""Commands on what people said of answers: list it, and write it as questions that the evaluation reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from index.errors import BadInputError
from qa.cli.console import AsJson, DataDir, configured, one_line_errors, out, print_json
from qa.composition import build_kept
from qa.feedback import Feedback
from qa.feedback_export import export

feedback = typer.Typer(no_args_is_help=True, help="What people said of answers: list it, or export it for evaluation.")


@feedback.command("list")
def list_feedback(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Print what was said of answers, the latest first; not by whom."""
    with one_line_errors():
        items = build_kept(configured(data_dir)).feedback.all()
        if as_json:
            print_json({"feedback": [item.to_json() for item in items]})
            return
        if not items:
            out.print("no feedback yet")
        for item in items:
            _print(item)


@feedback.command("export")
def export_feedback(
    output: Annotated[Path, typer.Option("--out", help="JSONL of questions with gold answers.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Write feedback as questions with gold answers, for scripts/evaluate.py."""
    with one_line_errors():
        if not output.name.endswith(".jsonl"):
            raise BadInputError(f"--out {output} must end in .jsonl, as the evaluation expects")
        exported = export(build_kept(configured(data_dir)).feedback.all(), output)
        if as_json:
            print_json(exported.to_json())
        else:
            skipped = exported.num_lines - exported.num_usable
            out.print(f"{exported.num_usable} questions with a gold answer, {skipped} without: {output}", markup=False)


def _print(item: Feedback) -> None:
    opinion = item.opinion
    given = "the article was removed" if item.is_removed else item.short_answer or item.outcome
    out.print(f"{item.changed_at[:10]} {opinion.verdict}: {item.question} → {given}", markup=False)
    said = [
        opinion.reason and f"reason: {opinion.reason}",
        opinion.right_answer and f"right answer: {opinion.right_answer}",
        opinion.comment and f"comment: {opinion.comment}",
    ]
    for line in filter(None, said):
        out.print(f"    {line}", markup=False)
