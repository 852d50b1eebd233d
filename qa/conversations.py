"""Keeps conversations, each of one owner, across refresh and restart; knows nothing of pages or of making answers.

Every method that reads or writes takes the owner, and touches nothing of another's.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from sqlite3 import Connection, Row
from typing import Any, Literal

from index.errors import BadInputError
from qa.answer_json import answer_from_json, article_keys
from qa.kept_file import KeptFile, article_key
from qa.types import Answer

_log = logging.getLogger(__name__)

Lost = Literal["removed", "damaged"]
"""Why an answer cannot be shown any more: an article that it quotes was removed, or its row is damaged."""

_SECRET = re.compile(r"[0-9a-f]{64}")
_MAX_TITLE_CHARS = 200
_MAX_EXCHANGES = 500
# Of everybody together: whoever makes up a new secret for each conversation must not fill the disk.
_MAX_IN_ALL = 20_000


@dataclass(frozen=True, slots=True)
class KeptExchange:
    """A question with its answer, or with why that is lost. ``settings``: how it was asked, plain JSON values."""

    question: str
    answer: Answer | None
    settings: Mapping[str, Any] = field(default_factory=dict)
    lost: Lost | None = None


@dataclass(frozen=True, slots=True)
class KeptConversation:
    """``version`` counts its savings: who saves must know the last one (see :meth:`Conversations.save`)."""

    conversation_id: str
    version: int
    exchanges: tuple[KeptExchange, ...]


@dataclass(frozen=True, slots=True)
class Saved:
    conversation_id: str
    version: int


@dataclass(frozen=True, slots=True)
class Summary:
    """A line of the list: ``title`` is the first question, ``changed_at`` an ISO time in UTC."""

    conversation_id: str
    title: str
    changed_at: str
    num_questions: int


def owner_of(user_name: str | None, secret: str | None) -> str | None:
    """Whose conversations these are: the user's, or of whoever has the random secret (64 hexadecimal digits).

    Only a hash of the secret is ever stored. None: nobody's, and nothing is kept.
    """
    if user_name:
        return f"user:{user_name}"
    if secret is None or not _SECRET.fullmatch(secret):
        return None
    return f"secret:{hashlib.sha256(secret.encode('ascii')).hexdigest()}"


class Conversations:
    """Safe to use from several threads and processes.

    :param is_on: False to keep and show nothing at all.
    :param max_conversations: Most of one owner; the oldest go first.
    :param max_days: How long one that is not gone on with is kept.
    """

    def __init__(
        self, file: KeptFile, *, is_on: bool = True, max_conversations: int = 200, max_days: int = 365
    ) -> None:
        self._file = file
        self.is_on = is_on
        self._max_conversations = max_conversations
        self._max_days = max_days

    def keeps(self, owner: str) -> bool:
        """Whether this owner's conversations are kept; they are unless somebody said no."""
        if not self.is_on:
            return False
        with self._file.read() as connection:
            return connection is None or _keeps(connection, owner)

    def set_keeps(self, owner: str, keeps: bool) -> None:
        """Keep this owner's conversations from now on, or no longer; what is kept already stays until deleted."""
        with self._file.write() as connection:
            connection.execute("INSERT OR REPLACE INTO owners (owner, keeps) VALUES (?, ?)", (owner, int(keeps)))

    def list(self, owner: str) -> list[Summary]:
        """All of an owner's, the latest first."""
        with self._file.read() as connection:
            if connection is None or not self.is_on:
                return []
            rows = connection.execute(
                "SELECT conversation_id, title, changed_at, "
                "(SELECT COUNT(*) FROM exchanges e WHERE e.conversation_id = c.conversation_id) AS num_questions "
                "FROM conversations c WHERE owner = ? AND changed_at >= ? ORDER BY changed_at DESC, conversation_id",
                (owner, self._oldest()),
            )
            return [Summary(str(r[0]), str(r[1]), str(r[2]), int(r[3])) for r in rows]

    def load(self, owner: str, conversation_id: str) -> KeptConversation | None:
        """One of an owner's; None when the owner has no such conversation."""
        with self._file.read() as connection:
            if connection is None or not self.is_on:
                return None
            found = connection.execute(
                "SELECT version FROM conversations WHERE conversation_id = ? AND owner = ? AND changed_at >= ?",
                (conversation_id, owner, self._oldest()),
            ).fetchone()
            if found is None:
                return None
            rows = connection.execute(
                "SELECT number, question, settings, answer, seal FROM exchanges WHERE conversation_id = ? "
                "ORDER BY number",
                (conversation_id,),
            ).fetchall()
        return KeptConversation(conversation_id, int(found[0]), tuple(_exchange(conversation_id, row) for row in rows))

    def save(
        self, owner: str, exchanges: Sequence[KeptExchange], conversation_id: str | None = None, version: int = 0
    ) -> Saved | None:
        """Keep a conversation after its last question was answered.

        Only the last exchange is written: the earlier ones are those that were saved or loaded before. When another
        page went on with the conversation meanwhile, or it was deleted, a new one is made of all of them.

        :param version: As of the last saving or loading.
        :return: Under what it is kept now; None when this owner's conversations are not kept.
        """
        if not self.is_on or not exchanges or len(exchanges) > _MAX_EXCHANGES:
            return None
        with self._file.write() as connection:
            if not _keeps(connection, owner):
                return None
            number = len(exchanges) - 1
            if conversation_id is None or not _is_of_version(connection, owner, conversation_id, version):
                conversation_id, version, number = secrets.token_hex(16), 0, 0
            connection.execute(
                "INSERT INTO conversations (conversation_id, owner, title, version, changed_at) "
                "VALUES (?, ?, ?, ?, ?) ON CONFLICT (conversation_id) DO UPDATE SET title = excluded.title, "
                "version = excluded.version, changed_at = excluded.changed_at",
                (conversation_id, owner, exchanges[0].question[:_MAX_TITLE_CHARS], version + 1, self._file.timestamp()),
            )
            _replace_from(connection, conversation_id, number, exchanges)
            self._expire(connection, owner)
        return Saved(conversation_id, version + 1)

    def delete(self, owner: str, conversation_id: str) -> bool:
        """Delete one with the feedback on it; whether the owner had it."""
        if not self._file.exists():
            return False
        with self._file.write() as connection:
            deleted = connection.execute(
                "DELETE FROM conversations WHERE conversation_id = ? AND owner = ?", (conversation_id, owner)
            )
            return deleted.rowcount > 0

    def delete_all(self, owner: str, *, is_gone: bool = False) -> int:
        """Delete all that is kept of an owner, feedback included; how many conversations there were.

        :param is_gone: The owner does not come back, so that the wish to keep nothing goes too.
        """
        if not self._file.exists():
            return 0
        with self._file.write() as connection:
            deleted = connection.execute("DELETE FROM conversations WHERE owner = ?", (owner,))
            connection.execute("DELETE FROM feedback WHERE owner = ?", (owner,))
            if is_gone:
                connection.execute("DELETE FROM owners WHERE owner = ?", (owner,))
            return deleted.rowcount

    def _oldest(self) -> str:
        oldest = self._file.now().astimezone(UTC) - timedelta(days=self._max_days)
        return oldest.isoformat(timespec="microseconds")

    def _expire(self, connection: Connection, owner: str) -> None:
        oldest = self._oldest()
        connection.execute("DELETE FROM conversations WHERE changed_at < ?", (oldest,))
        connection.execute("DELETE FROM feedback WHERE conversation_id IS NULL AND changed_at < ?", (oldest,))
        connection.execute(
            "DELETE FROM conversations WHERE conversation_id IN (SELECT conversation_id FROM conversations "
            "WHERE owner = ? ORDER BY changed_at DESC LIMIT -1 OFFSET ?)",
            (owner, self._max_conversations),
        )
        connection.execute(
            "DELETE FROM conversations WHERE conversation_id IN (SELECT conversation_id FROM conversations "
            "ORDER BY changed_at DESC LIMIT -1 OFFSET ?)",
            (_MAX_IN_ALL,),
        )


