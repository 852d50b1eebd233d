"""Turns feedback into question lines that the evaluation reads; knows nothing of where it is stored.

A line that gives no gold answer says why under "skip", and the evaluation passes it over and counts it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from index.atomic import write_atomically
from index.errors import StorageError
from index.recency import asks_for_news
from qa.date_windows import date_window
from qa.feedback import Feedback

_FILTERS = ("source", "published_after", "published_before")


@dataclass(frozen=True, slots=True)
class Exported:
    """How many lines there are, and how many of them the evaluation will ask."""

    num_lines: int
    num_usable: int

    def to_json(self) -> dict[str, int]:
        return {"lines": self.num_lines, "usable": self.num_usable, "skipped": self.num_lines - self.num_usable}


def question_line(feedback: Feedback) -> dict[str, Any]:
    """``{"id", "question", "answers", "as_of"?, "skip"?}`` with what was said under "feedback".

    A thumb up makes what was answered gold, a refusal too. A thumb down does so with the right answer that was given,
    or, when the answer should not have been given, with none: the question is unanswerable.
    """
    answers, skip = _gold(feedback)
    line: dict[str, Any] = {"id": feedback.feedback_id, "question": feedback.question, "answers": answers}
    as_of = _as_of(feedback)
    if as_of is not None:
        line["as_of"] = as_of
    if skip is not None:
        line["skip"] = skip
    said = feedback.to_json()
    return line | {"feedback": {key: said[key] for key in said if key not in ("id", "question")}}


def export(items: Iterable[Feedback], path: Path) -> Exported:
    """Write a line for each.

    :raises StorageError: If the file cannot be written.
    """
    lines = [question_line(item) for item in items]
    text = "".join(json.dumps(line, ensure_ascii=True) + "\n" for line in lines)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"the folder {path.parent} cannot be created: {error.strerror}") from error
    write_atomically(path, text.encode("ascii"))
    return Exported(len(lines), sum("skip" not in line for line in lines))


def _as_of(feedback: Feedback) -> str | None:
    """The day the question was asked as of; when it was asked, if it is about the present or days seen from then."""
    given = feedback.settings.get("as_of")
    if isinstance(given, str) and given:
        return given
    asked_on = feedback.created_at[:10]
    depends = asks_for_news(feedback.question) or date_window(feedback.question, date.fromisoformat(asked_on))
    return asked_on if depends else None


def _gold(feedback: Feedback) -> tuple[list[str], str | None]:
    """The accepted answers, and why the line is no question with a gold answer."""
    opinion = feedback.opinion
    if any(feedback.settings.get(name) for name in _FILTERS):
        return [], "filtered"
    if opinion.verdict == "down":
        if opinion.right_answer:
            return [opinion.right_answer], None
        if opinion.reason == "not_in_articles":
            return [], None
        return [], opinion.reason or "no_reason"
    if feedback.is_removed:
        return [], "article_removed"
    if feedback.outcome == "answered" and feedback.short_answer:
        return [feedback.short_answer], None
    return [], None if feedback.outcome == "not_in_articles" else feedback.outcome
