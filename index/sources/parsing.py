"""Hands a feed or sitemap to a process of its own, with limits of time and memory; knows nothing of what is in it.

XML parsers have a long history of inputs that cost hours or gigabytes; a process can be stopped, a thread cannot.
Starting one takes about a quarter of a second.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

from index.errors import BadInputError
from index.readers.limits import ReadLimits


def parse_apart(
    kind: Literal["feed", "sitemap"], body: bytes, *, url: str, charset: str | None, limits: ReadLimits
) -> dict[str, Any]:
    """What :mod:`index.sources.parse_worker` makes of ``body``.

    :param url: What relative links in it are resolved against.
    :raises BadInputError: It cannot be parsed, or not within the limits.
    """
    caps = [str(limits.max_parser_memory_bytes), str(limits.max_document_seconds)]
    command = [sys.executable, "-P", "-m", "index.sources.parse_worker", *caps]
    search_path = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    head = json.dumps({"kind": kind, "url": url, "charset": charset}).encode()
    try:
        finished = subprocess.run(  # noqa: S603 - our own module, no shell, the document goes in as data
            command,
            input=head + b"\n" + body,
            capture_output=True,
            timeout=limits.max_document_seconds,
            env={**os.environ, "PYTHONPATH": search_path},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        reason = f"takes more than {limits.max_document_seconds:g} seconds to parse"
        raise BadInputError(f"the {kind} {reason}; it is not read") from error
    if finished.returncode != 0:
        raise BadInputError(f"the {kind} cannot be parsed: the parser ran out of memory or crashed")
    answer: dict[str, Any] = json.loads(finished.stdout)
    if "error" in answer:
        raise BadInputError(f"the {kind} cannot be parsed: {answer['error']}")
    return answer
