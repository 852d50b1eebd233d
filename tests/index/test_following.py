"""A running program follows what another one publishes, between two questions, and no question fails."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from index.retriever import Retriever
from index.snapshot import Snapshot
from tests.fakes import HashEmbedder, numbered_article, numbered_articles, open_parts

_ROOT = Path(__file__).parents[2]
_NUM_GENERATIONS = 20
_NUM_READERS = 4
_POLL_SECONDS = 1.0  # as qa/service.py does

_PUBLISHER = """
import sys, time
from pathlib import Path
from tests.fakes import numbered_article, open_parts

collection = open_parts(Path(sys.argv[1])).collection
for number in range(5, 5 + int(sys.argv[2])):
    name = collection.add([numbered_article(number)]).generation
    print(name, time.time(), flush=True)
    time.sleep(0.3)
"""


@pytest.mark.slow
def test_twenty_generations_of_another_process_are_served_within_two_seconds(tmp_path: Path) -> None:
    parts = open_parts(tmp_path)
    parts.collection.add(numbered_articles(5))
    served_at: dict[str, float] = {}
    failures: list[str] = []
    num_asked = 0
    stop = threading.Event()

    def follow() -> None:
        while not stop.wait(_POLL_SECONDS):
            snapshot = parts.collection.snapshot()
            assert snapshot is not None
            served_at.setdefault(snapshot.generation, time.time())

    def converse() -> None:
        nonlocal num_asked
        retriever = Retriever(HashEmbedder())
        while not stop.is_set():
            snapshot = parts.collection.snapshot()
            try:
                _ask(retriever, snapshot)
            except Exception as error:  # noqa: BLE001 (whatever it is, it failed a question)
                failures.append(repr(error))
            num_asked += 1

    threads = [threading.Thread(target=follow)] + [threading.Thread(target=converse) for _ in range(_NUM_READERS)]
    for thread in threads:
        thread.start()
    try:
        published = _publish(tmp_path)
        time.sleep(2 * _POLL_SECONDS)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert num_asked > 100
    assert len(published) == _NUM_GENERATIONS
    assert parts.collection.status()["generation"] == list(published)[-1]
    delays = [_delay(name, at, published, served_at) for name, at in published.items()]
    assert max(delays) <= 2.0, delays


def _publish(folder: Path) -> dict[str, float]:
    """Names of the generations another process publishes, and when."""
    environment = os.environ | {"PYTHONPATH": str(_ROOT), "OMP_NUM_THREADS": "1"}
    result = subprocess.run(
        [sys.executable, "-c", _PUBLISHER, str(folder), str(_NUM_GENERATIONS)],
        cwd=_ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.split() for line in result.stdout.splitlines()]
    return {name: float(at) for name, at in lines}


def _ask(retriever: Retriever, snapshot: Snapshot | None) -> None:
    """A question and its follow-up, both over the generation that was live when the first was asked."""
    assert snapshot is not None
    for number in (0, 4):
        found = retriever.retrieve(snapshot, f"Who objected to subject{number}?", 3)
        assert found[0].passage.article_id == numbered_article(number).article_id


def _delay(name: str, published_at: float, published: dict[str, float], served_at: dict[str, float]) -> float:
    """Until it or a later one was seen served: one that is replaced at once need never be."""
    later = [some for some in published if some >= name]
    return min(served_at[some] for some in later if some in served_at) - published_at
