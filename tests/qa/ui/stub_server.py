"""The real server over a scripted service, as a process of its own: what the load test loads.

Every answer carries the marker of its question, so that a mixed-up one is noticed, and takes the time it is told to.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterator
from typing import Any

from qa.types import Done, Event, EvidenceFound, Seconds, TextWritten
from qa.ui.exposure import listen
from qa.ui.front_door import AccessSettings
from qa.ui.server import create_site, make_server
from tests.qa.ui.fakes import FakeService, answer

MARKER = re.compile(r"\bmark-[0-9a-z-]+\b")
_NUM_WORDS = 10


class MarkedService(FakeService):
    """Answers every question with its marker.

    :param seconds: How long one takes in mode full; a tenth of it in mode fast.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def ask(self, question: str, **options: Any) -> Iterator[Event]:
        found = MARKER.search(question)
        marker = found.group() if found else "no marker"
        mode = options.get("mode", "full")
        passages = tuple(self.search(question, 2))
        self.asked.clear()
        time.sleep(self._seconds / 10)
        yield EvidenceFound(question, passages)
        for number in range(_NUM_WORDS - 1 if mode == "full" else 0):
            time.sleep(self._seconds / 10)
            yield TextWritten(f"{marker} " * (number + 1))
        seconds = Seconds(0.0, self._seconds / 10, None if mode == "fast" else self._seconds / 5, self._seconds)
        changes = {"short_answer": marker, "answer": marker, "passages": passages, "seconds": seconds}
        yield Done(answer(question, "answered", confidence=0.9, **changes))


def main() -> None:
    """Serve until killed; the first line printed is the address."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="a question in mode full")
    parser.add_argument("--max-queue", type=int, default=64)
    arguments = parser.parse_args()
    listener = listen("127.0.0.1", 0)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    site = create_site(MarkedService(arguments.seconds), access=AccessSettings(), max_queue=arguments.max_queue)
    make_server(site).run(sockets=[listener])


if __name__ == "__main__":
    main()
