"""Asks an index while it is rebuilt again and again; knows nothing of how readers follow a generation.

Every rebuild revises every article, so an answer that mixed two generations would hold two versions. A mixed answer is
one with a passage of a revision that its generation does not hold.
"""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from typing import Any

from index.library import Library
from index.library_listing import LibraryListing, ListFilters
from index.retriever import Retriever
from qa.pipeline import Pipeline
from qa.types import Answer, Done
from tests.fakes import Parts
from tests.qa.sentence_reader import SentenceReader
from tests.torture.channel import Channel, ChannelClosedError
from tests.torture.report import Settings, SuiteReport
from tests.torture.scenario import articles_of, open_scenario
from tests.torture.workers import Worker, Workers

_NUM_READERS = 8
_NUM_REBUILDS = 200
_ARTICLES = range(6)


def plain_pipeline(parts: Parts) -> Pipeline:
    """Answers from evidence alone, with a reader that needs no model."""
    return Pipeline(
        parts.collection,
        Retriever(parts.embedder),
        SentenceReader(parts.embedder),
        None,
        embedder_id=parts.embedder.model_id,
    )


def ask_fast(pipeline: Pipeline, question: str) -> Answer:
    *_, last = pipeline.ask(question, mode="fast")
    assert isinstance(last, Done)
    return last.answer


def revise_all(channel: Channel, *, folder: str) -> None:
    """A worker: for each version received, revise every article to it and rebuild; say what the generation holds."""
    parts = open_scenario(Path(folder), keep=3)
    while True:
        version = int(channel.receive()["version"])
        parts.collection.accept(articles_of(dict.fromkeys(_ARTICLES, version)))
        generation = parts.collection.update()
        channel.send(generation=generation, revisions=current_revisions(parts.library))


def current_revisions(library: Library) -> list[int]:
    return [
        revision.revision_id for revision in LibraryListing(library.database).articles(ListFilters(), limit=1000)[0]
    ]


def ask_until_stopped(channel: Channel, *, folder: str, num_threads: int) -> None:
    """A worker: ask with so many threads until a word comes; say what was seen."""
    parts = open_scenario(Path(folder), keep=3)
    pipeline = plain_pipeline(parts)
    stop = threading.Event()
    seen = [_Seen() for _ in range(num_threads)]
    threads = [
        threading.Thread(target=one.ask_until, args=(pipeline, stop, number), daemon=True)
        for number, one in enumerate(seen)
    ]
    for thread in threads:
        thread.start()
    channel.send(at="ready")
    channel.receive()
    stop.set()
    for thread in threads:
        thread.join(60)
    try:
        channel.send(readers=[one.to_json() for one in seen])
    except ChannelClosedError:
        return


class _Seen:
    """What one reader saw."""

    def __init__(self) -> None:
        self.num_answers = 0
        self.errors: Counter[str] = Counter()
        self.revisions: dict[str, set[int]] = {}
        self.mixed: list[str] = []

    def ask_until(self, pipeline: Pipeline, stop: threading.Event, number: int) -> None:
        while not stop.is_set():
            number = (number + 1) % len(_ARTICLES)
            try:
                self._note(ask_fast(pipeline, f"Which version of the plan was read aloud in place{number}?"))
            except Exception as error:  # noqa: BLE001 (the finding itself)
                self.errors[f"{type(error).__name__}: {error}"] += 1

    def _note(self, answer: Answer) -> None:
        self.num_answers += 1
        passages = [retrieved.passage for retrieved in answer.passages]
        versions = {word for p in passages for word in p.text.split() if word.startswith("Version")}
        if len(versions) != 1:
            self.mixed.append(f"{answer.generation} answered with {sorted(versions)}")
        self.revisions.setdefault(str(answer.generation), set()).update(p.revision_id for p in passages)

    def to_json(self) -> dict[str, Any]:
        revisions = {generation: sorted(ids) for generation, ids in self.revisions.items()}
        return {
            "num_answers": self.num_answers,
            "errors": dict(self.errors),
            "mixed": self.mixed[:10],
            "revisions": revisions,
        }


def run_readers(settings: Settings) -> SuiteReport:
    """200 rebuilds at scale 1.0 before eight threads of one process, and as many before eight processes."""
    report = SuiteReport("readers")
    num_rebuilds = settings.scaled(_NUM_REBUILDS)
    with Workers(settings.work / "workers.log") as workers:
        for turn, (variant, shape) in enumerate({"threads": [_NUM_READERS], "processes": [1] * _NUM_READERS}.items()):
            folder = settings.work / variant
            builder = workers.start("revise-all", folder=str(folder))
            held = dict([_rebuild(builder, 1)])
            readers = [workers.start("ask", folder=str(folder), num_threads=number) for number in shape]
            for reader in readers:
                reader.receive()
            for number in range(num_rebuilds):
                settings.progress(turn * num_rebuilds + number, 2 * num_rebuilds)
                held |= [_rebuild(builder, number + 2)]
                report.count("rebuilds")
            _judge(report, variant, readers, held)
            builder.kill()
            builder.wait()
    settings.progress(2 * num_rebuilds, 2 * num_rebuilds)
    return report.finish()


def _rebuild(builder: Worker, version: int) -> tuple[str, set[int]]:
    reply = builder.ask(version=version)
    if reply is None:
        raise RuntimeError(f"the builder died with status {builder.wait()}")
    return str(reply["generation"]), set(reply["revisions"])


def _judge(report: SuiteReport, variant: str, readers: list[Worker], held: dict[str, set[int]]) -> None:
    generations = set()
    for reader in readers:
        seen = reader.ask(stop=True)
        if seen is None:
            report.blame(variant, [f"a reader died with status {reader.wait()}"])
            continue
        for one in seen["readers"]:
            report.count(f"answers_to_{variant}", one["num_answers"])
            report.blame(variant, [f"{number} times {error}" for error, number in one["errors"].items()])
            report.blame(variant, one["mixed"])
            strangers = {g: sorted(set(ids) - held.get(g, set())) for g, ids in one["revisions"].items()}
            report.blame(variant, [f"{g} answered with revisions {ids}" for g, ids in strangers.items() if ids])
            generations |= set(one["revisions"])
            if one["num_answers"] == 0:
                report.blame(variant, ["a reader got no answer at all"])
        reader.wait()
    report.figures[f"generations_seen_by_{variant}"] = len(generations)
