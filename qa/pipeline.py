"""Answers one question in hops: retrieve, read, decide whether the articles say, write, ground.

Knows nothing of pages, commands or configuration files. One snapshot serves a whole question.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from index.errors import BadInputError, ModelError
from index.recency import reference_date
from index.retriever import Retriever
from index.snapshot import Snapshot
from index.types import Filters, Passage, RetrievedPassage
from qa.calibration import Calibration, Signals
from qa.context import in_fixed_order, whole_collection, within_budget
from qa.evidence import EvidenceReader, Reading
from qa.followup import standalone_question
from qa.generators.protocol import Generator
from qa.prompts import context_messages
from qa.types import Answer, Citation, Done, Event, EvidenceFound, Mode, Models, Outcome, Seconds, TextWritten, Turn
from qa.writer import AnswerWriter, WriterSettings

NOT_IN_ARTICLES = "The articles do not say."
NO_ARTICLES = "There are no articles yet."


class SnapshotSource(Protocol):
    def snapshot(self) -> Snapshot | None: ...


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """Sizes and thresholds.

    ``num_passages`` are returned and read; the best ``num_prompt_passages`` of them, within ``prompt_chars``, are given
    to the model. A collection of at most ``small_collection_chars`` goes into the prompt whole and in fixed order, so
    that every question shares one cached prefix. Answers below ``min_confidence`` (full) or ``min_fast_score`` (fast)
    are withheld.
    """

    num_passages: int = 10
    num_prompt_passages: int = 4
    prompt_chars: int = 2600
    small_collection_chars: int = 6000
    max_question_chars: int = 2000
    min_confidence: float = 0.2
    min_fast_score: float = 0.45


@dataclass(slots=True)
class _Clock:
    """Seconds since the question came in."""

    started: float = field(default_factory=time.perf_counter)
    retrieve: float = 0.0
    evidence: float = 0.0
    first_token: float | None = None

    def now(self) -> float:
        return time.perf_counter() - self.started

    def seconds(self) -> Seconds:
        return Seconds(self.retrieve, self.evidence, self.first_token, self.now())


@dataclass(slots=True)
class _Question:
    """One question on its way through the hops."""

    text: str
    standalone: str
    generation: str | None
    mode: Mode
    clock: _Clock
    passages: list[RetrievedPassage] = field(default_factory=list)
    context: list[RetrievedPassage] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    is_whole_collection: bool = False


class Pipeline:
    """Everything needed to answer questions, put together once.

    :param generator: None when only fast answers are wanted.
    :param today: The clock that "today" is read from.
    """

    def __init__(
        self,
        source: SnapshotSource,
        retriever: Retriever,
        reader: EvidenceReader,
        generator: Generator | None,
        *,
        embedder_id: str,
        calibration: Calibration | None = None,
        settings: PipelineSettings | None = None,
        today: Callable[[], date] = date.today,
    ) -> None:
        self._source = source
        self._retriever = retriever
        self._reader = reader
        self._generator = generator
        self._embedder_id = embedder_id
        self._calibration = calibration or Calibration()
        self._settings = settings or PipelineSettings()
        self._writer_settings = WriterSettings()
        self._today = today

    def ask(
        self,
        question: str,
        *,
        as_of: date | None = None,
        history: Sequence[Turn] = (),
        mode: Mode = "full",
        filters: Filters | None = None,
    ) -> Iterator[Event]:
        """Answer a question: EvidenceFound, then TextWritten while the model writes, then exactly one Done.

        Closing the iterator stops the writing.

        :param as_of: The day the question is asked on; newer articles count for more, as seen from it.
        :param history: Earlier turns, oldest first, for questions like "and who owns it?".
        :raises BadInputError: If the question is empty or too long, the mode unknown, or the history malformed.
        :raises ModelError: If a model fails, or mode is "full" without a generator.
        """
        question = self._checked(question, mode)
        generator = self._generator if mode == "full" else None
        clock = _Clock()
        snapshot = self._source.snapshot()
        if snapshot is None or snapshot.num_passages == 0:
            generation = snapshot.generation if snapshot is not None else None
            yield Done(self._answer(_Question(question, question, generation, mode, clock), "no_articles", NO_ARTICLES))
            return
        standalone = standalone_question(question, history, generator)
        asked = _Question(question, standalone, snapshot.generation, mode, clock)
        self._find_evidence(asked, snapshot, as_of, filters)
        yield from self._answered(asked, generator)

    def ask_given(
        self,
        question: str,
        passages: Sequence[RetrievedPassage],
        *,
        as_of: date | None = None,
        mode: Mode = "full",
    ) -> Iterator[Event]:
        """Answer from these passages, best first, instead of retrieving any: the same hops and events from there on.

        :param as_of: As in :meth:`ask`; retrieval alone depends on it, so it decides nothing here yet.
        :raises BadInputError: If the question is empty or too long, or the mode unknown.
        :raises ModelError: If a model fails, or mode is "full" without a generator.
        """
        question = self._checked(question, mode)
        asked = _Question(question, question, None, mode, _Clock(), passages=list(passages))
        asked.context = self._best_few(asked.passages)
        self._read(asked)
        yield from self._answered(asked, self._generator if mode == "full" else None)

    def search(
        self, query: str, k: int = 10, *, filters: Filters | None = None, as_of: date | None = None
    ) -> list[RetrievedPassage]:
        """The k best passages for a query, best first.

        :raises BadInputError: If the query is empty or too long, or k is not between 1 and 100.
        """
        query = self._checked(query, "fast")
        if not 1 <= k <= 100:
            raise BadInputError(f"k={k} must lie between 1 and 100")
        snapshot = self._source.snapshot()
        if snapshot is None or snapshot.num_passages == 0:
            return []
        reference = reference_date(query, as_of, self._today())
        return self._retriever.retrieve(snapshot, query, k, reference=reference, filters=filters)

    def prewarm(self) -> None:
        """Read what all questions share into the generator's cache, so that the first one need not wait for it."""
        snapshot = self._source.snapshot()
        if snapshot is None or self._generator is None:
            return
        passages = self._whole_collection(snapshot)
        self._generator.prewarm(context_messages(passages or []))

    # Hops

    def _checked(self, question: str, mode: Mode) -> str:
        if not isinstance(question, str) or not question.strip():
            raise BadInputError("the question is empty; ask something in a few words")
        # A lone surrogate (half a character, from broken input) has no UTF-8 form, and models take only UTF-8.
        question = question.strip().encode("utf-8", errors="replace").decode("utf-8")
        if len(question) > self._settings.max_question_chars:
            raise BadInputError(
                f"the question has {len(question):,} characters; at most {self._settings.max_question_chars:,} are read"
            )
        if mode not in ("fast", "full"):
            raise BadInputError(f"mode {mode!r} is unknown; use 'fast' (evidence only) or 'full'")
        if mode == "full" and self._generator is None:
            raise ModelError("no answering model is configured; ask with mode 'fast' or set generator.engine")
        return question

    def _find_evidence(self, asked: _Question, snapshot: Snapshot, as_of: date | None, filters: Filters | None) -> None:
        """Hops 3 and 4: retrieve, then read each passage."""
        reference = reference_date(asked.standalone, as_of, self._today())
        asked.passages = self._retriever.retrieve(
            snapshot, asked.standalone, self._settings.num_passages, reference=reference, filters=filters
        )
        asked.clock.retrieve = asked.clock.now()
        whole = self._whole_collection(snapshot) if filters is None or filters.is_empty else None
        asked.is_whole_collection = whole is not None
        asked.context = in_fixed_order(asked.passages, whole) if whole else self._best_few(asked.passages)
        self._read(asked)

    def _read(self, asked: _Question) -> None:
        asked.readings = self._reader.read(asked.standalone, [r.passage for r in asked.passages])
        asked.clock.evidence = asked.clock.now()

    def _answered(self, asked: _Question, generator: Generator | None) -> Iterator[Event]:
        """What follows once the passages are read."""
        yield EvidenceFound(asked.standalone, tuple(asked.passages))
        if not asked.passages:
            yield Done(self._answer(asked, "not_in_articles", NOT_IN_ARTICLES))
        elif generator is None:
            yield Done(self._fast_answer(asked))
        else:
            yield from self._written_answer(asked, generator)

    def _fast_answer(self, asked: _Question) -> Answer:
        """The best sentence as it stands in the article."""
        best = max(range(len(asked.readings)), key=lambda i: asked.readings[i].relevance)
        reading = asked.readings[best]
        if reading.span_score < self._settings.min_fast_score:
            return self._answer(asked, "not_in_articles", NOT_IN_ARTICLES, confidence=reading.span_score)
        citation = Citation(1, asked.passages[best], reading.start, reading.end)
        quote = citation.quote
        return self._answer(asked, "answered", f"{quote} [1]", quote, reading.span_score, (citation,))

    def _written_answer(self, asked: _Question, generator: Generator) -> Iterator[Event]:
        """Hops 5 and 6. The short answer is shown once it is grounded; the sentence grows under it."""
        writer = AnswerWriter(generator, asked.context, asked.standalone, self._writer_settings)
        verdict = writer.judge()
        confidence = self._calibration.probability(
            Signals(verdict.yes_no, asked.passages[0].cosine, asked.is_whole_collection)
        )
        if verdict.support is None or confidence < self._settings.min_confidence:
            yield Done(self._answer(asked, "not_in_articles", NOT_IN_ARTICLES, confidence=confidence))
            return
        asked.clock.first_token = asked.clock.now()
        yield TextWritten(verdict.short_answer)
        sentence = ""
        with closing(writer.write(verdict.short_answer)) as pieces:
            for piece in pieces:
                sentence += piece
                yield TextWritten(f"{verdict.short_answer}\n\n{sentence.lstrip()}")
        written = writer.ground(sentence, verdict)
        yield Done(self._answer(asked, "answered", written.text, verdict.short_answer, confidence, written.citations))

    # Parts

    def _whole_collection(self, snapshot: Snapshot) -> list[Passage] | None:
        return whole_collection(snapshot, self._settings.small_collection_chars)

    def _best_few(self, found: Sequence[RetrievedPassage]) -> list[RetrievedPassage]:
        return within_budget(found, self._settings.num_prompt_passages, self._settings.prompt_chars)

    def models(self, mode: Mode) -> Models:
        generator = self._generator.model_id if self._generator is not None and mode == "full" else None
        return Models(self._embedder_id, self._reader.model_id, generator)

    def _answer(
        self,
        asked: _Question,
        outcome: Outcome,
        text: str,
        short: str | None = None,
        confidence: float = 0.0,
        citations: Sequence[Citation] = (),
    ) -> Answer:
        return Answer(
            question=asked.text,
            standalone_question=asked.standalone,
            outcome=outcome,
            short_answer=short,
            answer=text,
            confidence=confidence,
            models=self.models(asked.mode),
            citations=tuple(citations),
            passages=tuple(asked.passages),
            generation=asked.generation,
            seconds=asked.clock.seconds(),
        )
