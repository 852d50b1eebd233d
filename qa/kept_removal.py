"""Takes removed articles out of kept conversations and feedback; knows nothing of the library they were removed from.

An answer that cites a removed article goes, and its question stays; of others only what names or quotes the article.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Set
from typing import Any

from index.sql import Connection, Row, marks
from qa.answer_json import article_keys
from qa.kept_exchanges import note_articles, sealed
from qa.kept_file import KeptStore, article_key

_MAX_VARIABLES = 500


class KeptRemoval:
    """What :class:`index.collection.Collection` tells of articles that are removed."""

    def __init__(self, store: KeptStore) -> None:
        self._store = store

    def forget(self, article_ids: Set[str], urls: Set[str]) -> None:
        """Keep no words of these articles any more.

        :raises StorageError: If the file cannot be written.
        """
        if not self._store.exists():
            return
        keys = {article_key(one) for one in {*article_ids, *urls}}

        def forget(connection: Connection) -> None:
            for row in _naming(connection, "exchange_articles", "conversation_id, number", keys):
                _rewrite(connection, str(row[0]), int(row[1]), article_ids, urls)
            for row in _naming(connection, "feedback_articles", "feedback_id", keys):
                connection.execute(
                    "UPDATE feedback SET short_answer = NULL, question = asked, is_removed = 1 WHERE feedback_id = ?",
                    (row[0],),
                )
                connection.execute("DELETE FROM feedback_articles WHERE feedback_id = ?", (row[0],))

        self._store.transact(forget)


def _naming(connection: Connection, table: str, columns: str, keys: Set[str]) -> list[Row]:
    found: dict[tuple[Any, ...], Row] = {}
    for some in _groups(sorted(keys)):
        rows = connection.execute(f"SELECT DISTINCT {columns} FROM {table} WHERE article IN ({marks(some)})", some)  # noqa: S608 (constant names)
        found |= {tuple(row): row for row in rows}
    return list(found.values())


def _groups(keys: list[str]) -> Iterable[list[str]]:
    return (keys[first : first + _MAX_VARIABLES] for first in range(0, len(keys), _MAX_VARIABLES))


def _rewrite(connection: Connection, conversation_id: str, number: int, article_ids: Set[str], urls: Set[str]) -> None:
    row = connection.execute(
        "SELECT question, answer FROM exchanges WHERE conversation_id = ? AND number = ?", (conversation_id, number)
    ).fetchone()
    if row is None or row["answer"] is None:
        return
    try:
        answer = without(json.loads(row["answer"]), article_ids, urls)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        answer = None  # damaged: what it quotes cannot be told
    _store(connection, conversation_id, number, str(row["question"]), answer)
    note_articles(connection, conversation_id, number, answer)
    if answer is None:
        _forget_understanding(connection, conversation_id, number)


def without(answer: dict[str, Any], article_ids: Set[str], urls: Set[str]) -> dict[str, Any] | None:
    """An answer's JSON with no word of these articles; None when it rests on one of them."""
    if any(_is_of(citation, article_ids, urls) for citation in answer["citations"]):
        return None
    kept = {
        "citations": [_without_copies(one, article_ids, urls) for one in answer["citations"]],
        "passages": [
            _without_copies(one, article_ids, urls) for one in answer["passages"] if not _is_of(one, article_ids, urls)
        ],
        "notes": [],
    }
    window = answer.get("date_window")
    if window and window.get("source") and window["source"]["article_id"] in article_ids:
        kept["date_window"] = window | {"source": None}
    rewritten = answer | kept
    found_ids, found_urls = article_keys(rewritten)
    return None if found_ids & article_ids or found_urls & urls else rewritten


def _without_copies(place: dict[str, Any], article_ids: Set[str], urls: Set[str]) -> dict[str, Any]:
    copies = [one for one in place.get("also_in", []) if not _is_of(one, article_ids, urls)]
    return place | {"also_in": copies}


def _is_of(place: Mapping[str, Any], article_ids: Set[str], urls: Set[str]) -> bool:
    return place["article_id"] in article_ids or place["url"] in urls


def _store(
    connection: Connection, conversation_id: str, number: int, question: str, answer: dict[str, Any] | None
) -> None:
    text = json.dumps(answer, ensure_ascii=False) if answer is not None else None
    connection.execute(
        "UPDATE exchanges SET answer = ?, seal = ? WHERE conversation_id = ? AND number = ?",
        (text, sealed(conversation_id, number, question, text), conversation_id, number),
    )


def _forget_understanding(connection: Connection, conversation_id: str, number: int) -> None:
    """A follow-up may have been understood by words of the answer that went: only the words asked stay."""
    rows = connection.execute(
        "SELECT number, question, answer FROM exchanges "
        "WHERE conversation_id = ? AND number > ? AND answer IS NOT NULL",
        (conversation_id, number),
    ).fetchall()
    for row in rows:
        try:
            answer = json.loads(row["answer"]) | {"standalone_question": row["question"]}
        except (ValueError, TypeError, RecursionError):
            answer = None
        _store(connection, conversation_id, int(row["number"]), str(row["question"]), answer)
    connection.execute(
        "UPDATE feedback SET question = asked WHERE conversation_id = ? AND number > ?", (conversation_id, number)
    )
