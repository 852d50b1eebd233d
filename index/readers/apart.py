"""Runs a parser in a process of its own, which is stopped when it takes too long; knows nothing of any format."""

from __future__ import annotations

import json
from dataclasses import asdict

from index.child_process import run_module
from index.errors import BadInputError
from index.readers.limits import ReadLimits

PAGE_KIND, PDF_KIND, WORD_KIND, MAIL_KIND = "html", "pdf", "docx", "eml"


def parse_apart(kind: str, data: bytes, limits: ReadLimits) -> dict[str, object]:
    """The article record that the parser for ``kind`` makes of ``data`` (see :mod:`index.readers.apart_worker`).

    :raises BadInputError: The parser says so, or it was stopped for the time or memory it took, or it crashed.
    """
    seconds = limits.max_page_seconds if kind == PAGE_KIND else limits.max_document_seconds
    arguments = [kind, json.dumps(asdict(limits))]
    try:
        answer = run_module("index.readers.apart_worker", arguments, data, max_seconds=seconds)
    except TimeoutError as error:
        raise BadInputError(f"takes more than {seconds:g} seconds to parse; save its text as .txt") from error
    except ChildProcessError as error:
        reason = "cannot be read: its parser ran out of memory or crashed"
        raise BadInputError(f"{reason}; save its text as .txt") from error
    if "error" in answer:
        raise BadInputError(str(answer["error"]))
    return answer