def sealed(conversation_id: str, number: int, question: str, answer: str | None) -> bytes:
    """A hash of an exchange: SQLite hands out a row with a flipped bit as if it were whole."""
    whole = json.dumps([conversation_id, number, question, answer], ensure_ascii=False)
    return hashlib.sha256(whole.encode("utf-8", errors="surrogatepass")).digest()[:16]


def kept_json(answer: Answer) -> dict[str, Any]:
    """The answer as it is kept: without notes on earlier amounts.

    Those are the words of an article that the answer does not name, so they could not go when it is removed.
    """
    value = answer.to_json()
    return value | {"notes": [note for note in value["notes"] if note["kind"] != "earlier"]}


def _keeps(connection: Connection, owner: str) -> bool:
    row = connection.execute("SELECT keeps FROM owners WHERE owner = ?", (owner,)).fetchone()
    return row is None or bool(row[0])


def _is_of_version(connection: Connection, owner: str, conversation_id: str, version: int) -> bool:
    row = connection.execute(
        "SELECT version FROM conversations WHERE conversation_id = ? AND owner = ?", (conversation_id, owner)
    ).fetchone()
    return row is not None and int(row[0]) == version


def _replace_from(connection: Connection, conversation_id: str, number: int, exchanges: Sequence[KeptExchange]) -> None:
    """Write the exchanges from ``number`` on in place of all that there were from it on."""
    connection.execute("DELETE FROM exchanges WHERE conversation_id = ? AND number >= ?", (conversation_id, number))
    # The answer that it was about is replaced; it still goes with its conversation.
    connection.execute(
        "UPDATE feedback SET number = NULL WHERE conversation_id = ? AND number >= ?", (conversation_id, number)
    )
    for place, exchange in enumerate(exchanges[number:], number):
        value = kept_json(exchange.answer) if exchange.answer is not None else None
        answer = json.dumps(value, ensure_ascii=False) if value is not None else None
        connection.execute(
            "INSERT INTO exchanges (conversation_id, number, question, settings, answer, seal) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (
                conversation_id,
                place,
                exchange.question,
                json.dumps(dict(exchange.settings), ensure_ascii=False),
                answer,
                sealed(conversation_id, place, exchange.question, answer),
            ),
        )
        note_articles(connection, conversation_id, place, value)


