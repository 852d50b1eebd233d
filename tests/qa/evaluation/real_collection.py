"""A small collection to mix articles of, with the fake embedder."""

from __future__ import annotations

import numpy as np

from qa.evaluation.mixed_articles import RealCollection, line_keys
from tests.fakes import HashEmbedder, numbered_articles

NUM_REAL = 12
PASSAGES = 3


def small_collection() -> RealCollection:
    """Some articles of as many passages each."""
    articles, embedder = numbered_articles(NUM_REAL), HashEmbedder()
    texts = [text for article in articles for text in article.text.split("\n\n")]
    titles = [article.title for article in articles]
    vectors = embedder.embed_passages(
        [f"{titles[row // PASSAGES]}\n{text}" for row, text in enumerate(texts)],
    )
    own = np.arange(len(texts)) // PASSAGES
    near = np.argsort(-(vectors @ vectors.T) + 10 * (own[:, None] == own), axis=1)[:, :5]
    counts = np.full(NUM_REAL, PASSAGES)
    return RealCollection(articles, counts, texts, vectors, near, embedder.embed_passages(titles), *line_keys(texts))
