"""Training groups from news: quiz questions with distant supervision, and sentences of one outlet asked of the others.

Knows nothing of models. A passage counts as answering when it arrived by the question's week, holds the gold answer as
whole words and, near it, enough of the question's words (distant supervision as in Clark and Gardner, "Simple and
Effective Multi-Paragraph Reading Comprehension", ACL 2018). Some of these positives are wrong; the loss only asks that
one of a group is right.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from index.lexical import day_of
from index.recency import recency
from index.sentences import split_sentences
from index.types import Article, Passage
from index.words import content_stems, stems
from qa.evidence_training.groups import Context, Group, Span, find_answer
from qa.metrics import normalise

Search = Callable[[str, int], list[tuple[Passage, float]]]

_DEPTH = 150
_NUM_POSITIVES = 4
_NUM_NEGATIVES = 10
_MIN_SHARE = 0.3
_RECENCY_WEIGHT = 0.5
_HALF_LIFE_DAYS = 7.0
_NO_SPAN_ANSWERS = frozenset(
    ["true", "false", "yes", "no", "all of the above", "none of the above", "both", "neither", "all of these"]
)


@dataclass(frozen=True, slots=True)
class QuizQuestion:
    """``week`` is when it was asked ("20230106"), comparable as text with the articles' weeks."""

    question: str
    answers: tuple[str, ...]
    as_of: date
    week: str


def quiz_groups(questions: Sequence[QuizQuestion], weeks: Sequence[str], search: Search) -> Iterator[Group]:
    """One group a question that has candidates.

    :param weeks: The week in which each article (by revision id) arrived.
    """
    for question in questions:
        if any(answer.lower().strip(" .") in _NO_SPAN_ANSWERS for answer in question.answers):
            continue
        found = search(question.question, _DEPTH)
        candidates = [(p, score) for p, score in found if weeks[p.revision_id] <= question.week]
        ranked = _by_recency(candidates, question.as_of)
        group = _group(question.question, question.answers, ranked, "news-quiz")
        if group is not None:
            yield group


def _by_recency(candidates: Sequence[tuple[Passage, float]], as_of: date) -> list[Passage]:
    if not candidates:
        return []
    best = candidates[0][1]
    days = np.array([day_of(p.published_at) for p, _ in candidates], dtype=np.int64)
    scores = np.array([score / best for _, score in candidates]) + _RECENCY_WEIGHT * recency(
        days, as_of, _HALF_LIFE_DAYS
    )
    return [candidates[i][0] for i in np.argsort(-scores, kind="stable")]


def _group(question: str, answers: Sequence[str], ranked: Sequence[Passage], kind: str) -> Group | None:
    wanted = content_stems(question)
    asked = normalise(question)
    positives: list[Context] = []
    negatives: list[Context] = []
    for passage in ranked[:60]:
        # A page that prints the quiz itself, with all of its choices, is no news that answers it.
        if asked in normalise(passage.text):
            continue
        spans = tuple(dict.fromkeys(s for answer in answers for s in find_answer(passage.text, answer)))
        if not spans:
            # A title that names the answer makes the passage a doubtful negative.
            if not any(find_answer(passage.title, answer) for answer in answers):
                negatives.append(Context(passage.title, passage.text))
            continue
        near = tuple(span for span in spans if _near(passage, span, wanted))
        if near:
            positives.append(Context(passage.title, passage.text, near))
    if not positives and not negatives:
        return None
    chosen = (*positives[:_NUM_POSITIVES], *negatives[:_NUM_NEGATIVES])
    return Group(question, chosen, kind if positives else f"{kind}-absent")


def _near(passage: Passage, span: Span, wanted: Sequence[str]) -> bool:
    """Whether the span's sentence, its neighbours and the title hold enough of the question's words."""
    if not wanted:
        return False
    sentences = split_sentences(passage.text)
    inside = [i for i, s in enumerate(sentences) if s.start < span[1] and span[0] < s.end]
    if not inside:
        return False
    first, last = max(inside[0] - 1, 0), min(inside[-1] + 1, len(sentences) - 1)
    around = passage.text[sentences[first].start : sentences[last].end]
    present = set(stems(around)) | set(stems(passage.title))
    present -= set(stems(passage.text[span[0] : span[1]]))
    num = sum(stem in present for stem in wanted)
    return num >= 2 and num / len(wanted) >= _MIN_SHARE


# Sentences of one outlet, asked of the others

_SUBJECT = re.compile(
    r"^(?:The )?((?:[A-Z][\w’'.-]*|\d+)(?: (?:of|the|and|&|de) (?=[A-Z]))?(?: [A-Z][\w’'.&-]*)*) "
    r"((?:has|have|had|will|would|is|are|was|were|could|may|might|plans|says|[a-z]{3,}ed|won|beat|took|made|became|hit|"
    r"set|led|told|began|left|sold|bought|rose|fell|lost|found|gave|went|got|drew|held) .{30,220})$"
)
_PRONOUNS = frozenset(
    ["He", "She", "It", "They", "We", "I", "You", "This", "That", "These", "There", "But", "And", "In", "On"]
)


def cloze_questions(articles: Sequence[Article], seed: int, per_article: int = 1) -> Iterator[tuple[int, str, str]]:
    """(article number, question, answer) made from leading sentences: "Acme sold …" gives "Who sold …?" and "Acme"."""
    rng = random.Random(seed)  # noqa: S311
    for number, article in enumerate(articles):
        made = []
        for sentence in split_sentences(article.text[:1500])[:8]:
            words = article.text[sentence.start : sentence.end].strip(" .")
            if 50 <= len(words) <= 260:
                cloze = _ask_subject(words, rng)
                made += [cloze] if cloze is not None else []
        for question, answer in rng.sample(made, min(per_article, len(made))):
            yield number, question, answer


def _ask_subject(sentence: str, rng: random.Random) -> tuple[str, str] | None:
    match = _SUBJECT.match(sentence)
    if match is None or match.group(1).split()[0] in _PRONOUNS or len(match.group(1)) < 4:
        return None
    asks = rng.choice(["Who", "What", "Which one", "Which company or person", "Which country or team"])
    return f"{asks} {match.group(2)}?", match.group(1)


def cloze_groups(
    articles: Sequence[Article], weeks: Sequence[str], search: Search, seed: int, *, before: str
) -> Iterator[Group]:
    """Groups whose positives stand in other articles: news is told more than once.

    :param weeks: The week in which each article arrived; those from the week ``before`` on make no questions
        and no contexts.
    """
    for number, question, answer in cloze_questions(articles, seed):
        if weeks[number] >= before:
            continue
        ranked = [
            passage
            for passage, _ in search(question, 40)
            if weeks[passage.revision_id] < before
            and articles[passage.revision_id].text_hash != articles[number].text_hash
        ]
        group = _group(question, [answer], ranked, "news-cloze")
        if group is not None and group.positives:
            yield group
