"""Asks questions of a pipeline, each over the articles it may be answered from, and keeps a row of each.

Knows nothing of configuration, of what the rows add up to, or of how the pipeline answers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from index.builder import Progress, no_progress
from index.collection import Collection
from index.embedder import Embedder
from index.errors import ArticleQAError, BadInputError, ModelError
from index.protocols import PassageSnapshot
from index.types import RetrievedPassage
from qa.evaluation.absent import LeftOut, RevisionTexts, WithoutRevisions
from qa.evaluation.datasets import ALL_WEEKS, EvalQuestion
from qa.evaluation.given import GivenPassages
from qa.evaluation.journal import Journal
from qa.evaluation.scoring import ArticleText, Row, Timing, failed, left_out, score
from qa.evaluation.streaming import PinnedSource, WeekIndex
from qa.evaluation.watched_reader import WatchedReader
from qa.pipeline import Pipeline
from qa.types import Answer, Done, Event, Mode, TextWritten

_DEEP_PASSAGES = 20
# One odd question may fail; a broken model fails at all of them.
_MAX_FAILURES_IN_A_ROW = 5


class Asker:
    """Asks one question at a time and scores what comes back.

    :param pipeline: Must read its snapshots from ``source``, and passages with ``reader``.
    :param collection: Where the articles' texts are; None when all questions bring their passages.
    :param is_absent: Keep every article that holds a gold answer away; then no question is answerable, and those for
        which that makes no sense are not asked.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        source: PinnedSource,
        reader: WatchedReader,
        embedder: Embedder,
        collection: Collection | None,
        *,
        mode: Mode,
        is_absent: bool = False,
    ) -> None:
        self._pipeline = pipeline
        self._source = source
        self._reader = reader
        self._collection = collection
        self._mode: Mode = mode
        self._given = GivenPassages(embedder)
        self._texts = RevisionTexts(collection) if collection is not None and is_absent else None
        self._snapshot: PassageSnapshot | None = None
        self._revisions: frozenset[int] = frozenset()

    def use(self, snapshot: PassageSnapshot | None) -> None:
        """Ask over this snapshot from now on."""
        self._snapshot = snapshot
        self._source.pin(snapshot)
        self._pipeline.prewarm()
        if self._texts is not None:
            self._texts.refresh()
            passages = snapshot.all_passages() if snapshot is not None else []
            self._revisions = frozenset(passage.revision_id for passage in passages)

    def ask(self, question: EvalQuestion) -> Row:
        """An error of the pipeline becomes the row's outcome."""
        is_answerable = bool(question.answers) and self._texts is None
        try:
            return self._asked(question, is_answerable)
        except ArticleQAError as error:
            return failed(question, str(error), is_answerable=is_answerable)

    def _asked(self, question: EvalQuestion, is_answerable: bool) -> Row:
        article_text: ArticleText
        # Before the clock runs: looking for the gold answer is no part of answering.
        reason = self._keep_away(question)
        if reason is not None:
            return left_out(question, reason)
        self._reader.taken()
        if question.passages is not None:
            given = self._given.retrieved(question.question, question.passages)
            events = self._pipeline.ask_given(question.question, given, as_of=question.as_of, mode=self._mode)
            done, seconds = _timed(events)
            seconds = replace(seconds, retrieve=None)
            read = self._reader.taken()
            deeper: Sequence[RetrievedPassage] = given
            article_text = _text_among(given)
        else:
            done, seconds = _timed(self._pipeline.ask(question.question, as_of=question.as_of, mode=self._mode))
            read = self._reader.taken()
            deeper = self._pipeline.search(question.question, _DEEP_PASSAGES, as_of=question.as_of)
            article_text = self._revision_text
        return score(
            question,
            done.answer,
            deeper=deeper,
            read=read,
            article_text=article_text,
            seconds=seconds,
            is_answerable=is_answerable,
            signals=_signals(done),
        )

    def _keep_away(self, question: EvalQuestion) -> LeftOut | None:
        """Pin the snapshot without the answer; or why the question is not to be asked."""
        if self._texts is None:
            return None
        removal = self._texts.removal(question.answers, self._revisions)
        if self._snapshot is not None:
            self._source.pin(WithoutRevisions(self._snapshot, removal.revisions))
        return removal.left_out

    def _revision_text(self, retrieved: RetrievedPassage) -> str:
        """The text of the revision that the passage was cut from; empty when there is none."""
        passage = retrieved.passage
        revisions = self._collection.history(passage.article_id) if self._collection is not None else []
        texts = (r.article.text for r in revisions if r.revision_id == passage.revision_id)
        return next(texts, "")


