"""Turns one article record, as in the JSON lines contract, into an Article; knows nothing of files or formats.

The keys are text (required), url, title, published_at, source and article_id; all others become metadata.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from index.dates import parse_date
from index.errors import BadInputError
from index.readers.cleaning import clean_line, clean_text
from index.readers.limits import DEFAULT_LIMITS, ReadLimits
from index.types import Article, Rejection, make_article

_KNOWN_KEYS = frozenset({"text", "url", "title", "published_at", "source", "article_id"})
_MAX_TITLE_CHARS = 300
_MAX_LABEL_CHARS = 200
_MAX_URL_CHARS = 4_000
_MAX_METADATA_DEPTH = 20
_WEB_ADDRESS = re.compile(r"https?://[^\s<>\"\\\x00-\x20\x7f]+", re.IGNORECASE)


def article_from_mapping(
    mapping: object, item: str, *, identity: str | None = None, limits: ReadLimits = DEFAULT_LIMITS
) -> Article | Rejection:
    """The article that a record describes, or the reason why it describes none.

    A ``published_at`` or ``url`` that cannot be understood costs the article only that field; what was given is kept
    in the metadata as ``published_at_raw`` or ``url_raw``.

    :param mapping: The record; anything but a mapping with string keys is rejected.
    :param item: What to call the record in a rejection, such as "articles.jsonl:17".
    :param identity: What makes later readings revisions of this article when it has neither url nor article_id.
    """
    try:
        return _article(mapping, identity, limits)
    except BadInputError as error:
        return Rejection(item, str(error))


def _article(record: object, identity: str | None, limits: ReadLimits) -> Article:
    if not isinstance(record, Mapping):
        raise BadInputError(f"must be an object with at least a text, not a {type(record).__name__}")
    text = _required_text(record, limits)
    metadata = {clean_line(str(key)): _plain(value) for key, value in record.items() if key not in _KNOWN_KEYS}
    url = _web_address(record, metadata)
    return make_article(
        text,
        title=_shortened(_line(record, "title"), _MAX_TITLE_CHARS),
        url=url,
        source=_shortened(_line(record, "source"), _MAX_LABEL_CHARS) or _host(url),
        published_at=_published_at(record, metadata),
        article_id=_article_id(record),
        identity=identity,
        metadata=metadata,
    )


def _required_text(record: Mapping[str, object], limits: ReadLimits) -> str:
    raw = _string(record, "text")
    if raw is None:
        raise BadInputError('has no text; every article needs a "text"')
    text = clean_text(raw)
    if not text:
        raise BadInputError("its text is empty")
    if len(text) > limits.max_article_chars:
        reason = f"its text has {len(text):,} characters; at most {limits.max_article_chars:,} are taken"
        raise BadInputError(f"{reason}, so split it")
    return text


def _web_address(record: Mapping[str, object], metadata: dict[str, Any]) -> str | None:
    raw = _string(record, "url")
    url = (raw or "").strip()
    if not url:
        return None
    if len(url) <= _MAX_URL_CHARS and _WEB_ADDRESS.fullmatch(url) and clean_text(url) == url and _host(url):
        return url
    metadata["url_raw"] = _plain(raw)
    return None


def _host(url: str | None) -> str | None:
    """The host name that stands for a source: "www.example.com" and "example.com" are one."""
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # reading the port checks it
    except ValueError:
        return None
    return (host or "").removeprefix("www.") or None


def _published_at(record: Mapping[str, object], metadata: dict[str, Any]) -> str | None:
    raw = record.get("published_at")
    try:
        return parse_date(raw)
    except BadInputError:
        metadata["published_at_raw"] = _plain(raw)
        return None


def _article_id(record: Mapping[str, object]) -> str | None:
    article_id = _line(record, "article_id")
    if article_id and len(article_id) > _MAX_LABEL_CHARS:
        raise BadInputError(f"its article_id has {len(article_id)} characters; at most {_MAX_LABEL_CHARS} are taken")
    return article_id


def _line(record: Mapping[str, object], key: str) -> str | None:
    return clean_line(_string(record, key) or "") or None


def _string(record: Mapping[str, object], key: str) -> str | None:
    value = record.get(key)
    if value is None or isinstance(value, str):
        return value
    raise BadInputError(f"its {key} must be a string, not a {type(value).__name__}")


def _shortened(line: str | None, max_chars: int) -> str | None:
    return line if line is None or len(line) <= max_chars else line[: max_chars - 1].rstrip() + "…"


def _plain(value: object, depth: int = 0) -> Any:
    """``value`` as plain JSON data without lone surrogates; numbers that JSON lacks (NaN, infinity) become None.

    :raises BadInputError: It is nested too deeply or of a type that JSON has no form for.
    """
    if depth > _MAX_METADATA_DEPTH:
        raise BadInputError(f"its metadata is nested more than {_MAX_METADATA_DEPTH} levels deep")
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {clean_line(str(key)): _plain(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner, depth + 1) for inner in value]
    raise BadInputError(f"its metadata holds a {type(value).__name__}, which JSON has no form for")
