"""Keeps what people say of answers: right or not, why, and what would be right; knows nothing of pages.

What is said stays with its conversation and goes with it; where no conversation is kept, it stands by itself.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, get_args

from index.errors import BadInputError
from index.sql import Connection, Row
from qa.kept_file import KeptStore, article_key, timestamp_of
from qa.types import Answer

Verdict = Literal["up", "down"]
Reason = Literal["wrong", "not_in_articles", "wrong_source", "out_of_date", "other"]

MAX_WORDS_CHARS = 1000
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Opinion:
    """What somebody says of an answer; all but the verdict is optional, and only given with a thumb down.

    ``reason`` "not_in_articles": an answer was given though the articles hold none.

    :raises BadInputError: If a value is none of those there are, or too long.
    """

    verdict: Verdict
    reason: Reason | None = None
    comment: str = ""
    right_answer: str = ""

    def __post_init__(self) -> None:
        if self.verdict not in get_args(Verdict):
            raise BadInputError(f"verdict {self.verdict!r} is unknown; use up or down")
        if self.reason is not None and self.reason not in get_args(Reason):
            raise BadInputError(f"reason {self.reason!r} is unknown; use one of {', '.join(get_args(Reason))}")
        for words in (self.comment, self.right_answer):
            if len(words) > MAX_WORDS_CHARS:
                raise BadInputError(f"there are {len(words):,} characters; at most {MAX_WORDS_CHARS:,} are taken")


@dataclass(frozen=True, slots=True)
class Feedback:
    """An opinion on one answer.

    ``question`` can be understood by itself; ``asked`` is how it was put. ``short_answer``: None where none was given,
    and where an article it rests on was removed (``is_removed``). ``number``: of the question in its conversation,
    counted from 0; None once that was asked again.
    """

    feedback_id: str
    opinion: Opinion
    question: str
    asked: str
    outcome: str
    short_answer: str | None
    created_at: str
    changed_at: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    number: int | None = None
    is_removed: bool = False

    def to_json(self) -> dict[str, Any]:
        opinion = self.opinion
        return {
            "id": self.feedback_id,
            "verdict": opinion.verdict,
            "reason": opinion.reason,
            "comment": opinion.comment or None,
            "right_answer": opinion.right_answer or None,
            "question": self.question,
            "asked": self.asked,
            "outcome": self.outcome,
            "short_answer": self.short_answer,
            "article_removed": self.is_removed,
            "changed_at": self.changed_at,
        }


class FeedbackStore:
    """Safe to use from several threads and processes.

    :param max_days: How long feedback without a conversation is kept.
    """

    def __init__(self, store: KeptStore, *, max_days: int = 365) -> None:
        self._store = store
        self._max_days = max_days

    def give(
        self,
        owner: str,
        opinion: Opinion,
        answer: Answer,
        *,
        before: Sequence[Answer] = (),
        settings: Mapping[str, Any] | None = None,
        conversation_id: str | None = None,
        number: int | None = None,
        feedback_id: str | None = None,
    ) -> str:
        """Store an opinion, or change what was said before.

        :param before: The conversation's earlier answers, of which a follow-up may take words.
        :param conversation_id: Where the answer is kept, with its ``number`` there; None when it is not.
        :param feedback_id: What :meth:`give` returned for the same answer before.
        :return: Its id, for changing and taking it back.
        """

        def store(connection: Connection) -> str:
            if feedback_id is not None and self._change(connection, owner, feedback_id, opinion):
                return feedback_id
            new_id = secrets.token_hex(12)
            place = _place(connection, owner, conversation_id, number)
            now = self._store.timestamp()
            connection.execute(
                "INSERT INTO feedback (feedback_id, owner, conversation_id, number, question, asked, settings, "
                "outcome, short_answer, verdict, reason, comment, right_answer, created_at, changed_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(new_id, owner, *place, answer.standalone_question, answer.question),
                    *(json.dumps(dict(settings or {}), ensure_ascii=False), answer.outcome, answer.short_answer),
                    *(*_columns(opinion), now, now),
                ),
            )
            is_followup = answer.standalone_question != answer.question
            connection.executemany(
                "INSERT INTO feedback_articles (feedback_id, article) VALUES (?, ?) ON CONFLICT DO NOTHING",
                [(new_id, key) for key in _article_keys([answer, *(before if is_followup else ())])],
            )
            self._expire(connection)
            return new_id

        return self._store.transact(store)

    def take_back(self, owner: str, feedback_id: str) -> bool:
        """Delete what was said; whether the owner had said it."""
        if not self._store.exists():
            return False
        deleted = self._store.transact(
            lambda connection: (
                connection.execute(
                    "DELETE FROM feedback WHERE feedback_id = ? AND owner = ?", (feedback_id, owner)
                ).rowcount
            )
        )
        return deleted > 0

    def of_conversation(self, owner: str, conversation_id: str) -> dict[int, Feedback]:
        """What an owner said of the answers that a conversation holds now, by their number."""
        with self._store.read() as connection:
            if connection is None:
                return {}
            rows = connection.execute(
                "SELECT * FROM feedback WHERE owner = ? AND conversation_id = ? AND number IS NOT NULL "
                "ORDER BY changed_at",
                (owner, conversation_id),
            ).fetchall()
        return {int(row["number"]): _feedback(row) for row in rows}

    def all(self) -> list[Feedback]:
        """Everybody's, the latest first, without whose it is: for the operator."""
        with self._store.read() as connection:
            if connection is None:
                return []
            rows = connection.execute("SELECT * FROM feedback ORDER BY changed_at DESC, feedback_id").fetchall()
        return [_feedback(row) for row in rows]

    def _change(self, connection: Connection, owner: str, feedback_id: str, opinion: Opinion) -> bool:
        changed = connection.execute(
            "UPDATE feedback SET verdict = ?, reason = ?, comment = ?, right_answer = ?, changed_at = ? "
            "WHERE feedback_id = ? AND owner = ?",
            (*_columns(opinion), self._store.timestamp(), feedback_id, owner),
        )
        return changed.rowcount > 0

    def _expire(self, connection: Connection) -> None:
        oldest = timestamp_of(self._store.now() - timedelta(days=self._max_days))
        connection.execute("DELETE FROM feedback WHERE conversation_id IS NULL AND changed_at < ?", (oldest,))


