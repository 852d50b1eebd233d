"""Keeps the rows of one stack, so that a run that was stopped goes on; knows nothing of their figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scripts.peers.selection import AskedOf, read_lines


class Rows:
    """The rows of one entry and round, in a file; each is there for good as soon as it is added."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.rows: list[dict[str, Any]] = list(map(dict, read_lines(path))) if path.is_file() else []

    def add(self, row: dict[str, Any]) -> None:
        self.rows.append(row)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def has(self, kind: str, question_id: str | None = None) -> bool:
        return any(row["kind"] == kind and row.get("id") == question_id for row in self.rows)

    def is_settled(self, kind: str, question_id: str) -> bool:
        """Whether there is a row of this kind for the question, or the stack failed at it."""
        return self.has(kind, question_id) or self.has("error", question_id)

    def are_complete(self, questions: tuple[AskedOf, ...], num_asked: int) -> bool:
        searched = all(self.has("search", question.question_id) for question in questions)
        asked = all(self.is_settled("ask", question.question_id) for question in questions[:num_asked])
        return searched and asked and self.has("memory")