def note_articles(connection: Connection, conversation_id: str, number: int, answer: Mapping[str, Any] | None) -> None:
    """Note which articles an answer's JSON names, in place of what was noted, so that they can be taken out of it."""
    ids, urls = article_keys(answer) if answer is not None else (set(), set())
    connection.execute(
        "DELETE FROM exchange_articles WHERE conversation_id = ? AND number = ?", (conversation_id, number)
    )
    connection.executemany(
        "INSERT INTO exchange_articles (conversation_id, number, article) VALUES (?, ?, ?)",
        [(conversation_id, number, key) for key in sorted({article_key(one) for one in ids | urls})],
    )


def _exchange(conversation_id: str, row: Row) -> KeptExchange:
    """What a row holds; one that is damaged or of an unknown form says so, and is named in the log."""
    number, question, stored = int(row["number"]), str(row["question"]), row["answer"]
    try:
        if bytes(row["seal"] or b"") != sealed(conversation_id, number, question, stored):
            raise BadInputError("it is not what was written")
        settings = json.loads(row["settings"])
        if not isinstance(settings, dict):
            raise BadInputError("its settings are no object")
        answer = answer_from_json(json.loads(stored)) if stored is not None else None
    except (BadInputError, ValueError, TypeError, RecursionError) as error:
        _log.warning("answer %d of the kept conversation %s cannot be read: %s", number + 1, conversation_id, error)
        return KeptExchange(question, None, lost="damaged")
    return KeptExchange(question, answer, settings, None if answer is not None else "removed")
