"""The process that parses one file: bytes in, article record out as JSON; knows nothing of who asked.

Run as ``python -m index.readers.apart_worker KIND LIMITS`` with the limits as JSON and the file on standard input.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping

from index.child_process import cap_this_process
from index.errors import BadInputError
from index.readers.apart import MAIL_KIND, PAGE_KIND, PDF_KIND, WORD_KIND
from index.readers.docx import extract_docx
from index.readers.eml import extract_eml
from index.readers.html import extract
from index.readers.limits import ReadLimits
from index.readers.pdf import extract_pdf

_PARSERS: Mapping[str, Callable[[bytes, ReadLimits], dict[str, object]]] = {
    PAGE_KIND: lambda data, _limits: extract(data.decode("utf-8")),  # the asking process has decoded it already
    PDF_KIND: extract_pdf,
    WORD_KIND: extract_docx,
    MAIL_KIND: lambda data, limits: extract_eml(data, limits, extract),
}


def main() -> None:
    limits = ReadLimits(**json.loads(sys.argv[2]))
    cap_this_process(limits.max_parser_memory_bytes, max(limits.max_page_seconds, limits.max_document_seconds))
    try:
        answer = parse(sys.argv[1], sys.stdin.buffer.read(), limits)
    except BadInputError as error:
        answer = {"error": str(error)}
    # Plain ASCII: lone surrogates, which a parser may let through, can be written and read back.
    json.dump(answer, sys.stdout)


def parse(kind: str, data: bytes, limits: ReadLimits) -> dict[str, object]:
    """What this process does once its caps are set.

    :raises BadInputError: The parser says so.
    """
    return _PARSERS[kind](data, limits)


if __name__ == "__main__":
    main()
