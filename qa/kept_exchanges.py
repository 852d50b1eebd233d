"""Writes and reads the questions and answers of kept conversations, sealed; knows not whose conversations they are."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from index.errors import BadInputError
from index.sql import Connection, Row
from qa.answer_json import answer_from_json, article_keys
from qa.kept_file import article_key
from qa.types import Answer

_log = logging.getLogger(__name__)

Lost = Literal["removed", "damaged"]
"""Why an answer cannot be shown any more: an article that it quotes was removed, or its row is damaged."""


@dataclass(frozen=True, slots=True)
class KeptExchange:
    """A question with its answer, or with why that is lost. ``settings``: how it was asked, plain JSON values."""

    question: str
    answer: Answer | None
    settings: Mapping[str, Any] = field(default_factory=dict)
    lost: Lost | None = None


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


def replace_from(connection: Connection, conversation_id: str, number: int, exchanges: Sequence[KeptExchange]) -> None:
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


def read_exchange(conversation_id: str, row: Row) -> KeptExchange:
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
