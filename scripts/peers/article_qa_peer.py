"""Article QA itself, through its library, by the same protocol as the others; knows nothing of the comparison.

``search`` finds passages by words and meaning and answers nothing; ``fast`` also reads them and answers from the
evidence alone; ``full`` lets the model judge and write, ``full-openvino`` in its faster engine.
``fast-undated`` and ``full-undated`` are not told the day of the question.
The model runs in this process or in one below it, as it does when it is served.
"""

from __future__ import annotations

from qa.generators.cpu_cores import limit_spinning

limit_spinning()  # OpenMP reads it when torch or faiss is imported, which the next lines do

# ruff: noqa: E402
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from index.readers import article_from_mapping
from index.types import Article as IndexedArticle
from index.types import Passage
from qa.composition import build_parts
from qa.config import load_config
from qa.prompts import passage_header
from qa.types import Answer, Done, EvidenceFound, Mode, TextWritten
from scripts.peers.protocol import Article, OnPiece, Order, Reply, main

_PACKAGES = ("article-qa", "faiss-cpu", "openvino", "openvino-genai", "tantivy", "xllamacpp")


class ArticleQaStack:
    """A :class:`scripts.peers.protocol.Stack`."""

    def __init__(self, order: Order) -> None:
        self._knows_day = not order.setting.endswith("-undated")
        self._setting = order.setting.removesuffix("-undated").removesuffix("-openvino")
        config = load_config(data_dir=Path(order.work_dir))
        if order.setting.endswith("-openvino"):
            generator = config.generator.model_copy(update={"engine": "openvino"})
            config = config.model_copy(update={"generator": generator})
        self._parts = build_parts(config, with_reader=self._setting != "search", with_generator=self._setting == "full")

    def index(self, articles: Sequence[Article]) -> int:
        read = [article_from_mapping(article, str(place)) for place, article in enumerate(articles)]
        accepted = [item for item in read if isinstance(item, IndexedArticle)]
        if len(accepted) != len(read):
            raise ValueError(f"{len(read) - len(accepted)} articles were refused")
        self._parts.collection.add(accepted)
        return int(self._parts.collection.status()["num_passages"])

    def search(self, question: str, as_of: str | None, k: int) -> list[str]:
        """Where passages are read, the order is that of the answer, and the time is that of searching and reading."""
        if self._setting == "search":
            found = self._parts.pipeline.search(question, k, as_of=self._day(as_of))
            return [_as_given(retrieved.passage) for retrieved in found]
        answer, _ = self._answered(question, as_of, "fast", lambda piece: None)
        return [_as_given(retrieved.passage) for retrieved in answer.passages][:k]

    def ask(self, question: str, as_of: str | None, on_piece: OnPiece) -> Reply:
        answer, evidence_seconds = self._answered(
            question, as_of, "full" if self._setting == "full" else "fast", on_piece
        )
        return Reply(answer.short_answer or "", answer.answer, evidence_seconds)

    def _answered(self, question: str, as_of: str | None, mode: Mode, on_piece: OnPiece) -> tuple[Answer, float | None]:
        """The answer, and the seconds until the evidence with its own answer was there."""
        started, evidence_seconds = time.perf_counter(), None
        for event in self._parts.pipeline.ask(question, as_of=self._day(as_of), mode=mode):
            if isinstance(event, EvidenceFound):
                evidence_seconds = time.perf_counter() - started
            elif isinstance(event, TextWritten):
                on_piece(event.draft)
            elif isinstance(event, Done):
                on_piece(event.answer.answer)
                return event.answer, evidence_seconds
        raise RuntimeError("the pipeline ended without an answer")

    def _day(self, as_of: str | None) -> date | None:
        return date.fromisoformat(as_of) if as_of and self._knows_day else None


def _as_given(passage: Passage) -> str:
    """Under its title, as the model is given it."""
    return f"{passage_header(passage)}\n{passage.text}"


if __name__ == "__main__":
    main(_PACKAGES, ArticleQaStack)
