"""The process that parses one feed or sitemap: the document in, plain JSON out; judges nothing and fetches nothing.

Run as ``python -m index.sources.parse_worker MAX_MEMORY_BYTES MAX_SECONDS``; on standard input a line of JSON with
kind, url and charset, then the document. No entity is expanded and no other document is opened.
"""

from __future__ import annotations

import codecs
import io
import json
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from html.entities import name2codepoint
from time import struct_time
from typing import Any

import feedparser  # type: ignore[import-untyped]  # comes without type information
from lxml import etree  # type: ignore[import-untyped]  # comes without type information

from index.child_process import cap_this_process

_MAX_ENTRIES = 20_000
_MAX_LOCATIONS = 50_000  # the sitemap protocol's own limit
_ENTITY = re.compile(rb"<!ENTITY\b[^>]*>", re.IGNORECASE)
_HTML_ENTITY = re.compile(rb"&([a-zA-Z][a-zA-Z0-9]{1,30});")
_XML_ENTITIES = ("amp", "lt", "gt", "quot", "apos")
_ENCODING = re.compile(r"(<\?xml[^>]{0,200}?)\sencoding\s*=\s*[\"'][\w.-]{1,40}[\"']")
# Taking one out can make another of what stood around it.
_MAX_ENTITY_ROUNDS = 10
_NO_LOCATIONS = "it lists no addresses"


def main() -> None:
    cap_this_process(int(sys.argv[1]), float(sys.argv[2]))
    task = json.loads(sys.stdin.buffer.readline())
    body = sys.stdin.buffer.read()
    try:
        if task["kind"] == "sitemap":
            answer = read_sitemap(body)
        elif body.lstrip()[:1] == b"{":
            answer = read_json_feed(body)
        else:
            answer = read_feed(body, task["url"], task["charset"])
    except (ValueError, RecursionError, etree.LxmlError) as error:
        answer = {"error": str(error)[:200] or type(error).__name__}
    json.dump(answer, sys.stdout)


def read_feed(body: bytes, url: str, charset: str | None) -> dict[str, Any]:
    """RSS 2.0 and older, RSS 1.0 (RDF) and Atom: title, language and the entries as the feed has them.

    :raises ValueError: It is no feed.
    """
    headers = {"content-location": url, "content-type": "application/xml" + (f"; charset={charset}" if charset else "")}
    body = _HTML_ENTITY.sub(_by_number, _without_entities(body))
    # As a stream, since feedparser takes bytes and strings for file names and addresses first.
    try:
        feed = feedparser.parse(
            io.BytesIO(body), response_headers=headers, sanitize_html=False, resolve_relative_uris=False
        )
    except (LookupError, AttributeError, TypeError) as error:  # what its loose parser raises on some broken markup
        raise ValueError(f"it is no feed (the parser gave up: {type(error).__name__})") from error
    if not feed.get("version") and not feed.entries:
        raise ValueError(f"it is no feed ({_text(feed.get('bozo_exception')) or 'no known root element'})")
    entries = [_feed_entry(entry) for entry in feed.entries[:_MAX_ENTRIES]]
    return {
        "title": _text(feed.feed.get("title")),
        "title_type": _text((feed.feed.get("title_detail") or {}).get("type")),
        "language": _text(feed.feed.get("language")),
        "entries": entries,
    }


def _without_entities(body: bytes) -> bytes:
    """``body`` without the entities that it declares: expat expands them up to some eight million characters.

    What bytes this does not understand (UTF-16 without its mark) still stops there, or at the limits of the process.

    :raises ValueError: Declarations are hidden inside declarations.
    """
    for mark, codec in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if body.startswith(mark):
            text = _ENCODING.sub(r"\1", body[2:].decode(codec, "replace"), count=1)
            body = codecs.BOM_UTF8 + text.encode("utf-8", "replace")
    for _ in range(_MAX_ENTITY_ROUNDS):
        body, num_found = _ENTITY.subn(b"", body)
        if not num_found:
            return body
    raise ValueError("its document type declares entities inside entities")


