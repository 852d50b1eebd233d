"""The process that parses one expensive web page: markup in, article record out as JSON; knows nothing of who asked.

Run as ``python -m index.readers.html_worker MAX_MEMORY_BYTES``, markup on standard input.
"""

from __future__ import annotations

import json
import sys

from index.errors import BadInputError
from index.readers.html import extract


def main() -> None:
    _cap_memory(int(sys.argv[1]))
    try:
        answer = extract(sys.stdin.buffer.read().decode("utf-8"))
    except BadInputError as error:
        answer = {"error": str(error)}
    json.dump(answer, sys.stdout)


def _cap_memory(max_bytes: int) -> None:
    if sys.platform != "win32":
        import resource  # exists on POSIX systems only

        resource.setrlimit(resource.RLIMIT_AS, (max_bytes, max_bytes))


if __name__ == "__main__":
    main()
