"""Reads sitemaps and indexes of sitemaps (sitemaps.org, with news extensions): which pages there are; fetches none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from index.readers.cleaning import clean_line
from index.readers.language import language_code
from index.readers.limits import DEFAULT_LIMITS, ReadLimits
from index.sources.addresses import resolve
from index.sources.feed import FeedEntry, checked_date, moment
from index.sources.parsing import parse_apart
from index.types import Rejection

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Sitemap:
    """What one sitemap lists, newest first, each address once: pages, or for an index further sitemaps."""

    url: str
    is_index: bool
    entries: tuple[FeedEntry, ...]
    rejected: tuple[Rejection, ...]


def parse_sitemap(body: bytes, *, url: str, now: datetime, limits: ReadLimits = DEFAULT_LIMITS) -> Sitemap:
    """The sitemap in ``body``, already unpacked; broken XML is read as far as it goes.

    :param now: Aware; dates in the future are not believed.
    :raises BadInputError: It lists nothing, or takes too much to parse.
    """
    raw = parse_apart("sitemap", body, url=url, charset=None, limits=limits)
    entries: dict[str, FeedEntry] = {}
    rejected = []
    for number, location in enumerate(raw["locations"], start=1):
        address = resolve(url, location["loc"]) if location.get("loc") else None
        if address is None:
            shown = clean_line(location.get("loc", ""))[:100]
            rejected.append(Rejection(f"{url}, location {number}", f"{shown!r} is no http or https address"))
        elif address not in entries:
            entries[address] = _entry(address, location, now)
    return Sitemap(url, raw["is_index"], newest_changed(entries.values()), tuple(rejected))


def newest_changed(entries: Any) -> tuple[FeedEntry, ...]:
    """Entries by the time of their last change, newest first; those without one last, in the order given."""
    return tuple(sorted(entries, key=lambda entry: entry.changed_at or _LONG_AGO, reverse=True))


def _entry(address: str, location: Mapping[str, str], now: datetime) -> FeedEntry:
    """``lastmod`` says when a page changed, not when the article was published: only news sitemaps say that."""
    day, future = checked_date(location.get("publication_date"), None, now)
    return FeedEntry(
        url=address,
        title=clean_line(location.get("title", "")[:300]) or None,
        published_at=day,
        published_at_as_given=future,
        changed_at=moment(location.get("lastmod"), now) or moment(location.get("publication_date"), now),
        language=language_code(location.get("language")),
    )