def evaluate(
    asker: Asker,
    questions: Sequence[EvalQuestion],
    index: WeekIndex | None,
    journal: Journal,
    *,
    weeks: Sequence[str],
    progress: Progress = no_progress,
) -> list[Row]:
    """Go through the weeks in order: bring the index up to the week, then ask its questions.

    Questions that the journal has an answer to are not asked again.

    :param index: None when every question brings its passages.
    :param weeks: From :func:`weeks_of`. Questions of other weeks are left out.
    :return: The rows in the order of the questions.
    :raises ModelError: If several questions in a row fail; the rows so far are in the journal.
    """
    chosen = [question for question in questions if _week(question, weeks) in weeks]
    pending = [q for q in chosen if q.question_id not in journal.rows or journal.rows[q.question_id].error is not None]
    num_done = len(chosen) - len(pending)
    num_failures = 0
    progress("asking", num_done, len(chosen))
    for week in weeks:
        due = [question for question in pending if _week(question, weeks) == week]
        if index is not None:
            index.generation(week, progress=progress)
        if due:
            asker.use(index.open(week) if index is not None else None)
        for question in due:
            row = asker.ask(question)
            journal.append(row)
            num_done += 1
            progress("asking", num_done, len(chosen))
            num_failures = num_failures + 1 if row.error is not None else 0
            if num_failures == _MAX_FAILURES_IN_A_ROW:
                raise ModelError(f"{num_failures} questions in a row failed, the last one because {row.error}")
    return [journal.rows[question.question_id] for question in chosen]


def weeks_of(questions: Sequence[EvalQuestion], index: WeekIndex | None, *, by_week: bool) -> list[str]:
    """All weeks that bring articles or questions, in order.

    :param by_week: False to put everything into one.
    :raises BadInputError: If a question's week is not known, or it has neither passages nor an index to ask.
    """
    for question in questions:
        if by_week and question.week is None:
            raise BadInputError(
                f"question {question.question_id!r} names no week; to stream, ids must look like 20220617_0"
            )
        if index is None and question.passages is None:
            raise BadInputError(f"question {question.question_id!r} brings no passages; give --articles")
    if not by_week:
        return [ALL_WEEKS]
    return sorted({*(index.article_weeks if index is not None else ()), *(q.week for q in questions if q.week)})


def _text_among(given: Sequence[RetrievedPassage]) -> ArticleText:
    """Looks up the whole text that a passage, or an excerpt of it, was given as; empty for any other."""
    texts = {retrieved.passage.passage_id: retrieved.passage.text for retrieved in given}
    return lambda retrieved: texts.get(retrieved.passage.passage_id, "")


def _week(question: EvalQuestion, weeks: Sequence[str]) -> str | None:
    return ALL_WEEKS if ALL_WEEKS in weeks else question.week


def _timed(events: Iterator[Event]) -> tuple[Done, Timing]:
    """The last event, and when what was shown could be shown."""
    started = time.perf_counter()
    first_text: float | None = None
    done: Done | None = None
    for event in events:
        if isinstance(event, TextWritten) and first_text is None:
            first_text = time.perf_counter() - started
        elif isinstance(event, Done):
            done = event
    if done is None:
        raise ModelError("the pipeline ended without an answer")
    return done, _timing(done.answer, first_text)


def _timing(answer: Answer, first_text: float | None) -> Timing:
    seconds = answer.seconds
    is_answered = answer.outcome == "answered"
    return Timing(
        retrieve=seconds.retrieve,
        evidence=seconds.evidence,
        first_token=seconds.first_token,
        # Without any text on the way, the answer came as a whole.
        short_answer=(seconds.total if first_text is None else first_text) if is_answered else None,
        total=seconds.total,
    )


def _signals(done: Done) -> Mapping[str, Any] | None:
    """What the answer's confidence was made from, where the pipeline tells."""
    return done.signals or None
