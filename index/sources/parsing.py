"""Hands a feed or sitemap to a process of its own, with limits of time and memory; knows nothing of what is in it.

XML parsers have a long history of inputs that cost hours or gigabytes; a process can be stopped, a thread cannot.
Starting one takes about a quarter of a second.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from index.child_process import run_module
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
    head = json.dumps({"kind": kind, "url": url, "charset": charset}).encode()
    seconds = limits.max_document_seconds
    try:
        answer = run_module("index.sources.parse_worker", caps, head + b"\n" + body, max_seconds=seconds)
    except TimeoutError as error:
        raise BadInputError(f"the {kind} takes more than {seconds:g} seconds to parse; it is not read") from error
    except ChildProcessError as error:
        raise BadInputError(f"the {kind} cannot be parsed: the parser ran out of memory or crashed") from error
    if "error" in answer:
        raise BadInputError(f"the {kind} cannot be parsed: {answer['error']}")
    return answer
