"""Reads web pages: main text, title, date and source without the boilerplate (trafilatura); knows nothing of fetching.

Pages that would be expensive to parse are handed to a process of their own, which can be stopped.
"""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

from trafilatura import bare_extraction
from trafilatura.settings import Document

from index.errors import BadInputError
from index.readers.cleaning import clean_line, clean_text
from index.readers.decoding import decode_html
from index.readers.limits import ReadLimits

# A page without text is reported as a rejection, not in the log as well.
for _name in ("trafilatura", "htmldate"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

_NOTHING_FOUND = "no article text found; save the page in full, or its text as .txt"
# Without the extensive search only dates that the page marks as its own count, not any date named in the text.
_DATE_OPTIONS = {"original_date": True, "extensive_search": False, "outputformat": "%Y-%m-%d"}
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
    markup = decode_html(data)
    return extract(markup) if _is_light(markup) else _extract_apart(markup, limits)


def extract(markup: str) -> dict[str, object]:
    """The article record of a page's markup.

    :raises BadInputError: It holds no article text.
    """
    # A fragment without these is not recognised as a page.
    page = markup if "<html" in markup[:5000].lower() else f"<html><body>{markup}</body></html>"
    try:
        document = bare_extraction(
            page, include_comments=False, with_metadata=True, date_extraction_params=_DATE_OPTIONS
        )
    except Exception as error:  # whatever the parsers raise on a hostile page, it is that page which is bad
        raise BadInputError(f"{_NOTHING_FOUND} (the parser gave up: {type(error).__name__})") from error
    if not isinstance(document, Document) or not (document.text or "").strip():
        raise BadInputError(_NOTHING_FOUND)
    return _record(document)


def _record(document: Document) -> dict[str, object]:
    title = clean_line(document.title or "")
    record: dict[str, object] = {
        "title": title,
        "url": document.url,
        "published_at": document.date,
        "source": document.sitename or document.hostname,
        "text": _with_paragraphs(clean_text(document.text or ""), title),
    }
    return record | ({"author": document.author} if document.author else {})


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


def _extract_apart(markup: str, limits: ReadLimits) -> dict[str, object]:
    command = [sys.executable, "-P", "-m", "index.readers.html_worker", str(limits.max_page_memory_bytes)]
    search_path = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    try:
        finished = subprocess.run(  # noqa: S603 - our own module, no shell, the page goes in as data
            command,
            input=markup.encode("utf-8", "replace"),
            capture_output=True,
            timeout=limits.max_page_seconds,
            env={**os.environ, "PYTHONPATH": search_path},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        reason = f"takes more than {limits.max_page_seconds:g} seconds to parse"
        raise BadInputError(f"{reason}; save its text as .txt") from error
    if finished.returncode != 0:
        raise BadInputError(f"{_NOTHING_FOUND} (the parser ran out of memory or crashed)")
    answer: dict[str, object] = json.loads(finished.stdout)
    if "error" in answer:
        raise BadInputError(str(answer["error"]))
    return answer
