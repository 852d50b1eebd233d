"""The values that flow through the index: articles, passages, filters, tallies.

Knows nothing of files, databases or models: plain frozen data, and how an article is identified.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

# A passage id is revision_id * PASSAGES_PER_REVISION + ordinal: unique for ever, and it names its revision.
PASSAGES_PER_REVISION = 1 << 16


@dataclass(frozen=True, slots=True)
class Article:
    """One piece of news, as read from a source.

    ``published_at`` is an ISO 8601 date ("2024-03-28") or None; ``content_hash`` changes when the title, the
    text, the source or the date changes, ``text_hash`` only with the text (SHA-256, hex).
    """

    article_id: str
    title: str
    text: str
    url: str | None
    source: str | None
    published_at: str | None
    content_hash: str
    text_hash: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


def make_article(
    text: str,
    *,
    title: str | None = None,
    url: str | None = None,
    source: str | None = None,
    published_at: str | None = None,
    article_id: str | None = None,
    identity: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Article:
    """Identify and hash an article whose fields are already clean.

    :param published_at: ISO 8601 date, or None when unknown (see :func:`index.dates.parse_date`).
    :param article_id: An id given by the caller; otherwise one is derived from ``url``, else from ``identity``
        (such as the path of the file it came from), else from the text itself.
    :return: The article. Two articles with the same id are revisions of each other.
    """
    text_hash = _sha256(text)
    title = title or _title_from(text)
    content_hash = _sha256(json.dumps([title, text, source, published_at], ensure_ascii=False))
    if article_id is None:
        article_id = _sha256(url or identity or text)[:16]
    return Article(article_id, title, text, url, source, published_at, content_hash, text_hash, dict(metadata or {}))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _title_from(text: str) -> str:
    first_line = next((line.strip() for line in text.splitlines() if line.strip()), "Untitled")
    return first_line if len(first_line) <= 120 else first_line[:117].rsplit(" ", 1)[0] + "…"


@dataclass(frozen=True, slots=True)
class Passage:
    """A run of whole sentences of one article revision: ``article.text[start:end] == text``, always."""

    passage_id: int
    article_id: str
    revision_id: int
    title: str
    url: str | None
    source: str | None
    published_at: str | None
    text: str
    start: int
    end: int


def passage_of(article: Article, revision_id: int, ordinal: int, start: int, end: int) -> Passage:
    """The passage [start, end) of an article's text, the ``ordinal``-th of its revision."""
    return Passage(
        passage_id=revision_id * PASSAGES_PER_REVISION + ordinal,
        article_id=article.article_id,
        revision_id=revision_id,
        title=article.title,
        url=article.url,
        source=article.source,
        published_at=article.published_at,
        text=article.text[start:end],
        start=start,
        end=end,
    )


@dataclass(frozen=True, slots=True)
class Candidate:
    """A passage found by either search, with what both say of it, before fusion.

    ``bm25`` >= 0, higher is better, 0 when no word matches; ``cosine`` in [-1, 1], higher is better;
    ``day`` is the proleptic ordinal of the publication date, 0 when unknown.
    """

    passage_id: int
    bm25: float
    cosine: float
    day: int


@dataclass(frozen=True, slots=True)
class ClusterMember:
    """One of several articles that tell the same story nearly word for word, with what is shown of it."""

    revision_id: int
    article_id: str
    title: str
    url: str | None
    source: str | None
    published_at: str | None


@dataclass(frozen=True, slots=True)
class RetrievedPassage:
    """A passage with its 1-based rank, its score (higher is better) and the stage that ranked it.

    ``also_in``: the other articles that tell its article's story nearly word for word; ``cluster`` names all of them
    together, None when there are none. ``updated_on``: the ISO date on which this revision of its article was accepted,
    None when it is the first.
    """

    passage: Passage
    rank: int
    score: float
    stage: str
    cosine: float
    bm25: float
    also_in: tuple[ClusterMember, ...] = ()
    cluster: int | None = None
    updated_on: str | None = None


@dataclass(frozen=True, slots=True)
class Filters:
    """Which passages may be found. Dates are inclusive ISO dates; undated articles never match a date bound."""

    published_after: str | None = None
    published_before: str | None = None
    source: str | None = None

    @property
    def is_empty(self) -> bool:
        return self.published_after is None and self.published_before is None and self.source is None


@dataclass(frozen=True, slots=True)
class Rejection:
    """Something that could not become an article: which item, and why."""

    item: str
    reason: str


Verdict = Literal["added", "revised", "unchanged", "duplicate"]


@dataclass(frozen=True, slots=True)
class AddedItem:
    """What became of one item: an article has an id and a title, what was rejected an ``item`` and a ``reason``."""

    outcome: Verdict | Literal["rejected"]
    article_id: str | None = None
    title: str | None = None
    url: str | None = None
    item: str | None = None
    reason: str | None = None

    @classmethod
    def of(cls, article: Article, verdict: Verdict) -> AddedItem:
        return cls(verdict, article.article_id, article.title, article.url)

    @classmethod
    def of_rejection(cls, rejection: Rejection) -> AddedItem:
        return cls("rejected", item=rejection.item, reason=rejection.reason)


@dataclass(frozen=True, slots=True)
class AddReport:
    """What became of a batch. The keys of its JSON form are a public contract; ``items`` are not in it."""

    added: int = 0
    revised: int = 0
    unchanged: int = 0
    duplicates: int = 0
    rejected: tuple[Rejection, ...] = ()
    generation: str | None = None
    items: tuple[AddedItem, ...] = field(default=(), compare=False, repr=False)

    @classmethod
    def of_items(cls, items: Iterable[AddedItem]) -> AddReport:
        """The tally of a batch that is in no generation yet."""
        items = tuple(items)
        num = Counter(item.outcome for item in items)
        rejected = tuple(Rejection(i.item or "", i.reason or "") for i in items if i.outcome == "rejected")
        return cls(
            num["added"], num["revised"], num["unchanged"], num["duplicate"], rejected, generation=None, items=items
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "added": self.added,
            "revised": self.revised,
            "unchanged": self.unchanged,
            "duplicates": self.duplicates,
            "rejected": [{"item": r.item, "reason": r.reason} for r in self.rejected],
            "generation": self.generation,
        }
