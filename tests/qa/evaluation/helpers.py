"""A made-up stream of three weeks of news with its questions, and an evaluation of it without models."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from index.chunker import ChunkerSettings
from index.retriever import Retriever
from qa.evaluation.run import Options, Parts
from qa.evaluation.scoring import Row, Timing
from qa.evaluation.streaming import PinnedSource
from qa.evaluation.watched_reader import WatchedReader
from qa.pipeline import Pipeline, PipelineSettings
from qa.types import Done, Event
from tests.fakes import HashEmbedder, open_parts
from tests.qa.helpers import PLAIN_CALIBRATION, ScriptedGenerator
from tests.qa.sentence_reader import SentenceReader

WEEKS = ("20240105", "20240112", "20240119")
ARTICLES: list[dict[str, Any]] = [
    {
        "url": "https://coast.example/pier",
        "title": "Lindby opens its pier",
        "published_at": "2024-01-03",
        "text": "The new pier of Lindby opened on Monday. The pier of Lindby cost 12 million euros, the mayor said.",
        "batch": WEEKS[0],
    },
    {
        "url": "https://norwick.example/library",
        "title": "Flood closes Norwick library",
        "published_at": "2024-01-04",
        "text": "A burst pipe flooded the library of Norwick. About 1,200 books of the library were lost in the flood.",
        "batch": WEEKS[0],
    },
    {
        "url": "https://coast.example/pier-again",
        "title": "Pier dearer than thought",
        "published_at": "2024-01-10",
        "text": "The pier of Lindby cost 15 million euros after all. The council of Lindby is not amused by the bill.",
        "batch": WEEKS[1],
    },
    {
        "url": "https://coast.example/ferry",
        "title": "Ferries leave",
        "published_at": "2024-01-17",
        "text": "The pier of Lindby cost 99 million euros, says a new report. Ferries to Korsund left on Tuesday.",
        "batch": WEEKS[2],
    },
]
COST = "What did the pier of Lindby cost?"
QUESTIONS: list[dict[str, Any]] = [
    {"id": "20240105_0", "as_of": "2024/01/05", "question": COST, "answers": ["12 million euros"]},
    {
        "id": "20240105_1",
        "as_of": "2024/01/05",
        "question": "How many books of the library of Norwick were lost?",
        "answers": ["1,200", "about 1,200 books"],
    },
    {"id": "20240112_0", "as_of": "2024/01/12", "question": COST, "answers": ["15 million euros"]},
    {"id": "20240119_0", "as_of": "2024/01/19", "question": COST, "answers": ["99 million euros"]},
]


def write_json_lines(path: Path, records: Sequence[Mapping[str, Any]]) -> Path:
    data = "".join(json.dumps(record) + "\n" for record in records).encode()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return path


class RecordingPipeline(Pipeline):
    """Remembers each question with the addresses of the articles that its passages came from.

    ``kill_after``: how many questions are answered before the next one is struck by a Ctrl-C.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.asked: list[tuple[str, set[str]]] = []
        self.kill_after: int | None = None

    def ask(self, question: str, **options: Any) -> Iterator[Event]:
        if self.kill_after == len(self.asked):
            raise KeyboardInterrupt
        for event in super().ask(question, **options):
            if isinstance(event, Done):
                urls = {r.passage.url for r in event.answer.passages if r.passage.url is not None}
                self.asked.append((question, urls))
            yield event


def make_parts(
    work_dir: Path, generator: ScriptedGenerator | None = None, *, kill_after: int | None = None, **settings: Any
) -> Parts:
    """The parts of an evaluation over a real collection, with a fake embedder."""
    embedder = HashEmbedder()
    index = open_parts(work_dir, embedder=embedder, settings=ChunkerSettings(min_tokens=8, max_tokens=20), keep=1000)
    source, reader = PinnedSource(), WatchedReader(SentenceReader(embedder))
    values: dict[str, Any] = {"min_confidence": 0.5, "min_fast_confidence": 0.0} | settings
    pipeline = RecordingPipeline(
        source,
        Retriever(embedder),
        reader,
        generator,
        embedder_id=embedder.model_id,
        calibration=PLAIN_CALIBRATION,
        settings=PipelineSettings(**values),
    )
    pipeline.kill_after = kill_after
    return Parts(pipeline, source, reader, embedder, index.collection, {"answer": values}, {"chunker": "small"})


def asked(parts: Parts) -> list[tuple[str, set[str]]]:
    assert isinstance(parts.pipeline, RecordingPipeline)
    return parts.pipeline.asked


def make_options(folder: Path, **values: Any) -> Options:
    """Streaming the three weeks in fast mode, from files in ``folder``."""
    articles = write_json_lines(folder / "articles.jsonl.gz", values.pop("article_records", ARTICLES))
    questions = write_json_lines(folder / "questions.jsonl.gz", values.pop("question_records", QUESTIONS))
    defaults: dict[str, Any] = {"articles": articles, "is_stream": True, "mode": "fast"}
    out, work_dir = values.pop("out", folder / "report.json"), values.pop("work_dir", folder / "work")
    return Options(values.pop("questions", questions), out, work_dir, **{**defaults, **values})


def make_row(question_id: str, **values: Any) -> Row:
    """An answered and right row, unless ``values`` say otherwise."""
    defaults: dict[str, Any] = {
        "week": None,
        "question": "Who?",
        "answers": ("Ada",),
        "is_answerable": True,
        "outcome": "answered",
        "short_answer": "Ada",
        "confidence": 0.5,
        "em": 1.0,
        "f1": 1.0,
        "num_passages": 10,
        "gold_rank": 1,
        "gold_rank_deep": 1,
        "num_citations": 1,
        "num_verbatim": 1,
        "num_read": 20,
        "gold_read": True,
        "seconds": Timing(0.1, 0.2, 0.3, 0.4, 0.5),
    }
    return Row(question_id, **{**defaults, **values})


def without_seconds(rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.to_json().items() if key != "seconds"} for row in rows]
