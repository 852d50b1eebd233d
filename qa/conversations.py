"""Keeps conversations, each of one owner, across refresh and restart; knows nothing of pages or of making answers.

Every method that reads or writes takes the owner, and touches nothing of another's.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from index.sql import Connection
from qa.kept_exchanges import KeptExchange, read_exchange, replace_from
from qa.kept_file import KeptStore, timestamp_of

_SECRET = re.compile(r"[0-9a-f]{64}")
_MAX_TITLE_CHARS = 200
_MAX_EXCHANGES = 500
# Of everybody together: whoever makes up a new secret for each conversation must not fill the disk.
_MAX_IN_ALL = 20_000


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
        self, store: KeptStore, *, is_on: bool = True, max_conversations: int = 200, max_days: int = 365
    ) -> None:
        self._store = store
        self.is_on = is_on
        self._max_conversations = max_conversations
        self._max_days = max_days

    def keeps(self, owner: str) -> bool:
        """Whether this owner's conversations are kept; they are unless somebody said no."""
        if not self.is_on:
            return False
        with self._store.read() as connection:
            return connection is None or _keeps(connection, owner)

    def set_keeps(self, owner: str, keeps: bool) -> None:
        """Keep this owner's conversations from now on, or no longer; what is kept already stays until deleted."""
        self._store.transact(
            lambda connection: connection.execute(
                "INSERT INTO owners (owner, keeps) VALUES (?, ?) "
                "ON CONFLICT (owner) DO UPDATE SET keeps = excluded.keeps",
                (owner, int(keeps)),
            )
        )

    def list(self, owner: str) -> list[Summary]:
        """All of an owner's, the latest first."""
        with self._store.read() as connection:
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
        with self._store.read() as connection:
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
        return KeptConversation(
            conversation_id, int(found[0]), tuple(read_exchange(conversation_id, row) for row in rows)
        )

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
        before = Saved(conversation_id, version) if conversation_id is not None else None
        return self._store.transact(lambda connection: self._save(connection, owner, exchanges, before))

    def delete(self, owner: str, conversation_id: str) -> bool:
        """Delete one with the feedback on it; whether the owner had it."""
        if not self._store.exists():
            return False
        deleted = self._store.transact(
            lambda connection: (
                connection.execute(
                    "DELETE FROM conversations WHERE conversation_id = ? AND owner = ?", (conversation_id, owner)
                ).rowcount
            )
        )
        return deleted > 0

    def delete_all(self, owner: str, *, is_gone: bool = False) -> int:
        """Delete all that is kept of an owner, feedback included; how many conversations there were.

        :param is_gone: The owner does not come back, so that the wish to keep nothing goes too.
        """
        if not self._store.exists():
            return 0

        def delete(connection: Connection) -> int:
            deleted = connection.execute("DELETE FROM conversations WHERE owner = ?", (owner,)).rowcount
            connection.execute("DELETE FROM feedback WHERE owner = ?", (owner,))
            if is_gone:
                connection.execute("DELETE FROM owners WHERE owner = ?", (owner,))
            return deleted

        return self._store.transact(delete)

    def _save(
        self, connection: Connection, owner: str, exchanges: Sequence[KeptExchange], before: Saved | None
    ) -> Saved | None:
        """:param before: What it was kept under; None when it was not kept yet."""
        if not _keeps(connection, owner):
            return None
        number = len(exchanges) - 1
        if before is None or not _is_of_version(connection, owner, before):
            before, number = Saved(secrets.token_hex(16), 0), 0
        saved = Saved(before.conversation_id, before.version + 1)
        connection.execute(
            "INSERT INTO conversations (conversation_id, owner, title, version, changed_at) "
            "VALUES (?, ?, ?, ?, ?) ON CONFLICT (conversation_id) DO UPDATE SET title = excluded.title, "
            "version = excluded.version, changed_at = excluded.changed_at",
            (
                *(saved.conversation_id, owner, exchanges[0].question[:_MAX_TITLE_CHARS]),
                *(saved.version, self._store.timestamp()),
            ),
        )
        replace_from(connection, saved.conversation_id, number, exchanges)
        self._expire(connection, owner)
        return saved

    def _oldest(self) -> str:
        return timestamp_of(self._store.now() - timedelta(days=self._max_days))

    def _expire(self, connection: Connection, owner: str) -> None:
        oldest = self._oldest()
        connection.execute("DELETE FROM conversations WHERE changed_at < ?", (oldest,))
        connection.execute("DELETE FROM feedback WHERE conversation_id IS NULL AND changed_at < ?", (oldest,))
        connection.execute(
            "DELETE FROM conversations WHERE conversation_id IN (SELECT conversation_id FROM conversations "
            "WHERE owner = ? ORDER BY changed_at DESC LIMIT 1000000000 OFFSET ?)",
            (owner, self._max_conversations),
        )
        connection.execute(
            "DELETE FROM conversations WHERE conversation_id IN (SELECT conversation_id FROM conversations "
            "ORDER BY changed_at DESC LIMIT 1000000000 OFFSET ?)",
            (_MAX_IN_ALL,),
        )


def _keeps(connection: Connection, owner: str) -> bool:
    row = connection.execute("SELECT keeps FROM owners WHERE owner = ?", (owner,)).fetchone()
    return row is None or bool(row[0])


def _is_of_version(connection: Connection, owner: str, saved: Saved) -> bool:
    row = connection.execute(
        "SELECT version FROM conversations WHERE conversation_id = ? AND owner = ?", (saved.conversation_id, owner)
    ).fetchone()
    return row is not None and int(row[0]) == saved.version
