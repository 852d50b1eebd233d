"""Scores one answer against the gold answers: one row for each question; knows nothing of how rows are summed up.

An unanswerable question scores 1 when nothing is answered and else 0, as in SQuAD 2.0 (Rajpurkar, Jia and Liang, "Know
What You Don't Know: Unanswerable Questions for SQuAD", ACL 2018).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from index.types import Passage, RetrievedPassage
from qa.evaluation.absent import LeftOut
from qa.evaluation.datasets import EvalQuestion
from qa.evaluation.matching import holds, searchable, searchable_answers
from qa.metrics import exact_match, token_f1
from qa.types import Answer

EvalOutcome = Literal["answered", "not_in_articles", "no_articles", "error", "left_out"]
ArticleText = Callable[[RetrievedPassage], str]
"""The full text of the article revision that a passage was cut from."""

RIGHT_F1 = 0.5
"""An answer counts as right from this token F1 on, where right or wrong must be told (risk, calibration)."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Wall-clock seconds from the question to each point, of the pipeline alone; None for what did not happen.

    ``short_answer`` is when the short answer could be shown.
    """

    retrieve: float | None = None
    evidence: float | None = None
    first_token: float | None = None
    short_answer: float | None = None
    total: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One question and what became of it.

    ``em`` and ``f1`` in [0, 1] are the best over the gold answers, 0 for a refusal of an answerable question.
    ``gold_rank`` is the 1-based rank of the first passage of the answer that holds a gold answer,
    ``gold_rank_deep`` that in a deeper search, None where there is none. ``num_verbatim`` of ``num_citations`` quotes
    stand in their article at the offsets given. ``num_read`` passages were read, more than the answer returns;
    ``gold_read``: a gold answer stands in any of them. ``error`` says why there is no answer, ``left_out`` why the
    question was not asked (:class:`qa.evaluation.absent.Removal`). ``group``: see
    :class:`qa.evaluation.datasets.EvalQuestion`.
    """

    question_id: str
    week: str | None
    question: str
    answers: tuple[str, ...]
    is_answerable: bool
    outcome: EvalOutcome
    short_answer: str | None = None
    confidence: float = 0.0
    em: float = 0.0
    f1: float = 0.0
    num_passages: int = 0
    gold_rank: int | None = None
    gold_rank_deep: int | None = None
    num_citations: int = 0
    num_verbatim: int = 0
    num_read: int = 0
    gold_read: bool = False
    seconds: Timing = Timing()
    signals: Mapping[str, Any] | None = None
    error: str | None = None
    left_out: LeftOut | None = None
    group: str | None = None

    @property
    def is_answered(self) -> bool:
        return self.outcome == "answered"

    @property
    def is_refused(self) -> bool:
        """Never for a question that failed: that is neither an answer nor a refusal."""
        return self.outcome in ("not_in_articles", "no_articles")

    @property
    def is_right(self) -> bool:
        """Whether an answer was given and is right; never for an unanswerable question."""
        return self.is_answered and self.is_answerable and self.f1 >= RIGHT_F1

    @property
    def answer_present(self) -> bool:
        """Whether a gold answer stands in any passage that the answer returns; more may have been read."""
        return self.gold_rank is not None

    @property
    def agrees_with_gold(self) -> bool:
        """Whether the short answer agrees with a gold answer, also where all articles that hold it were kept away."""
        return self.short_answer is not None and best_f1(self.short_answer, self.answers) >= RIGHT_F1

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "answers": list(self.answers), "answer_present": self.answer_present}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Row:
        """Strict: a value that an older version of the code did not write cannot be made up here.

        :raises KeyError: If a value is missing.
        :raises TypeError: If answers or seconds are of another kind.
        """
        known = {field.name: values[field.name] for field in fields(cls)}
        seconds = {field.name: values["seconds"][field.name] for field in fields(Timing)}
        return cls(**{**known, "answers": tuple(values["answers"]), "seconds": Timing(**seconds)})


def score(
    question: EvalQuestion,
    answer: Answer,
    *,
    deeper: Sequence[RetrievedPassage],
    read: Sequence[Passage],
    article_text: ArticleText,
    seconds: Timing,
    is_answerable: bool,
    signals: Mapping[str, Any] | None = None,
) -> Row:
    """The row of an answer.

    :param deeper: Passages of a deeper search for the same question, best first; empty when there was none.
    :param read: All passages that the reader was given.
    :param is_answerable: False also where the passages that hold the gold answer were kept away.
    """
    gold = searchable_answers(question.answers)
    prediction = answer.short_answer if answer.outcome == "answered" else None
    em, f1 = _agreement(prediction, question.answers if is_answerable else ())
    return Row(
        question.question_id,
        question.week,
        question.question,
        question.answers,
        is_answerable,
        answer.outcome,
        prediction,
        answer.confidence,
        em,
        f1,
        num_passages=len(answer.passages),
        gold_rank=_gold_rank(answer.passages, gold),
        gold_rank_deep=_gold_rank(deeper, gold),
        num_citations=len(answer.citations),
        num_verbatim=_num_verbatim(answer, article_text),
        num_read=len(read),
        gold_read=any(holds(searchable(passage.text), gold) for passage in read),
        seconds=seconds,
        signals=signals,
        group=question.group,
    )


def failed(question: EvalQuestion, error: str, *, is_answerable: bool) -> Row:
    """The row of a question that could not be asked: it counts, and scores nothing."""
    return replace(_unasked(question, "error"), is_answerable=is_answerable, error=error)


def left_out(question: EvalQuestion, reason: LeftOut) -> Row:
    """The row of a question that does not belong to the set and was not asked: it counts in no figure."""
    return replace(_unasked(question, "left_out"), left_out=reason)


def best_f1(prediction: str, answers: Sequence[str]) -> float:
    """Token F1, best over the answers; 0 without any."""
    return max((token_f1(prediction, answer) for answer in answers), default=0.0)


def _unasked(question: EvalQuestion, outcome: EvalOutcome) -> Row:
    return Row(
        question.question_id,
        question.week,
        question.question,
        question.answers,
        is_answerable=False,
        outcome=outcome,
        group=question.group,
    )


def _agreement(prediction: str | None, answers: Sequence[str]) -> tuple[float, float]:
    """Exact match and token F1, best over the answers; without answers, whether nothing was predicted."""
    if not answers:
        return float(prediction is None), float(prediction is None)
    if prediction is None:
        return 0.0, 0.0
    return float(any(exact_match(prediction, answer) for answer in answers)), best_f1(prediction, answers)


def _gold_rank(passages: Sequence[RetrievedPassage], gold: Sequence[str]) -> int | None:
    ranks = (rank for rank, r in enumerate(passages, start=1) if holds(searchable(r.passage.text), gold))
    return next(ranks, None)


def _num_verbatim(answer: Answer, article_text: ArticleText) -> int:
    num = 0
    for citation in answer.citations:
        start, end = citation.article_span
        num += bool(citation.quote) and article_text(citation.retrieved)[start:end] == citation.quote
    return num