def _columns(opinion: Opinion) -> tuple[str, str | None, str | None, str | None]:
    return opinion.verdict, opinion.reason, _words(opinion.comment), _words(opinion.right_answer)


def _words(words: str) -> str | None:
    return _CONTROL.sub("", words).strip() or None


def _place(
    connection: Connection, owner: str, conversation_id: str | None, number: int | None
) -> tuple[str | None, int | None]:
    """Where the answer is kept, if it is the owner's and was not deleted meanwhile."""
    found = connection.execute(
        "SELECT 1 FROM exchanges e JOIN conversations c USING (conversation_id) "
        "WHERE c.conversation_id = ? AND c.owner = ? AND e.number = ?",
        (conversation_id, owner, number),
    ).fetchone()
    return (conversation_id, number) if found is not None else (None, None)


def _article_keys(answers: Sequence[Answer]) -> set[str]:
    passages = [citation.retrieved.passage for answer in answers for citation in answer.citations]
    return {article_key(name) for passage in passages for name in (passage.article_id, passage.url) if name}


def _feedback(row: Row) -> Feedback:
    try:
        settings = json.loads(row["settings"])
    except ValueError:
        settings = None
    return Feedback(
        feedback_id=str(row["feedback_id"]),
        opinion=Opinion(
            row["verdict"],
            row["reason"] if row["reason"] in get_args(Reason) else None,
            row["comment"] or "",
            row["right_answer"] or "",
        ),
        question=str(row["question"]),
        asked=str(row["asked"]),
        outcome=str(row["outcome"]),
        short_answer=row["short_answer"],
        created_at=str(row["created_at"]),
        changed_at=str(row["changed_at"]),
        settings=settings if isinstance(settings, dict) else {},
        number=int(row["number"]) if row["number"] is not None else None,
        is_removed=bool(row["is_removed"]),
    )
