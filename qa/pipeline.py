"""Answers one question in hops: retrieve, read, decide whether the articles say, write, ground.

Knows nothing of pages, commands or configuration files. One snapshot serves a whole question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from typing import Protocol

from index.errors import BadInputError, ModelError
from index.protocols import PassageSnapshot
from index.recency import reference_date
from index.retriever import Retriever
from index.types import Filters, Passage, RetrievedPassage
from qa.asked import AskedQuestion, Clock, must_be_whole
from qa.calibration import Calibration
from qa.context import in_fixed_order, whole_collection
from qa.decision import Decision, decide, evidence_of, signals_of
from qa.evidence import EvidenceReader
from qa.excerpts import best_excerpts
from qa.followup import standalone_question
from qa.generators.protocol import Generator
from qa.independent import clusters_of
from qa.newest_answer import gives_amount_of
from qa.prompts import context_messages
from qa.question_check import checked_question
from qa.revision_dates import RevisedOn, with_revision_dates
from qa.span_answer import EvidenceWeights, SpanAnswer, choose_answer, priors, rank_by_evidence
from qa.types import Answer, Citation, Done, Event, EvidenceFound, Mode, Models, Outcome, TextWritten, Turn
from qa.window_finder import WindowFinder
from qa.writer import AnswerWriter, WriterSettings

NOT_IN_ARTICLES = "The articles do not say."
NO_ARTICLES = "There are no articles yet."


class SnapshotSource(Protocol):
    def snapshot(self) -> PassageSnapshot | None: ...


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """Sizes and thresholds.

    ``num_candidates`` passages are retrieved and read; the best ``num_passages`` of them are returned, and their best
    sentences, ``evidence_chars`` in all, are given to the model. A collection of at most ``small_collection_chars``
    goes into the prompt whole and in fixed order, so that every question shares one cached prefix. Answers below
    ``min_confidence`` (mode full) or ``min_fast_confidence`` (fast) are withheld. Without ``write_sentence`` the
    model only judges and gives the short answer, which is shown in its quote.
    """

    num_candidates: int = 20
    num_passages: int = 10
    evidence_chars: int = 1000
    small_collection_chars: int = 6000
    max_question_chars: int = 2000
    min_confidence: float = 0.15
    min_fast_confidence: float = 0.15
    write_sentence: bool = True


class Pipeline:
    """Everything needed to answer questions, put together once.

    :param generator: None when only fast answers are wanted.
    :param today: The clock that "today" is read from.
    :param revised_on: See :meth:`index.collection.Collection.revised_on`; None when no article has revisions.
    """

    def __init__(
        self,
        source: SnapshotSource,
        retriever: Retriever,
        reader: EvidenceReader,
        generator: Generator | None,
        *,
        embedder_id: str,
        weights: EvidenceWeights | None = None,
        calibration: Calibration | None = None,
        settings: PipelineSettings | None = None,
        today: Callable[[], date] = date.today,
        revised_on: RevisedOn | None = None,
    ) -> None:
        self._source = source
        self._retriever = retriever
        self._reader = reader
        self._generator = generator
        self._embedder_id = embedder_id
        self._weights = weights or EvidenceWeights()
        self._calibration = calibration or Calibration()
        self._settings = settings or PipelineSettings()
        self._writer_settings = WriterSettings()
        self._today = today
        self._revised_on = revised_on
        self._windows = WindowFinder(retriever)

    def ask(
        self,
        question: str,
        *,
        as_of: date | None = None,
        history: Sequence[Turn] = (),
        mode: Mode = "full",
        filters: Filters | None = None,
        use_date_window: bool = True,
    ) -> Iterator[Event]:
        """Answer a question: EvidenceFound, then TextWritten while the model writes, then exactly one Done.

        Closing the iterator stops the writing.

        :param as_of: The day the question is asked on; newer articles count for more, as seen from it.
        :param use_date_window: Let articles of the days that the question speaks of ("last week") count for more.
        :param history: Earlier turns, oldest first, for questions like "and who owns it?".
        :raises BadInputError: If the question is empty or too long, the mode unknown, or the history malformed.
        :raises ModelError: If a model fails, or mode is "full" without a generator.
        """
        question = self._checked(question, mode)
        generator = self._generator if mode == "full" else None
        clock = Clock()
        snapshot = self._source.snapshot()
        if snapshot is None or snapshot.num_passages == 0:
            generation = snapshot.generation if snapshot is not None else None
            asked = AskedQuestion(question, question, generation, mode, clock)
            yield Done(self._answer(asked, "no_articles", NO_ARTICLES))
            return
        standalone = standalone_question(question, history, generator)
        asked = AskedQuestion(question, standalone, snapshot.generation, mode, clock, as_of, self._today())
        if use_date_window:
            asked.window = self._windows.find(standalone, snapshot, asked.day)
        self._find_evidence(asked, snapshot, filters)
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

        :param as_of: As in :meth:`ask`.
        :raises BadInputError: If the question is empty or too long, or the mode unknown.
        :raises ModelError: If a model fails, or mode is "full" without a generator.
        """
        question = self._checked(question, mode)
        asked = AskedQuestion(question, question, None, mode, Clock(), as_of, self._today())
        self._read(asked, passages, None)
        yield from self._answered(asked, self._generator if mode == "full" else None)

    def search(
        self, query: str, k: int = 10, *, filters: Filters | None = None, as_of: date | None = None
    ) -> list[RetrievedPassage]:
        """The k best passages for a query, best first.

        :raises BadInputError: If the query is empty or too long, or k is not between 1 and 100.
        :raises PartialResultsError: If a server that holds a part of the index does not answer.
        """
        query = self._checked(query, "fast")
        if not 1 <= k <= 100:
            raise BadInputError(f"k={k} must lie between 1 and 100")
        snapshot = self._source.snapshot()
        if snapshot is None or snapshot.num_passages == 0:
            return []
        reference = reference_date(query, as_of, self._today())
        found = self._retriever.retrieve(snapshot, query, k, reference=reference, filters=filters)
        must_be_whole(snapshot)  # a list of passages has no place to say that it is not
        return with_revision_dates(found, self._revised_on)

    def prewarm(self) -> None:
        """Read what all questions share into the generator's cache, so that the first one need not wait for it."""
        snapshot = self._source.snapshot()
        if snapshot is None or self._generator is None:
            return
        self._generator.prewarm(context_messages(self._whole_collection(snapshot) or []))

    # Hops

    def _checked(self, question: str, mode: Mode) -> str:
        if mode not in ("fast", "full"):
            raise BadInputError(f"mode {mode!r} is unknown; use 'fast' (evidence only) or 'full'")
        if mode == "full" and self._generator is None:
            raise ModelError("no answering model is configured; ask with mode 'fast' or set generator.engine")
        return checked_question(question, self._settings.max_question_chars)

    def _find_evidence(self, asked: AskedQuestion, snapshot: PassageSnapshot, filters: Filters | None) -> None:
        """Hops 3 and 4: retrieve, then read each passage."""
        found = self._retriever.retrieve(
            snapshot,
            asked.standalone,
            self._settings.num_candidates,
            reference=asked.reference,
            filters=filters,
            window=asked.days,
        )
        asked.clock.retrieve = asked.clock.now()
        whole = self._whole_collection(snapshot) if filters is None or filters.is_empty else None
        asked.is_partial = bool(snapshot.problems)
        self._read(asked, with_revision_dates(found, self._revised_on), whole)

    def _read(
        self,
        asked: AskedQuestion,
        found: Sequence[RetrievedPassage],
        whole: Sequence[Passage] | None,
    ) -> None:
        """Read the passages, rank them by what was read, and choose the words that answer best."""
        readings = self._reader.read(asked.standalone, [retrieved.passage for retrieved in found])
        log_odds = priors(found, self._weights, asked.reference, asked.days)
        same = clusters_of(found)
        span = choose_answer(
            asked.standalone, found, readings, log_odds, self._weights, asked.days, clusters=same, asked_on=asked.day
        )
        asked.best_cosine = max((retrieved.cosine for retrieved in found), default=0.0)
        ranked, readings = rank_by_evidence(found, readings, log_odds)
        by_id = {retrieved.passage.passage_id: retrieved for retrieved in ranked}
        asked.span = replace(span, retrieved=by_id[span.retrieved.passage.passage_id]) if span is not None else None
        asked.passages = ranked[: self._settings.num_passages]
        asked.is_whole_collection = whole is not None
        asked.context = (
            in_fixed_order(ranked, whole)
            if whole is not None
            else best_excerpts(ranked, readings, self._settings.evidence_chars)
        )
        asked.clock.evidence = asked.clock.now()

    def _answered(self, asked: AskedQuestion, generator: Generator | None) -> Iterator[Event]:
        """What follows once the passages are read. The first answer is what the evidence alone says."""
        if asked.span is None:
            yield EvidenceFound(asked.standalone, tuple(asked.passages), None)
            yield Done(self._answer(asked, "not_in_articles", NOT_IN_ARTICLES))
            return
        decision = decide(asked.span, None, signals_of(asked.span, asked.best_cosine), self._calibration)
        first = self._evidence_answer(asked, decision)
        yield EvidenceFound(asked.standalone, tuple(asked.passages), first)
        if generator is None:
            yield Done(first, evidence_of(asked.span, None, decision.signals))
        else:
            yield from self._written_answer(asked, asked.span, generator)

    def _evidence_answer(self, asked: AskedQuestion, decision: Decision) -> Answer:
        """The answering words and the sentence they stand in, as it stands in the article."""
        if decision.confidence < self._settings.min_fast_confidence:
            return self._answer(asked, "not_in_articles", NOT_IN_ARTICLES, confidence=decision.confidence)
        support = decision.support
        citation = Citation(1, support.retrieved, support.start, support.end)
        text = f"{citation.quote} [1]"
        return self._answer(asked, "answered", text, decision.short_answer, decision.confidence, (citation,))

    def _written_answer(self, asked: AskedQuestion, span: SpanAnswer, generator: Generator) -> Iterator[Event]:
        """Hops 5 and 6. The short answer is shown once it is decided; the sentence grows under it."""
        writer = AnswerWriter(generator, asked.context, asked.standalone, self._writer_settings)
        verdict = writer.judge()
        signals = signals_of(span, asked.best_cosine, verdict, is_whole_collection=asked.is_whole_collection)
        decision = decide(span, verdict, signals, self._calibration)
        if span.earlier is not None and gives_amount_of(decision.short_answer, span.earlier, span.text):
            # The newest amount wins, whichever the model took.
            decision = decide(span, None, signals, self._calibration)
        confidence, short_answer = decision.confidence, decision.short_answer
        if confidence < self._settings.min_confidence:
            refused = self._answer(asked, "not_in_articles", NOT_IN_ARTICLES, confidence=confidence)
            yield Done(refused, evidence_of(span, verdict, signals))
            return
        asked.clock.first_token = asked.clock.now()
        yield TextWritten(short_answer)
        sentence = ""
        if self._settings.write_sentence:
            with closing(writer.write(short_answer)) as pieces:
                for piece in pieces:
                    sentence += piece
                    yield TextWritten(f"{short_answer}\n\n{sentence.lstrip()}")
        written = writer.ground(sentence, short_answer, decision.support)
        answer = self._answer(asked, "answered", written.text, short_answer, confidence, written.citations)
        yield Done(answer, evidence_of(span, verdict, signals))

    # Parts

    def _whole_collection(self, snapshot: PassageSnapshot) -> list[Passage] | None:
        return whole_collection(snapshot, self._settings.small_collection_chars)

    def models(self, mode: Mode) -> Models:
        generator = self._generator.model_id if self._generator is not None and mode == "full" else None
        return Models(self._embedder_id, self._reader.model_id, generator)

    def _answer(
        self,
        asked: AskedQuestion,
        outcome: Outcome,
        text: str,
        short: str | None = None,
        confidence: float = 0.0,
        citations: Sequence[Citation] = (),
    ) -> Answer:
        models = self.models(asked.mode)
        return asked.answer(outcome, text, models, short=short, confidence=confidence, citations=citations)
