"""Answers over made-up articles, for tests of what is kept of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from index.types import Article, ClusterMember, Passage, RetrievedPassage, make_article
from qa.date_windows import DateSource, DateWindow
from qa.types import Answer, Citation, Models, Note, Seconds

BRIDGE = make_article(
    "The Aurel bridge was opened on 4 May 2023. It cost 12 million crowns.",
    title="A bridge for Aurel",
    url="https://news.example/bridge",
    source="Example News",
    published_at="2023-05-05",
)
FERRY = make_article(
    "The Aurel ferry stopped on 3 May 2023. Captain Ina Holt steered it for thirty years.",
    title="The last ferry",
    url="https://news.example/ferry",
    published_at="2023-05-03",
)
COPY = ClusterMember(9, "copy-of-ferry", "The last ferry, again", "https://copy.example/f", "Copy", "2023-05-04")


def found(article: Article, rank: int = 1, **changes: Any) -> RetrievedPassage:
    passage = Passage(
        rank << 16, article.article_id, rank, article.title, article.url, article.source, article.published_at,
        article.text, 0, len(article.text),
    )  # fmt: skip
    return replace(RetrievedPassage(passage, rank, 1 / rank, "fusion", 0.5, 3.0), **changes)


def cited(retrieved: RetrievedPassage, words: str, marker: int = 1) -> Citation:
    start = retrieved.passage.text.index(words)
    return Citation(marker, retrieved, start, start + len(words))


def bridge_answer(question: str = "When was the Aurel bridge opened?", **changes: Any) -> Answer:
    """Rests on BRIDGE; FERRY was only read."""
    bridge, ferry = found(BRIDGE, 1), found(FERRY, 2, also_in=(COPY,), updated_on="2023-05-06")
    base = Answer(
        question,
        question,
        "answered",
        "4 May 2023",
        "The Aurel bridge was opened on 4 May 2023. [1]",
        0.8312,
        Models("embedder", "reader", None),
        citations=(cited(bridge, "The Aurel bridge was opened on 4 May 2023."),),
        passages=(bridge, ferry),
        generation="gen-000001",
        seconds=Seconds(0.01, 0.1, None, 0.2),
        notes=(Note("age", "From an article of 5 May 2023."), Note("earlier", "Earlier: 11 (3 May 2023).")),
    )
    return replace(base, **changes)


def ferry_answer(question: str = "Who steered the Aurel ferry?", **changes: Any) -> Answer:
    """Rests on FERRY."""
    ferry = found(FERRY, 1, also_in=(COPY,))
    window = DateWindow("May", 0, 3, date(2023, 5, 1), date(2023, 5, 31), True, DateSource("d", "T", "2023-05-01"))
    base = bridge_answer(
        question,
        short_answer="Ina Holt",
        answer="Captain Ina Holt steered it. [1]",
        citations=(cited(ferry, "Captain Ina Holt steered it for thirty years."),),
        passages=(ferry,),
        date_window=window,
    )
    return replace(base, **changes)


def refusal(question: str = "What did the ferry cost?", **changes: Any) -> Answer:
    base = bridge_answer(question, outcome="not_in_articles", short_answer=None, answer="", citations=(), notes=())
    return replace(base, **changes)
