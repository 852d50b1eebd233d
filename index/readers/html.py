"""Reads web pages: main text, title, author, date, language and source (trafilatura); knows nothing of fetching.

Pages that would be expensive to parse are handed to a process of their own, which can be stopped.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from htmldate import find_date
from lxml.html import HtmlElement  # type: ignore[import-untyped]  # comes without type information
from trafilatura import bare_extraction, load_html
from trafilatura.settings import Document

from index.errors import BadInputError
from index.readers.apart import PAGE_KIND, parse_apart
from index.readers.cleaning import clean_line, clean_text
from index.readers.decoding import decode_html
from index.readers.language import language_code
from index.readers.limits import ReadLimits

# A page without text is reported as a rejection, not in the log as well.
for _name in ("trafilatura", "htmldate"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

_NOTHING_FOUND = "no article text found; save the page in full, or its text as .txt"
# Without the extensive search only dates that the page marks as its own count, not any date named in the text.
_DATE_OPTIONS: dict[str, Any] = {"original_date": True, "extensive_search": False, "outputformat": "%Y-%m-%d"}
_FAR_FUTURE = "2999-12-31"
# Where pages say their language, the surest first.
_LANGUAGE_MARKS = (
    "/html/@lang",
    "/html/@*[local-name()='lang' or name()='xml:lang']",
    "//meta[@property='og:locale']/@content",
    "//meta[translate(@http-equiv, 'CONTELAGU', 'contelagu')='content-language']/@content",
    "//meta[@name='language' or @name='dc.language' or @name='DC.language']/@content",
)
_HOME_PAGE = re.compile(r"https?://[^/?#]+/?", re.IGNORECASE)
# Below these, the slowest pages tried take about two seconds. Some steps of the parsers take quadratic time in the
# number of elements, or of the attributes of one element.
_LIGHT_PAGE_CHARS = 1_000_000
_LIGHT_PAGE_TAGS = 5_000
_LIGHT_TAG_WORDS = 2_000
_LONG_TAG = re.compile(r"<[^<>]{4000,}")


def parse_html(data: bytes, limits: ReadLimits) -> dict[str, object]:
    """The article record of a web page (see :mod:`index.readers.records`).

    :raises BadInputError: The page cannot be decoded, holds no article text, or is too expensive to parse.
    """
    return parse_markup(decode_html(data), limits)


def parse_markup(markup: str, limits: ReadLimits) -> dict[str, object]:
    """As :func:`parse_html`, of markup that is decoded already.

    :raises BadInputError: It holds no article text, or is too expensive to parse.
    """
    return extract(markup) if _is_light(markup) else parse_apart(PAGE_KIND, markup.encode("utf-8", "replace"), limits)


def extract(markup: str) -> dict[str, object]:
    """The article record of a page's markup, however expensive it is to parse.

    :raises BadInputError: It holds no article text.
    """
    # A fragment without these is not recognised as a page.
    page = markup if "<html" in markup[:5000].lower() else f"<html><body>{markup}</body></html>"
    try:
        tree = load_html(page)
        document = tree is not None and bare_extraction(
            tree, include_comments=False, with_metadata=True, date_extraction_params=_DATE_OPTIONS
        )
        language = language_of(tree) if tree is not None else None
        if isinstance(document, Document) and not document.date:
            document.date = _future_date(page)
    except Exception as error:  # whatever the parsers raise on a hostile page, it is that page which is bad
        raise BadInputError(f"{_NOTHING_FOUND} (the parser gave up: {type(error).__name__})") from error
    if not isinstance(document, Document) or not (document.text or "").strip():
        raise BadInputError(_NOTHING_FOUND)
    return _record(document) | ({"language": language} if language else {})


def language_of(tree: HtmlElement) -> str | None:
    """The code of the language that a page says it is in (see :func:`index.readers.language.language_code`)."""
    return language_code(*(mark for path in _LANGUAGE_MARKS for mark in tree.xpath(path)))


def _future_date(page: str) -> str | None:
    """A date that the page marks as its own, but that has not come yet: the usual search passes over these.

    The reader tells such a date from a missing one (:mod:`index.readers.future_dates`).
    """
    date: str | None = find_date(page, **_DATE_OPTIONS, max_date=_FAR_FUTURE)
    return date


def _record(document: Document) -> dict[str, object]:
    title = clean_line(document.title or "")
    author = clean_line(document.author or "")
    # A home page as the canonical address is a common mistake: it would make one article of all pages of the site.
    url = None if _HOME_PAGE.fullmatch(document.url or "") else document.url
    record: dict[str, object] = {
        "title": title,
        "url": url,
        "published_at": document.date,
        "source": document.sitename or document.hostname,
        "text": _with_paragraphs(clean_text(document.text or ""), title),
    }
    return record | ({"author": author} if author else {})


def _with_paragraphs(text: str, title: str) -> str:
    """Lines as paragraphs, list items and table rows as lines; a first line that is the title goes."""
    lines = [line for line in text.split("\n") if line and not re.fullmatch(r"[|\- ]+", line)]
    if len(lines) > 1 and lines[0] == title:
        del lines[0]
    parts: list[str] = []
    previous = ""
    for line in lines:
        mark = line[:2] if line.startswith(("- ", "| ")) else ""
        parts += ["\n" if mark and mark == previous else "\n\n", line.strip("| ") if mark == "| " else line]
        previous = mark
    return "".join(parts[1:])


def _is_light(markup: str) -> bool:
    return (
        len(markup) <= _LIGHT_PAGE_CHARS
        and markup.count("<") <= _LIGHT_PAGE_TAGS
        and all(len(re.split(r"[\s\"'/]", tag)) <= _LIGHT_TAG_WORDS for tag in _LONG_TAG.findall(markup))
    )
