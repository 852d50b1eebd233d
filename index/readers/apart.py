"""Runs a parser in a process of its own, which is stopped when it takes too long; knows nothing of any format."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from index.errors import BadInputError
from index.readers.limits import ReadLimits

PAGE_KIND, PDF_KIND, WORD_KIND, MAIL_KIND = "html", "pdf", "docx", "eml"


def parse_apart(kind: str, data: bytes, limits: ReadLimits) -> dict[str, object]:
    """The article record that the parser for ``kind`` makes of ``data`` (see :mod:`index.readers.apart_worker`).

    :raises BadInputError: The parser says so, or it was stopped for the time or memory it took, or it crashed.
    """
    seconds = limits.max_page_seconds if kind == PAGE_KIND else limits.max_document_seconds
    command = [sys.executable, "-P", "-m", "index.readers.apart_worker", kind, json.dumps(asdict(limits))]
    search_path = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    try:
        finished = subprocess.run(  # noqa: S603 - our own module, no shell, the file goes in as data
            command,
            input=data,
            capture_output=True,
            timeout=seconds,
            env={**os.environ, "PYTHONPATH": search_path},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BadInputError(f"takes more than {seconds:g} seconds to parse; save its text as .txt") from error
    if finished.returncode != 0:
        reason = "cannot be read: its parser ran out of memory or crashed"
        raise BadInputError(f"{reason}; save its text as .txt")
    answer: dict[str, object] = json.loads(finished.stdout)
    if "error" in answer:
        raise BadInputError(str(answer["error"]))
    return answer
