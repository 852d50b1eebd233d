"""Makes passages that come with a question look retrieved; knows nothing of where they come from or who reads them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from index.builder import embedding_input
from index.embedder import Embedder
from index.errors import BadInputError
from index.types import Article, FloatArray, Passage, RetrievedPassage, passage_of


class GivenPassages:
    """Each given article becomes one passage, however long; offsets count within that article's own text."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._vectors: dict[str, FloatArray] = {}

    def retrieved(self, question: str, articles: Sequence[Article]) -> list[RetrievedPassage]:
        """The passages, best first, as the pipeline expects them.

        A passage's score is the number "score" that came with it, else its cosine with the question.

        :raises BadInputError: If a score is no number.
        """
        if not articles:
            return []
        passages = [
            passage_of(article, number, 0, 0, len(article.text)) for number, article in enumerate(articles, start=1)
        ]
        vectors = np.stack(
            [self._vector(passage, a.content_hash) for passage, a in zip(passages, articles, strict=True)]
        )
        cosines = vectors @ self._embedder.embed_query(question)
        scores = np.array([_score(article, float(cosine)) for article, cosine in zip(articles, cosines, strict=True)])
        return [
            RetrievedPassage(passages[i], rank, float(scores[i]), "given", cosine=float(cosines[i]), bm25=0.0)
            for rank, i in enumerate(np.argsort(-scores, kind="stable").tolist(), start=1)
        ]

    def _vector(self, passage: Passage, content_hash: str) -> FloatArray:
        """(dim,) float32. Kept, since many questions share a paragraph."""
        if content_hash not in self._vectors:
            self._vectors[content_hash] = self._embedder.embed_passages([embedding_input(passage)])[0]
        return self._vectors[content_hash]


def _score(article: Article, cosine: float) -> float:
    score = article.metadata.get("score", cosine)
    if isinstance(score, bool) or not isinstance(score, int | float):
        raise BadInputError(f"the score of a given passage must be a number, found {score!r}")
    return float(score)
