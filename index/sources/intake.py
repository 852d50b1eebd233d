"""Takes what an address holds into a collection: page by page, each safe in the library before it counts as seen.

Knows nothing of when an address is read, and leaves the last update of the index to its caller.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from index.errors import ArticleQAError, BuilderBusyError
from index.fetching import WebFetcher
from index.sources.addresses import clean_address
from index.sources.discover import read_address
from index.sources.events import Listing, ListingTaken, PageRead, Unchanged
from index.sources.feed import DEFAULT_MAX_ENTRIES
from index.sources.fetch_log import FetchLog
from index.types import AddedItem, AddReport, Article, Rejection

_log = logging.getLogger(__name__)
# A long feed is read for minutes, since sites are not hurried; what has come in should be found before its end.
_UPDATE_EVERY_SECONDS = 20.0


_REMOVED = "was removed from the library; add it by itself (`article-qa add …`) to take it again"


class ArticleTaker(Protocol):
    """What taking needs of a collection (:class:`index.collection.Collection`)."""

    def accept(self, items: Iterable[Article | Rejection]) -> AddReport: ...

    def update(self) -> str | None: ...

    def is_removed(self, article_id: str, url: str | None = None) -> bool: ...


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one address. ``error`` is why the address itself could not be read; None when it could.

    ``report`` has no generation: the index was not brought up to date at the end. ``is_whole`` is false when the
    reading was stopped. ``is_index_error`` says that the address was read, and that ``error`` is why the index could
    not be brought up to date meanwhile; it is over once a later update succeeds.
    """

    report: AddReport = field(default_factory=AddReport)
    error: str | None = None
    notes: tuple[str, ...] = ()
    is_whole: bool = True
    is_index_error: bool = False


def merged(reports: Sequence[AddReport]) -> AddReport:
    """One tally of several; the generation is the last one named."""
    return AddReport(
        added=sum(report.added for report in reports),
        revised=sum(report.revised for report in reports),
        unchanged=sum(report.unchanged for report in reports),
        duplicates=sum(report.duplicates for report in reports),
        rejected=tuple(rejection for report in reports for rejection in report.rejected),
        generation=next((report.generation for report in reversed(reports) if report.generation), None),
        items=tuple(item for report in reports for item in report.items),
    )


def without_removed(items: Iterable[Article | Rejection], collection: ArticleTaker) -> Iterator[Article | Rejection]:
    """``items``, where a rejection stands for each article that somebody removed: what is read again and again must
    not bring it back."""
    for item in items:
        if isinstance(item, Article) and collection.is_removed(item.article_id, item.url):
            yield Rejection(item.url or item.title, _REMOVED)
        else:
            yield item


class AddressIntake:
    """Reads addresses into one collection.

    :param now: The time of day, aware; it dates the fetch log and tells dates in the future.
    :param monotonic: Seconds, for the updates in between.
    """

    def __init__(
        self,
        collection: ArticleTaker,
        fetcher: WebFetcher,
        fetch_log: FetchLog,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._collection = collection
        self._fetcher = fetcher
        self._fetch_log = fetch_log
        self._now = now
        self._monotonic = monotonic

    def take(
        self,
        address: str,
        *,
        limit: int = DEFAULT_MAX_ENTRIES,
        recheck_after: timedelta = timedelta(0),
        is_named: bool = False,
        should_stop: Callable[[], bool] = lambda: False,
        progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
        on_report: Callable[[AddReport], None] = lambda report: None,
    ) -> Taken:
        """Read an address and accept what it holds (see :func:`index.sources.discover.read_address`).

        :param should_stop: Asked between pages; what was taken until then stays, the rest comes next time.
        :param on_report: Given the tally of each page once it is safe: all there is of them if something is raised.
        :raises StorageError: If the library could not be written.
        """
        events = read_address(
            address,
            self._fetcher,
            self._fetch_log,
            now=self._now(),
            limit=limit,
            recheck_after=recheck_after,
            is_named=is_named,
        )
        own_item = clean_address(address) or address.strip()[:200]
        reports: list[AddReport] = []
        notes: list[str] = []
        error: str | None = None
        index_error: str | None = None
        num_pages, updated_at, is_whole = 0, self._monotonic(), True
        for event in events:
            if isinstance(event, Listing):
                num_pages = event.num_chosen
                notes += _notes(event)
                continue
            if isinstance(event, Rejection) and event.item == own_item:
                error = event.reason
            reports.append(self._one(event, own_item if is_named else None))
            on_report(reports[-1])
            progress("reading pages", len(reports), max(num_pages, len(reports)))
            if should_stop():
                is_whole = False
                break
            is_update_due = isinstance(event, PageRead) and self._monotonic() - updated_at > _UPDATE_EVERY_SECONDS
            # One that failed is left to the caller: a full disk is no emptier twenty seconds later.
            if is_update_due and index_error is None:
                index_error = self._update()
                updated_at = self._monotonic()
        is_index_error = error is None and index_error is not None
        return Taken(merged(reports), error or index_error, tuple(notes), is_whole, is_index_error)

    def _one(self, event: PageRead | Unchanged | ListingTaken | Rejection, own_item: str | None) -> AddReport:
        """Accept what came, and only then note in the fetch log that it came.

        :param own_item: The address that a person asked for, whose article comes back even if it was removed once.
        """
        if isinstance(event, Rejection):
            return AddReport.of_items([AddedItem.of_rejection(event)])
        report = AddReport()
        if isinstance(event, Unchanged):
            report = AddReport.of_items([AddedItem("unchanged", url=event.url)])
        elif isinstance(event, PageRead):
            articles: Iterable[Article | Rejection] = event.articles
            report = self._collection.accept(
                articles if event.url == own_item else without_removed(articles, self._collection)
            )
        if event.record is not None:
            self._fetch_log.put(event.record)
        return report

    def _update(self) -> str | None:
        """Why the index could not be brought up to date; the reading goes on, since the library has what was taken."""
        try:
            self._collection.update()
        except BuilderBusyError as error:  # the caller's last update will do
            _log.info("the index is brought up to date later: %s", error)
        except ArticleQAError as error:
            _log.warning("the index could not be brought up to date: %s", error)
            return str(error)
        return None


def _notes(listing: Listing) -> list[str]:
    if listing.num_found <= listing.num_chosen:
        return []
    return [
        f"{listing.address}: the {listing.kind} lists {listing.num_found:,} articles; "
        f"the newest {listing.num_chosen:,} are read"
    ]
