"""Tells what a server sent from the bytes themselves, its own word only where they leave a doubt; parses nothing.

Servers lie about types: feeds come as text/html, pages as application/xml, PDF files as octet streams.
"""

from __future__ import annotations

import codecs
import io
import re
import zipfile
from typing import Literal

from index.errors import BadInputError, FetchError
from index.fetching import gunzip
from index.readers.limits import MIB

Kind = Literal["feed", "sitemap", "html", "pdf", "docx", "epub", "eml", "json", "jsonl", "markdown", "text"]

_HEAD_BYTES = 8192
_FEED_ROOTS = {"rss", "rdf", "feed"}
_SITEMAP_ROOTS = {"urlset", "sitemapindex"}
_HTML_ROOTS = {"html", "head", "body", "title", "meta", "link", "script", "style", "div", "article", "main", "section"}
_HTML_ROOTS |= {"p", "h1", "header", "base", "span", "table"}
# Comments and processing instructions may stand before the root, and may name anything.
_PROLOGUE = re.compile(r"<!--.*?-->|<\?.*?\?>", re.DOTALL)
_DOCTYPE = re.compile(r"<!doctype\s+(?P<name>\w+)", re.IGNORECASE)
_ELEMENT = re.compile(r"<(?:[a-zA-Z]\w{0,20}:)?(?P<name>[a-zA-Z]\w{0,40})(?=[\s/>])")
_FEED_TYPES = {"application/rss+xml", "application/atom+xml", "application/rdf+xml", "application/feed+json"}
_READABLE_TYPES = {None, "application/octet-stream", "binary/octet-stream", "text/plain"}
_MAX_UNPACKED_BYTES = 50 * MIB  # what the sitemap protocol allows a sitemap to have


def unpacked(body: bytes) -> bytes:
    """``body``, or what is in it where it is a gzip file (sitemap.xml.gz is sent as such).

    :raises BadInputError: It is damaged, or unpacks to more than 50 MiB.
    """
    if not body.startswith(b"\x1f\x8b"):
        return body
    try:
        return gunzip(body, _MAX_UNPACKED_BYTES)
    except FetchError as error:
        raise BadInputError(f"is a gzip file that cannot be unpacked: {error}") from error


def content_kind(body: bytes, media_type: str | None) -> Kind:
    """What ``body`` is.

    :raises BadInputError: It is nothing that articles come in; the message says what it seems to be.
    """
    if not body.strip():
        raise BadInputError("the server sent an empty page")
    packed = _binary_kind(body, media_type)
    if packed is not None:
        return packed
    head = _head(body)
    if head.startswith(("{", "[")):
        return _json_kind(head, body)
    root = _root(head)
    if root in _FEED_ROOTS or (media_type in _FEED_TYPES and root not in _HTML_ROOTS):
        return "feed"
    if root in _SITEMAP_ROOTS:
        return "sitemap"
    # A text may speak of tags; it is a page in spite of its type only where it begins as one.
    if media_type in ("text/html", "application/xhtml+xml") or (
        root in _HTML_ROOTS and (media_type != "text/plain" or root == "html")
    ):
        return "html"
    if head.startswith("<?xml") or (media_type or "").endswith("xml"):
        raise BadInputError(f"is XML with the root <{root}>; expected an article page, RSS, Atom or a sitemap")
    return _text_kind(media_type)


def _binary_kind(body: bytes, media_type: str | None) -> Kind | None:
    if body[:1024].lstrip().startswith(b"%PDF-"):
        return "pdf"
    if body.startswith(b"PK\x03\x04"):
        return _zip_kind(body)
    is_wide = body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE))
    if b"\0" in body[:_HEAD_BYTES] and not is_wide:
        raise BadInputError(f"is a binary file ({media_type or 'of no stated type'}), not an article page")
    return None


def _zip_kind(body: bytes) -> Kind:
    try:
        names = zipfile.ZipFile(io.BytesIO(body)).namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise BadInputError(f"is a damaged zip file: {error}") from error
    if "word/document.xml" in names:
        return "docx"
    if "META-INF/container.xml" in names:
        return "epub"
    raise BadInputError("is a zip file; download and unpack it, then add the files")


def _json_kind(head: str, body: bytes) -> Kind:
    if '"https://jsonfeed.org/version' in head or "jsonfeed.org\\/version" in head:
        return "feed"
    first_line = body.strip().split(b"\n", 1)[0].strip()
    is_line_by_line = first_line.startswith(b"{") and first_line.endswith(b"}") and b"\n" in body.strip()
    return "jsonl" if is_line_by_line else "json"


def _text_kind(media_type: str | None) -> Kind:
    if media_type == "text/markdown":
        return "markdown"
    if media_type == "message/rfc822":
        return "eml"
    if media_type in _READABLE_TYPES:
        return "text"
    raise BadInputError(f"is {media_type}, which is no article; expected a web page, text, PDF, a feed or a sitemap")


def _head(body: bytes) -> str:
    for mark, codec in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if body.startswith(mark):
            return body[2:_HEAD_BYTES].decode(codec, "replace").lstrip()
    return body.removeprefix(codecs.BOM_UTF8)[:_HEAD_BYTES].decode("utf-8", "replace").lstrip()


def _root(head: str) -> str | None:
    """The name of the first element, without its prefix and in lower case; text before it is passed over.

    Feeds with blank lines, warnings of the server or a doctype in front are common.
    """
    head = _PROLOGUE.sub(" ", head)
    doctype = _DOCTYPE.search(head)
    if doctype and doctype["name"].lower() == "html":
        return "html"
    element = _ELEMENT.search(head)
    return element["name"].lower() if element else None
