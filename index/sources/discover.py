"""Reads a web address, whatever it is: an article page, a feed or a sitemap, whose pages it reads one by one.

Knows nothing of where articles go; one bad page never stops the others. Robots' rules, pauses and private addresses
are the fetcher's affair.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from index.errors import BadInputError, PermanentFetchError, TransientFetchError
from index.fetching import Fetched, WebFetcher
from index.readers import ReadLimits
from index.readers.limits import DEFAULT_LIMITS
from index.sources.addresses import clean_address, host_of
from index.sources.content import content_kind, unpacked
from index.sources.events import Listing, ListingTaken, PageRead, SourceEvent, Unchanged
from index.sources.feed import DEFAULT_MAX_ENTRIES, FeedEntry, parse_feed
from index.sources.fetch_log import FetchLog, FetchRecord
from index.sources.page import read_page
from index.sources.sitemap import Sitemap, newest_changed, parse_sitemap
from index.types import Article, Rejection

MAX_SITEMAPS = 20
MAX_FAILURES_OF_A_HOST = 3
_EXPECTED = "expected an address such as https://news.example/article"


def read_address(
    address: str,
    fetcher: WebFetcher,
    fetch_log: FetchLog,
    *,
    now: datetime,
    limit: int = DEFAULT_MAX_ENTRIES,
    recheck_after: timedelta = timedelta(0),
    is_named: bool = False,
    limits: ReadLimits = DEFAULT_LIMITS,
) -> Iterator[SourceEvent]:
    """Fetch an address and, of a feed or sitemap, the newest ``limit`` pages it lists.

    The caller writes the events' records to ``fetch_log``, each after what came with it is safe.

    :param now: Aware.
    :param recheck_after: Pages taken within this time are not asked about again, unless the list says they changed.
    :param is_named: A person asks for this address now: it is fetched even if the server would call it unchanged.
    """
    url = clean_address(address)
    if url is None:
        yield Rejection(address.strip()[:200], f"is not a well-formed web address; {_EXPECTED}")
        return
    yield from _Reading(fetcher, fetch_log, now, limit, recheck_after, limits).address(url, is_named)


@dataclass(slots=True)
class _Reading:
    """One reading of one address.

    ``is_complete`` turns false when a page should be tried again later; ``failures`` counts those of each host that
    came in a row, so that one that is down or overloaded is not asked for all of its pages.
    """

    fetcher: WebFetcher
    fetch_log: FetchLog
    now: datetime
    limit: int
    recheck_after: timedelta
    limits: ReadLimits
    is_complete: bool = True
    failures: Counter[str] = field(default_factory=Counter)

    def address(self, url: str, is_named: bool) -> Iterator[SourceEvent]:
        known = None if is_named else self.fetch_log.get(url)
        fetched = self._fetch(url, known)
        if isinstance(fetched, Rejection):
            yield fetched
        elif fetched.status == "not_modified":
            yield Unchanged(url, self._record(url, fetched, known))
        else:
            yield from self._content(url, fetched)

    def _content(self, url: str, fetched: Fetched) -> Iterator[SourceEvent]:
        try:
            fetched = replace(fetched, body=unpacked(fetched.body))
            kind = content_kind(fetched.body, fetched.media_type)
            if kind == "feed":
                yield from self._feed(url, fetched)
            elif kind == "sitemap":
                yield from self._sitemap(url, fetched)
            else:
                yield from self._page(url, fetched, None)
        except BadInputError as error:
            yield Rejection(url, str(error))

    def _feed(self, url: str, fetched: Fetched) -> Iterator[SourceEvent]:
        feed = parse_feed(
            fetched.body,
            url=fetched.url,
            charset=fetched.charset,
            now=self.now,
            max_entries=self.limit,
            limits=self.limits,
        )
        yield Listing(url, "feed", feed.title, feed.num_found, len(feed.entries))
        yield from feed.rejected
        yield from self._pages(feed.entries)
        if self.is_complete:
            yield ListingTaken(self._record(url, fetched, None))

    def _sitemap(self, url: str, fetched: Fetched) -> Iterator[SourceEvent]:
        sitemap = parse_sitemap(fetched.body, url=fetched.url, now=self.now, limits=self.limits)
        yield from sitemap.rejected
        # An index often stays the same while its sitemaps change, so its own record would hide new pages.
        records = [] if sitemap.is_index else [self._record(url, fetched, None)]
        if sitemap.is_index:
            entries = yield from self._nested(sitemap, records)
        else:
            entries = list(sitemap.entries)
        # Whatever was cut off here is older than what was taken, so a complete reading needs none of it.
        chosen = newest_changed(entries)[: self.limit]
        yield Listing(url, "sitemap", None, len(entries), len(chosen))
        yield from self._pages(chosen)
        if self.is_complete:
            yield from map(ListingTaken, records)

    def _nested(self, index: Sitemap, records: list[FetchRecord]) -> Generator[SourceEvent, None, list[FeedEntry]]:
        """The pages of an index's sitemaps, newest sitemaps first; the sitemaps' own records go to ``records``."""
        pages: dict[str, FeedEntry] = {}
        for place in index.entries[:MAX_SITEMAPS]:
            if self._has_all_newer(pages.values(), place):
                break
            known = self.fetch_log.get(place.url)
            fetched = self._fetch(place.url, known)
            if isinstance(fetched, Rejection):
                yield fetched
            elif fetched.status == "not_modified":
                yield Unchanged(place.url, self._record(place.url, fetched, known))
            else:
                try:
                    nested = parse_sitemap(unpacked(fetched.body), url=fetched.url, now=self.now, limits=self.limits)
                    if nested.is_index:
                        raise BadInputError("is an index of sitemaps inside another; add it by its own address")
                except BadInputError as error:
                    yield Rejection(place.url, str(error))
                    continue
                yield from nested.rejected
                pages = {entry.url: entry for entry in nested.entries} | pages
                records.append(self._record(place.url, fetched, None))
        return list(pages.values())

    def _has_all_newer(self, pages: Collection[FeedEntry], place: FeedEntry) -> bool:
        """Whether no page of a sitemap can be among the newest, since it last changed before all of those."""
        if place.changed_at is None or len(pages) < self.limit:
            return False
        times = sorted((page.changed_at for page in pages if page.changed_at), reverse=True)
        return len(times) >= self.limit and times[self.limit - 1] >= place.changed_at

    def _pages(self, entries: Sequence[FeedEntry]) -> Iterator[SourceEvent]:
        for entry in entries:
            known = self.fetch_log.get(entry.url)
            if known is not None and self._is_fresh(known, entry):
                yield Unchanged(entry.url, None)
                continue
            fetched = self._fetch(entry.url, known)
            if isinstance(fetched, Rejection):
                yield fetched
            elif fetched.status == "not_modified":
                yield Unchanged(entry.url, self._record(entry.url, fetched, known))
            else:
                yield from self._page(entry.url, fetched, entry)

    def _page(self, url: str, fetched: Fetched, entry: FeedEntry | None) -> Iterator[SourceEvent]:
        results = list(read_page(fetched, now=self.now, entry=entry, limits=self.limits))
        yield from (result for result in results if isinstance(result, Rejection))
        articles = tuple(result for result in results if isinstance(result, Article))
        if articles:
            yield PageRead(url, articles, self._record(url, fetched, None))

    def _fetch(self, url: str, known: FetchRecord | None) -> Fetched | Rejection:
        """What ``url`` answers, asked for only if it changed where it is ``known``."""
        host = host_of(url) or url
        if self.failures[host] >= MAX_FAILURES_OF_A_HOST:
            self.is_complete = False
            return Rejection(url, f"try again later: not asked for, since {host} failed {self.failures[host]} times")
        etag = known.etag if known else None
        last_modified = known.last_modified if known else None
        try:
            fetched = self.fetcher.fetch(url, etag=etag, last_modified=last_modified)
        except TransientFetchError as error:
            self.is_complete = False
            self.failures[host] += 1
            return Rejection(url, f"try again later: {_without(url, error)}")
        except (PermanentFetchError, BadInputError) as error:
            return Rejection(url, _without(url, error))
        self.failures[host] = 0
        return fetched

    def _is_fresh(self, known: FetchRecord, entry: FeedEntry) -> bool:
        if entry.changed_at is not None and entry.changed_at > known.checked_at:
            return False
        return self.now - known.checked_at < self.recheck_after

    def _record(self, url: str, fetched: Fetched, known: FetchRecord | None) -> FetchRecord:
        """An answer of "not modified" may leave its validators out; then the known ones hold."""
        etag = fetched.etag or (known.etag if known else None)
        last_modified = fetched.last_modified or (known.last_modified if known else None)
        return FetchRecord(url, etag, last_modified, self.now)


def _without(url: str, error: Exception) -> str:
    """What went wrong, without the address in front: the rejection is named after it already."""
    return str(error).removeprefix(f"{url} ")
