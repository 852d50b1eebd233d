"""The SQLite file of what people keep: conversations and feedback; knows nothing of what stands in its rows.

It is apart from the library: that is the truth about articles, and may be copied without anybody's questions.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

from index.database import Database
from index.errors import StorageError
from index.sql import Connection

Now = Callable[[], datetime]
_Result = TypeVar("_Result")

SCHEMA = (
    """
CREATE TABLE owners (
    owner TEXT PRIMARY KEY,
    keeps INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE conversations (
    conversation_id TEXT PRIMARY KEY,
    owner           TEXT NOT NULL,
    title           TEXT NOT NULL,
    version         INTEGER NOT NULL,
    changed_at      TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX conversations_owner ON conversations (owner, changed_at);
CREATE INDEX conversations_changed ON conversations (changed_at);
CREATE TABLE exchanges (
    conversation_id TEXT NOT NULL REFERENCES conversations (conversation_id) ON DELETE CASCADE,
    number          INTEGER NOT NULL,
    question        TEXT NOT NULL,
    settings        TEXT NOT NULL,
    answer          TEXT,
    seal            BLOB,
    PRIMARY KEY (conversation_id, number)
) WITHOUT ROWID;
CREATE TABLE exchange_articles (
    conversation_id TEXT NOT NULL,
    number          INTEGER NOT NULL,
    article         TEXT NOT NULL,
    PRIMARY KEY (article, conversation_id, number),
    FOREIGN KEY (conversation_id, number) REFERENCES exchanges (conversation_id, number) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX exchange_articles_exchange ON exchange_articles (conversation_id, number);
CREATE TABLE feedback (
    feedback_id     TEXT PRIMARY KEY,
    owner           TEXT NOT NULL,
    conversation_id TEXT REFERENCES conversations (conversation_id) ON DELETE CASCADE,
    number          INTEGER,
    question        TEXT NOT NULL,
    asked           TEXT NOT NULL,
    settings        TEXT NOT NULL,
    outcome         TEXT NOT NULL,
    short_answer    TEXT,
    verdict         TEXT NOT NULL CHECK (verdict IN ('up', 'down')),
    reason          TEXT,
    comment         TEXT,
    right_answer    TEXT,
    is_removed      INTEGER NOT NULL DEFAULT 0,
    created_at      TEXT NOT NULL,
    changed_at      TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX feedback_conversation ON feedback (conversation_id, number);
CREATE INDEX feedback_owner ON feedback (owner);
CREATE INDEX feedback_changed ON feedback (changed_at);
CREATE TABLE feedback_articles (
    feedback_id TEXT NOT NULL REFERENCES feedback (feedback_id) ON DELETE CASCADE,
    article     TEXT NOT NULL,
    PRIMARY KEY (article, feedback_id)
) WITHOUT ROWID;
CREATE INDEX feedback_articles_feedback ON feedback_articles (feedback_id);
""",
)
"""``article`` is an article's id or one of its addresses, hashed: see :func:`article_key`."""


class KeptStore(Protocol):
    """Where it is kept. Safe to use from several threads and processes."""

    @property
    def now(self) -> Now: ...

    def read(self) -> AbstractContextManager[Connection | None]:
        """A connection for reading; None when nothing was ever kept."""
        ...

    def transact(self, work: Callable[[Connection], _Result]) -> _Result:
        """What ``work`` gives, done in one transaction, and only once it is committed."""
        ...

    def exists(self) -> bool:
        """Whether anything was ever kept."""
        ...

    def timestamp(self) -> str:
        """This moment as text that sorts by time."""
        ...


class KeptFile:
    """``var/conversations.sqlite``, made when something is kept for the first time."""

    def __init__(self, path: Path, now: Now = lambda: datetime.now(UTC)) -> None:
        self.path = path
        self.now = now
        self._lock = threading.Lock()
        self._database: Database | None = None

    @contextmanager
    def read(self) -> Iterator[Connection | None]:
        """A connection for reading; None when nothing was ever kept.

        :raises StorageError: If the file is damaged or cannot be read.
        """
        if not self.path.exists():
            yield None
            return
        with self._opened().read() as connection:
            yield connection

    def transact(self, work: Callable[[Connection], _Result]) -> _Result:
        """What ``work`` gives, done in one transaction, and only once it is committed.

        :raises StorageError: If the file is damaged or cannot be written.
        """
        return self._opened().transact(work)

    def exists(self) -> bool:
        return self.path.exists()

    def timestamp(self) -> str:
        return timestamp_of(self.now())

    def _opened(self) -> Database:
        with self._lock:
            if self._database is None or not self.path.exists():
                self._make_private()
                self._database = Database(self.path, SCHEMA)
            return self._database

    def _make_private(self) -> None:
        """No other user of this machine reads what was asked; SQLite gives its journal the same permissions."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch(mode=0o600)
        except OSError as error:
            raise StorageError(f"{self.path} cannot be written: {error.strerror}; choose another --data-dir") from error


def timestamp_of(moment: datetime) -> str:
    """A moment as text that sorts by time."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def article_key(id_or_url: str) -> str:
    """What stands for an article in the file, which must not keep an address that was removed.

    Not the plain hash of an address: the library makes ids of those.
    """
    return hashlib.sha256(b"kept:" + id_or_url.encode("utf-8", errors="replace")).hexdigest()[:32]
