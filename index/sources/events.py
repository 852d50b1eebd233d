"""What reading an address gives, piece by piece; plain values that know neither the library nor the network.

A :class:`~index.sources.fetch_log.FetchRecord` in an event may be written to the fetch log only once the articles of
this event, and of all events before it, are safe in the library.
"""

from __future__ import annotations

from dataclasses import dataclass

from index.sources.fetch_log import FetchRecord
from index.types import Article, Rejection


@dataclass(frozen=True, slots=True)
class Listing:
    """The address is a feed or sitemap: ``num_found`` articles are announced, the newest ``num_chosen`` are read."""

    address: str
    kind: str
    title: str | None
    num_found: int
    num_chosen: int


@dataclass(frozen=True, slots=True)
class PageRead:
    """A page was fetched and holds these articles (several only in a JSON or JSON lines file)."""

    url: str
    articles: tuple[Article, ...]
    record: FetchRecord


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The page or list is as it was when last taken; ``record`` is None where not even the server had to be asked."""

    url: str
    record: FetchRecord | None


@dataclass(frozen=True, slots=True)
class ListingTaken:
    """Everything a feed or sitemap announces was taken, or refused for good: only its changes matter from now on."""

    record: FetchRecord


SourceEvent = Listing | PageRead | Unchanged | ListingTaken | Rejection
