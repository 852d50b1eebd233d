"""News questions with the passages retrieval finds for them, for calibration; knows nothing of training.

Candidates are those of the word search, weighed by words, meaning and date as retrieval does: an index of vectors
over years of articles would take an hour, and the candidates' own vectors take minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from index.builder import embedding_input
from index.embedder import Embedder
from index.lexical import day_of
from index.retriever import FusionSettings, fuse
from index.types import Candidate, FloatArray, Passage
from qa.evidence_training.news_groups import QuizQuestion

Search = Callable[[str, int], list[tuple[Passage, float]]]

_DEPTH = 60
_NUM_PASSAGES = 20


def development_lines(
    questions: Sequence[QuizQuestion], weeks: Sequence[str], search: Search, embedder: Embedder
) -> Iterator[dict[str, Any]]:
    """A line for each question, as scripts/evaluate.py reads them: with its best 20 passages and their scores.

    :param weeks: The week in which each article (by revision id) arrived.
    """
    vectors: dict[int, FloatArray] = {}
    for number, question in enumerate(questions):
        found = [
            (p, bm25) for p, bm25 in search(question.question, 3 * _DEPTH) if weeks[p.revision_id] <= question.week
        ]
        passages = [passage for passage, _ in found[:_DEPTH]]
        if not passages:
            continue
        new = [passage for passage in passages if passage.passage_id not in vectors]
        for passage, vector in zip(new, embedder.embed_passages([embedding_input(p) for p in new]), strict=True):
            vectors[passage.passage_id] = vector
        query = embedder.embed_query(question.question)
        candidates = [
            Candidate(p.passage_id, bm25, float(vectors[p.passage_id] @ query), day_of(p.published_at))
            for p, bm25 in found[:_DEPTH]
        ]
        scores = fuse(candidates, FusionSettings(), question.as_of)
        best = np.argsort(-scores, kind="stable")[:_NUM_PASSAGES]
        yield {
            "id": f"news-{number}",
            "question": question.question,
            "as_of": question.as_of.isoformat(),
            "answers": list(question.answers),
            "passages": [_line(passages[i], float(scores[i])) for i in best],
        }


def _line(passage: Passage, score: float) -> dict[str, Any]:
    return {
        "text": passage.text,
        "title": passage.title,
        "source": passage.source,
        "published_at": passage.published_at,
        "score": score,
    }
