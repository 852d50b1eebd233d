"""The library's tables on a PostgreSQL server, as numbered steps; knows nothing of passages or of who reads them.

The tables and columns are those of SQLite's file (:mod:`index.database`). Texts compare byte by byte, as they do there.
"""

from __future__ import annotations

from index.database import Database
from index.postgres.servers import Connection

LIBRARY = (
    """
CREATE TABLE articles (
    article_id       TEXT COLLATE "C" PRIMARY KEY,
    url              TEXT COLLATE "C",
    status           TEXT NOT NULL CHECK (status IN ('live', 'removed')),
    current_revision BIGINT,
    changed_at       TEXT COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX articles_url ON articles (url) WHERE url IS NOT NULL;
CREATE INDEX articles_current ON articles (current_revision) WHERE status = 'live';
CREATE INDEX articles_removed ON articles (article_id) WHERE status = 'removed';
CREATE TABLE revisions (
    revision_id  BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    article_id   TEXT COLLATE "C" NOT NULL REFERENCES articles (article_id),
    content_hash TEXT COLLATE "C" NOT NULL,
    text_hash    TEXT COLLATE "C" NOT NULL,
    title        TEXT COLLATE "C" NOT NULL,
    text         TEXT COLLATE "C" NOT NULL,
    url          TEXT COLLATE "C",
    source       TEXT COLLATE "C",
    published_at TEXT COLLATE "C",
    metadata     TEXT COLLATE "C" NOT NULL,
    accepted_at  TEXT COLLATE "C" NOT NULL,
    seal         BYTEA
);
CREATE INDEX revisions_article ON revisions (article_id, revision_id);
CREATE INDEX revisions_text ON revisions (text_hash);
CREATE INDEX revisions_newest ON revisions ((published_at IS NULL), published_at DESC, revision_id DESC);
CREATE INDEX revisions_accepted ON revisions (accepted_at DESC, revision_id DESC);
CREATE TABLE embeddings (
    input_hash BYTEA NOT NULL,
    model_id   TEXT COLLATE "C" NOT NULL,
    article_id TEXT COLLATE "C" NOT NULL,
    vector     BYTEA NOT NULL,
    PRIMARY KEY (input_hash, model_id)
);
CREATE INDEX embeddings_article ON embeddings (article_id);
ALTER TABLE embeddings ALTER COLUMN vector SET STORAGE PLAIN;
CREATE TABLE fetches (
    url           TEXT COLLATE "C" PRIMARY KEY,
    etag          TEXT,
    last_modified TEXT,
    checked_at    TEXT NOT NULL
);
CREATE TABLE removed_addresses (
    url_hash BYTEA PRIMARY KEY
);
CREATE TABLE signatures (
    revision_id BIGINT PRIMARY KEY REFERENCES revisions (revision_id) ON DELETE CASCADE,
    signature   BYTEA NOT NULL
);
CREATE TABLE signature_bands (
    band        BIGINT NOT NULL,
    revision_id BIGINT NOT NULL REFERENCES revisions (revision_id) ON DELETE CASCADE,
    PRIMARY KEY (band, revision_id)
);
CREATE INDEX signature_bands_revision ON signature_bands (revision_id);
CREATE TABLE near_duplicates (
    revision_id       BIGINT NOT NULL REFERENCES revisions (revision_id) ON DELETE CASCADE,
    other_revision_id BIGINT NOT NULL REFERENCES revisions (revision_id) ON DELETE CASCADE,
    PRIMARY KEY (revision_id, other_revision_id)
);
CREATE INDEX near_duplicates_other ON near_duplicates (other_revision_id);
CREATE TABLE removed_revisions (
    revision_id BIGINT PRIMARY KEY
);
CREATE TABLE library_state (
    version     BIGINT NOT NULL,
    transaction XID8 NOT NULL
);
INSERT INTO library_state VALUES (0, pg_current_xact_id());
CREATE FUNCTION note_library_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE library_state SET version = version + 1, transaction = pg_current_xact_id()
    WHERE transaction <> pg_current_xact_id();
    RETURN NULL;
END
$$;
CREATE TRIGGER revisions_changed AFTER INSERT OR DELETE ON revisions
    FOR EACH STATEMENT EXECUTE FUNCTION note_library_change();
CREATE FUNCTION note_removed_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO removed_revisions VALUES (OLD.revision_id) ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
CREATE TRIGGER revisions_removed AFTER DELETE ON revisions
    FOR EACH ROW EXECUTE FUNCTION note_removed_revision();
""",
)
"""``library_state`` has one row: its version changes once in every transaction by which a revision comes or goes.
``removed_revisions``: ids of which an index may still hold something."""

LIBRARY_TABLES = (
    *("articles", "revisions", "embeddings", "fetches", "removed_addresses"),
    *("signatures", "signature_bands", "near_duplicates"),
)
"""Those that the embedded file has, too; each after those that it refers to."""


def highest_revision(library: Database) -> int:
    """The highest id that an embedded library ever gave a revision; 0 for none."""
    with library.read() as file:
        row = file.execute(library.dialect.highest_revision).fetchone()
    return int(row[0]) if row is not None else 0


def keep_numbering(highest: int, connection: Connection) -> None:
    """Go on with revision ids after ``highest``: they are never given twice."""
    if highest:
        connection.execute("SELECT setval('revisions_revision_id_seq', %s)", (highest,))