def _by_number(entity: re.Match[bytes]) -> bytes:
    """&eacute; and the like as &#233;: feeds use them as if they were declared, and a parser may leave them out."""
    name = entity[1].decode()
    return entity[0] if name in _XML_ENTITIES or name not in name2codepoint else b"&#%d;" % name2codepoint[name]


def _feed_entry(entry: Mapping[str, Any]) -> dict[str, str | None]:
    return {
        "title": _text(entry.get("title")),
        "title_type": _text((entry.get("title_detail") or {}).get("type")),
        "link": _text(entry.get("link")),
        "author": _text(entry.get("author")),
        "published": next((_text(entry[key]) for key in ("published", "created", "updated") if key in entry), None),
        "published_utc": _utc(entry, "published_parsed", "created_parsed", "updated_parsed"),
        "changed_utc": _utc(entry, "updated_parsed", "published_parsed"),
        "guid": _text(entry.get("id")),
    }


def read_json_feed(body: bytes) -> dict[str, Any]:
    """JSON Feed 1.x (https://www.jsonfeed.org/version/1.1/) in the same form.

    :raises ValueError: It is no JSON, or not of this form.
    """
    feed = json.loads(body)
    items = feed.get("items") if isinstance(feed, dict) else None
    if not isinstance(items, list):
        raise ValueError("it is JSON without a list of items")
    entries = [_json_entry(item) for item in items[:_MAX_ENTRIES] if isinstance(item, dict)]
    return {"title": _text(feed.get("title")), "language": _text(feed.get("language")), "entries": entries}


def _json_entry(item: Mapping[str, Any]) -> dict[str, str | None]:
    authors = item.get("authors") if isinstance(item.get("authors"), list) else [item.get("author")]
    names = [_text(author.get("name")) for author in authors or () if isinstance(author, dict)]
    published, changed = _text(item.get("date_published")), _text(item.get("date_modified"))
    return {
        "title": _text(item.get("title")),
        "link": _text(item.get("url")),
        "author": ", ".join(name for name in names if name) or None,
        "published": published or changed,
        "changed_utc": changed or published,
        "guid": _text(item.get("id")),
    }


def read_sitemap(body: bytes) -> dict[str, Any]:
    """A sitemap, or an index of sitemaps: its locations with what it says of them.

    :raises ValueError: It lists nothing.
    """
    locations: list[dict[str, str]] = []
    is_index = False
    events = etree.iterparse(
        io.BytesIO(body),
        events=("end",),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        recover=True,
    )
    for _, element in events:
        name = _local_name(element)
        if name in ("url", "sitemap"):
            is_index = is_index or name == "sitemap"
            locations.append(_location(element))
            element.clear()
        if len(locations) >= _MAX_LOCATIONS:
            break
    if not locations:
        raise ValueError(_NO_LOCATIONS)
    return {"is_index": is_index, "locations": locations}


def _location(element: Any) -> dict[str, str]:
    """What an entry says itself and what its news part says; pictures and videos have titles and places, too."""
    fields = {name: node.text for node in element if (name := _local_name(node)) in ("loc", "lastmod")}
    for node in element.iter():
        name = _local_name(node)
        if name in ("publication_date", "title", "language") and "news" in (etree.QName(node).namespace or ""):
            fields.setdefault(name, node.text)
    return {name: text.strip() for name, text in fields.items() if text and text.strip()}


def _local_name(element: Any) -> str:
    # Comments and entities have a function in place of a name.
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def _utc(entry: Mapping[str, Any], *keys: str) -> str | None:
    """The first of feedparser's times that is there and names a moment, as ISO 8601."""
    for key in keys:
        # Asked for by get(), feedparser puts one time in the place of another.
        if key in entry and isinstance(value := entry[key], struct_time | tuple):
            try:
                year, month, day, hour, minute, second = value[:6]
                return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC).isoformat()
            except (ValueError, TypeError):
                continue
    return None


def _text(value: object) -> str | None:
    """Lone surrogates, which JSON can name and nothing can print, become question marks."""
    return str(value).encode("utf-8", "replace").decode("utf-8") if value else None


if __name__ == "__main__":
    main()
