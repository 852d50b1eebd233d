"""Ranks passages by what was read in them and chooses the answer they agree on; knows nothing of models.

The odds of a span are multiplied by a prior from retrieval and date, exp(sum of weights * values), and summed over
every place where the same words stand (SQuAD normalisation): agreement between passages counts. The weights were
tuned on development questions; docs/experiments.md has the figures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np

from index.lexical import day_of
from index.recency import DayRange, date_prior
from index.types import RetrievedPassage
from index.words import content_stems
from qa.answer_types import fits_question
from qa.evidence import Reading, ScoredSpan
from qa.independent import independent, log_sum
from qa.metrics import normalise
from qa.newest_answer import EarlierAnswer, Option, newest_of

_MAX_MARGIN = 10.0
_PAIRS = (("(", ")"), ("“", "”"), ('"', '"'), ("‘", "’"))


@dataclass(frozen=True, slots=True)
class EvidenceWeights:
    """``retrieval``: log-odds for one unit of retrieval score.

    ``recency``: log-odds for an article of the reference day, halved by every ``half_life_days`` of age: of two answers
    to the same question this week's is the likelier one. ``echo`` and ``misfit``: log-odds taken from a span
    that only repeats the question, or that is no answer of the kind asked for (a time, an amount)."""

    retrieval: float = 5.0
    recency: float = 2.0
    half_life_days: float = 7.0
    echo: float = 3.0
    misfit: float = 3.0


@dataclass(frozen=True, slots=True)
class SpanAnswer:
    """The words that answer best, where they stand best, and how good they are.

    [start, end): offsets into the passage's text. ``log_odds``: summed over all passages that give these words, without
    the prior; ``margin`` >= 0: by how much they lead the next other answer, prior included; ``relevance``: log-odds
    that any passage answers, whatever the words; ``num_passages``: that give these words; ``earlier``: what an older
    article gave as the amount, before it changed.
    """

    text: str
    retrieved: RetrievedPassage
    start: int
    end: int
    log_odds: float
    margin: float
    relevance: float
    num_passages: int
    earlier: EarlierAnswer | None = None


def priors(
    passages: Sequence[RetrievedPassage],
    weights: EvidenceWeights,
    reference: date | None = None,
    window: DayRange | None = None,
) -> list[float]:
    """Log-odds (n,) that each passage brings along before it is read; the best one's are 0.

    :param reference: The day that newness counts from; None when it does not matter.
    :param window: Days the question speaks of; see :func:`index.recency.date_prior`.
    """
    log_odds = [weights.retrieval * retrieved.score for retrieved in passages]
    days = np.array([day_of(retrieved.passage.published_at) for retrieved in passages], dtype=np.int64)
    dated = date_prior(days, reference, window, weights.half_life_days)
    if dated is not None:
        log_odds = [some + weights.recency * float(worth) for some, worth in zip(log_odds, dated, strict=True)]
    best = max(log_odds, default=0.0)
    return [some - best for some in log_odds]


def rank_by_evidence(
    passages: Sequence[RetrievedPassage], readings: Sequence[Reading], log_odds: Sequence[float]
) -> tuple[list[RetrievedPassage], list[Reading]]:
    """Both, best first. Ranks and scores become those of this stage: the probability, in [0, 1] and not calibrated,
    that the passage answers, with the prior from retrieval.

    :param log_odds: Of each passage, see :func:`priors`.
    """
    scores = [prior + reading.relevance for prior, reading in zip(log_odds, readings, strict=True)]
    order = sorted(range(len(passages)), key=lambda i: (-scores[i], passages[i].rank))
    ranked = [
        replace(passages[i], rank=rank, score=_sigmoid(scores[i]), stage="evidence") for rank, i in enumerate(order, 1)
    ]
    return ranked, [readings[i] for i in order]


def choose_answer(
    question: str,
    passages: Sequence[RetrievedPassage],
    readings: Sequence[Reading],
    log_odds: Sequence[float],
    weights: EvidenceWeights,
    window: DayRange | None = None,
    *,
    clusters: Mapping[int, int] | None = None,
    asked_on: date | None = None,
) -> SpanAnswer | None:
    """The answer with the highest summed odds, or the newest of amounts that changed; None when there is no span.

    :param log_odds: Of each passage, see :func:`priors`.
    :param window: Days the question speaks of; amounts of other days do not take part.
    :param clusters: Cluster of each revision that has near-duplicates: such articles agree with each other by origin,
        and count as one.
    :param asked_on: The day the question is asked on; amounts of later days do not take part.
    """
    clusters = clusters or {}
    votes: dict[str, _Votes] = {}
    for retrieved, reading, prior in zip(passages, readings, log_odds, strict=True):
        for span in reading.spans:
            text = retrieved.passage.text[span.start : span.end]
            key = normalise(text)
            if key:
                cost = _cost(question, text, weights)
                votes.setdefault(key, _Votes(clusters)).add(_Vote(retrieved, span, prior + span.log_odds - cost))
    ranked = sorted(votes.values(), key=lambda some: -some.weight)
    if not ranked:
        return None
    options = [_option(some) for some in ranked]
    chosen, earlier = newest_of(question, options, window, asked_on)
    best = options[chosen]
    # Two amounts of which one grew into the other are one answer: the lead is over all else.
    others = [some.weight for i, some in enumerate(ranked) if i not in (chosen, earlier)]
    lead = ranked[0].weight - max(others, default=-math.inf)
    return SpanAnswer(
        text=best.text,
        retrieved=best.retrieved,
        start=best.start,
        end=best.end,
        log_odds=log_sum([vote.span.log_odds for vote in ranked[chosen].counted]),
        margin=min(lead, _MAX_MARGIN),
        relevance=_relevance(passages, readings, clusters),
        num_passages=len({vote.retrieved.passage.passage_id for vote in ranked[chosen].counted}),
        earlier=EarlierAnswer(options[earlier].text, options[earlier].retrieved) if earlier is not None else None,
    )


def tidy_span(text: str) -> str:
    """A span as an answer: on one line, without the punctuation at its ends that belongs to its sentence."""
    tidy = " ".join(text.split()).strip(" ,;:")
    for opening, closing in _PAIRS:
        # Both of a pair around the whole go, and one that lost its partner to the span's ends; (ISS) keeps both.
        inside = tidy[1:-1]
        if tidy[:1] == opening and tidy[-1:] == closing and opening not in inside and closing not in inside:
            tidy = inside
        elif tidy.count(opening) != tidy.count(closing) or (opening == closing and tidy.count(opening) % 2):
            tidy = tidy.removeprefix(opening) if tidy.startswith(opening) else tidy.removesuffix(closing)
    return tidy.strip(" ,;:")


@dataclass(frozen=True, slots=True)
class _Vote:
    retrieved: RetrievedPassage
    span: ScoredSpan
    weight: float


@dataclass(slots=True)
class _Votes:
    """All that speaks for one answer; weights are log-odds. ``counted``: each cluster's votes by one article only."""

    clusters: Mapping[int, int]
    votes: list[_Vote] = field(default_factory=list)
    counted: list[_Vote] = field(default_factory=list)
    weight: float = -math.inf

    def add(self, vote: _Vote) -> None:
        self.votes.append(vote)
        self.counted = independent(
            self.votes, lambda some: some.retrieved.passage.revision_id, lambda some: some.weight, self.clusters
        )
        self.weight = log_sum([known.weight for known in self.counted])


def _relevance(passages: Sequence[RetrievedPassage], readings: Sequence[Reading], clusters: Mapping[int, int]) -> float:
    """Log-odds that any passage answers, whatever the words."""
    read = list(zip(passages, readings, strict=True))
    counted = independent(read, lambda some: some[0].passage.revision_id, lambda some: some[1].relevance, clusters)
    return log_sum([reading.relevance for _, reading in counted])


def _option(votes: _Votes) -> Option:
    """An answer where it stands best."""
    best = max(votes.votes, key=lambda vote: vote.weight)
    start, end = best.span.start, best.span.end
    text = tidy_span(best.retrieved.passage.text[start:end])
    return Option(text, best.retrieved, start, end, best.span.log_odds)


def _cost(question: str, text: str, weights: EvidenceWeights) -> float:
    stems = content_stems(text)
    asked = set(content_stems(question))
    cost = weights.echo if stems and all(stem in asked for stem in stems) else 0.0
    return cost if fits_question(question, text) else cost + weights.misfit


def _sigmoid(value: float) -> float:
    return 1.0 / (1.0 + math.exp(-max(-500.0, min(500.0, value))))
