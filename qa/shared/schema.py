"""The tables of what app processes share, as numbered steps; knows nothing of articles or passages.

Conversations and feedback have the tables and columns of the embedded file (:mod:`qa.kept_file`).
"""

from __future__ import annotations

from index.postgres.migrations import migrate
from index.postgres.servers import Server

_STEPS = (
    """
CREATE TABLE owners (
    owner TEXT COLLATE "C" PRIMARY KEY,
    keeps INTEGER NOT NULL
);
CREATE TABLE conversations (
    conversation_id TEXT COLLATE "C" PRIMARY KEY,
    owner           TEXT COLLATE "C" NOT NULL,
    title           TEXT NOT NULL,
    version         INTEGER NOT NULL,
    changed_at      TEXT COLLATE "C" NOT NULL
);
CREATE INDEX conversations_owner ON conversations (owner, changed_at);
CREATE INDEX conversations_changed ON conversations (changed_at);
CREATE TABLE exchanges (
    conversation_id TEXT COLLATE "C" NOT NULL REFERENCES conversations (conversation_id) ON DELETE CASCADE,
    number          INTEGER NOT NULL,
    question        TEXT NOT NULL,
    settings        TEXT NOT NULL,
    answer          TEXT,
    seal            BYTEA,
    PRIMARY KEY (conversation_id, number)
);
CREATE TABLE exchange_articles (
    conversation_id TEXT COLLATE "C" NOT NULL,
    number          INTEGER NOT NULL,
    article         TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (article, conversation_id, number),
    FOREIGN KEY (conversation_id, number) REFERENCES exchanges (conversation_id, number) ON DELETE CASCADE
);
CREATE INDEX exchange_articles_exchange ON exchange_articles (conversation_id, number);
CREATE TABLE feedback (
    feedback_id     TEXT COLLATE "C" PRIMARY KEY,
    owner           TEXT COLLATE "C" NOT NULL,
    conversation_id TEXT COLLATE "C" REFERENCES conversations (conversation_id) ON DELETE CASCADE,
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
    created_at      TEXT COLLATE "C" NOT NULL,
    changed_at      TEXT COLLATE "C" NOT NULL
);
CREATE INDEX feedback_conversation ON feedback (conversation_id, number);
CREATE INDEX feedback_owner ON feedback (owner);
CREATE INDEX feedback_changed ON feedback (changed_at);
CREATE TABLE feedback_articles (
    feedback_id TEXT COLLATE "C" NOT NULL REFERENCES feedback (feedback_id) ON DELETE CASCADE,
    article     TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (article, feedback_id)
);
CREATE INDEX feedback_articles_feedback ON feedback_articles (feedback_id);
CREATE TABLE kept_writers ();
CREATE UNLOGGED TABLE request_counts (
    kind   TEXT COLLATE "C" NOT NULL,
    client TEXT COLLATE "C" NOT NULL,
    minute BIGINT NOT NULL,
    num    INTEGER NOT NULL,
    PRIMARY KEY (kind, client, minute)
);
CREATE TABLE keyed_replies (
    owner       TEXT COLLATE "C" NOT NULL,
    key         TEXT COLLATE "C" NOT NULL,
    fingerprint BYTEA NOT NULL,
    reply       TEXT NOT NULL,
    at          TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (owner, key)
);
CREATE INDEX keyed_replies_at ON keyed_replies (at);
CREATE TABLE app_users (
    name          TEXT COLLATE "C" PRIMARY KEY,
    role          TEXT NOT NULL,
    secret_sha256 TEXT NOT NULL,
    created_at    TEXT NOT NULL
);
CREATE TABLE app_users_state (
    version BIGINT NOT NULL
);
INSERT INTO app_users_state VALUES (0);
""",
)
"""Whoever writes what is kept locks ``kept_writers`` first. Counts of requests may be lost with a crash."""


KEPT_TABLES = ("owners", "conversations", "exchanges", "exchange_articles", "feedback", "feedback_articles")
"""Those that the embedded file has, too; each after those that it refers to."""


def make_tables(server: Server) -> None:
    """Make what is missing.

    :raises StorageError: If the server cannot be reached, or its tables are of a newer program.
    """
    migrate(server, "shared", _STEPS)
