"""Articles of made-up words for as many passages as are wanted; knows nothing of Ray."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from index.types import Article, make_article
from tests.fakes import open_parts
from tests.ray_cluster.batch_embedder import BatchEmbedder

PASSAGES_PER_ARTICLE = 10
_WORDS_PER_SENTENCE = (8, 11)  # two do not fit into a passage of 12
_TEXTS_SHARED = 0.05


def random_articles(num_passages: int, *, seed: int) -> Iterator[Article]:
    """One passage a sentence. Some passages stand in two articles of one title: they are embedded once."""
    chance = random.Random(seed)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(3, 9))) for _ in range(5000)]
    shared = _sentence(chance, words)
    for number in range(num_passages // PASSAGES_PER_ARTICLE):
        sentences = [_sentence(chance, words) for _ in range(PASSAGES_PER_ARTICLE)]
        if chance.random() < _TEXTS_SHARED:
            sentences[0] = shared
        title = "Shared" if sentences[0] == shared else f"News {number}"
        yield make_article(
            "\n\n".join(sentences),
            title=title,
            url=f"https://news.example/{number}",
            source=("Morning Post", "Evening Star")[number % 2],
            published_at=f"2024-{1 + number // 28 % 12:02d}-{1 + number % 28:02d}",
        )


def _sentence(chance: random.Random, words: list[str]) -> str:
    return " ".join(chance.choices(words, k=chance.randint(*_WORDS_PER_SENTENCE))).capitalize() + "."


def fill_library(folder: Path, num_passages: int, *, seed: int) -> None:
    """Accept them into a new library, and index nothing."""
    open_parts(folder, embedder=BatchEmbedder()).collection.accept(random_articles(num_passages, seed=seed))
