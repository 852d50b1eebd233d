"""Lets article after article arrive in a running app and watches what it holds on to; knows nothing of why it grows."""

from __future__ import annotations

import ctypes
import gc
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from qa import composition
from qa.service import Service
from tests.fakes import numbered_article
from tests.torture.channel import Channel
from tests.torture.readers import ask_fast, plain_pipeline
from tests.torture.report import Settings, SuiteReport
from tests.torture.scenario import open_scenario
from tests.torture.workers import Worker, Workers

_NUM_ARRIVALS = 500
_ARRIVALS_PER_SAMPLE = 5
_QUESTIONS_PER_ARRIVAL = 3
_READY_SECONDS = 60.0
_SETTLE_SECONDS = 1.0
_TANTIVY_THREAD = "thread-tantivy"
_OPEN_INDEX_THREADS = 1  # the one of the generation that is served
_LIMITS = {"memory_mib": 2.0, "open_files": 1.0, "mapped_files": 5.0, "threads": 0.5}
"""What each may grow by in 100 arrivals: the articles themselves take room, nothing else may."""


def serve_arrivals(channel: Channel, *, folder: str) -> None:
    """A worker: a running app. For each number received it may take that article, is asked, and says what it holds."""
    parts = open_scenario(Path(folder), keep=3)
    pipeline = plain_pipeline(parts)
    service = Service(lambda report: composition.Parts(parts.collection, pipeline, parts.embedder, None))
    service.start()
    deadline = time.monotonic() + _READY_SECONDS
    while not service.loading().is_ready and time.monotonic() < deadline:
        time.sleep(0.01)
    channel.send(at="ready" if service.loading().is_ready else "never ready")
    while True:
        message = channel.receive()
        number = int(message["number"])
        if message["inside"]:
            arrive(service.collection, number)
        asked = [number, number // 2, number // 3][:_QUESTIONS_PER_ARRIVAL]
        answers = [ask_fast(pipeline, f"Who objected to subject{n}?") for n in asked]
        found = {retrieved.passage.article_id for retrieved in answers[0].passages}
        held = held_by_this_process(Path(folder)) if message["sample"] else {}
        channel.send(is_found=numbered_article(number).article_id in found, held=held)


def arrive(collection: Any, number: int) -> None:
    """A new article; every fifth time an old one is revised with it, every seventeenth one is removed."""
    articles = [numbered_article(number)]
    if number % 5 == 4:
        articles.append(numbered_article(number - 3, version=number))
    collection.add(articles)
    if number % 17 == 16:
        collection.remove([numbered_article(number - 11).article_id])


def arrive_outside(channel: Channel, *, folder: str) -> None:
    """A worker: another program that adds articles to the same folder."""
    collection = open_scenario(Path(folder), keep=3).collection
    while True:
        arrive(collection, int(channel.receive()["number"]))
        channel.send(done=True)


def held_by_this_process(folder: Path) -> dict[str, float]:
    """What Linux says of this process: memory of its own, open files, mapped files of the index, threads."""
    _settle()
    # Not the shared pages of mapped files: those belong to the system's cache.
    _, resident, shared, *_ = Path("/proc/self/statm").read_text().split()
    return {
        "memory_mib": (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE") / 2**20,
        "open_files": len(os.listdir("/proc/self/fd")),
        "mapped_files": Path("/proc/self/maps").read_text().count(str(folder)),
        "threads": len(_threads()),
    }


def _settle() -> None:
    """Let what is on its way out go, so that what stays can be told from it.

    tantivy's threads end some time after their writer is dropped, and the C library keeps freed memory for later.
    """
    gc.collect()
    deadline = time.monotonic() + _SETTLE_SECONDS
    while len(_tantivy_threads()) > _OPEN_INDEX_THREADS and time.monotonic() < deadline:
        time.sleep(0.02)
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's own
    if trim is not None:
        trim(0)


def _tantivy_threads() -> list[str]:
    return [name for name in _threads() if name.startswith(_TANTIVY_THREAD)]


def _threads() -> list[str]:
    names = []
    for path in Path("/proc/self/task").glob("*/comm"):
        with suppress(OSError):  # it has ended since it was listed
            names.append(path.read_text())
    return names


def slope_per_hundred(numbers: Sequence[int], values: Sequence[float]) -> float:
    """Growth in 100 arrivals by least squares."""
    return float(np.polyfit(np.array(numbers) / 100.0, np.array(values), 1)[0])


def run_endurance(settings: Settings) -> SuiteReport:
    """500 arrivals at scale 1.0, of which the first fifth warms up; every second one comes from another program."""
    report = SuiteReport("endurance")
    num_arrivals = settings.scaled(_NUM_ARRIVALS, at_least=40)
    folder = settings.work / "data"
    samples: list[tuple[int, dict[str, float]]] = []
    with Workers(settings.work / "workers.log") as workers:
        outside = workers.start("arrive-outside", folder=str(folder))
        app = workers.start("serve-arrivals", folder=str(folder))
        if (app.receive() or {}).get("at") != "ready":
            raise RuntimeError("the app did not become ready")
        for number in range(num_arrivals):
            settings.progress(number, num_arrivals)
            is_sample = number >= num_arrivals // 5 and number % _ARRIVALS_PER_SAMPLE == 0
            held = _arrive(report, app, outside, number, sample=is_sample)
            if is_sample:
                samples.append((number, held))
        for worker in (app, outside):
            worker.kill()
            worker.wait()
    _judge(report, samples, num_arrivals)
    settings.progress(num_arrivals, num_arrivals)
    return report.finish()


def _arrive(report: SuiteReport, app: Worker, outside: Worker, number: int, *, sample: bool) -> dict[str, float]:
    is_inside = number % 2 == 0
    if not is_inside and outside.ask(number=number) is None:
        raise RuntimeError(f"the other program died with status {outside.wait()}")
    reply = app.ask(number=number, inside=is_inside, sample=sample)
    if reply is None:
        raise RuntimeError(f"the app died with status {app.wait()}")
    report.count("arrivals")
    if not reply["is_found"]:
        report.blame(f"arrival {number}", ["the article is not found by the next question"])
    held: dict[str, float] = reply["held"]
    return held


def _judge(report: SuiteReport, samples: Sequence[tuple[int, dict[str, float]]], num_arrivals: int) -> None:
    numbers = [number for number, _ in samples]
    is_long_enough = num_arrivals >= _NUM_ARRIVALS
    for name, limit in _LIMITS.items():
        values = [held[name] for _, held in samples]
        slope = slope_per_hundred(numbers, values)
        report.figures |= {f"{name}_first": values[0], f"{name}_last": values[-1]}
        report.figures[f"{name}_slope_per_100_arrivals"] = slope
        # A short run is all warming up: its slope of memory says nothing; of the rest a leak must come every time.
        is_judged = is_long_enough or name != "memory_mib"
        if is_judged and slope > (limit if is_long_enough else 10 * limit):
            report.blame(name, [f"grows by {slope:.2f} in 100 arrivals; at most {limit} is expected"])
