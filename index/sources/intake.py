"""Takes what an address holds into a collection: page by page, each safe in the library before it counts as seen.

Knows nothing of when an address is read, and leaves the last update of the index to its caller.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from index.errors import BuilderBusyError
from index.fetching import WebFetcher
from index.sources.addresses import clean_address
from index.sources.discover import read_address
from index.sources.events import Listing, PageRead, SourceEvent, Unchanged
from index.sources.feed import DEFAULT_MAX_ENTRIES
from index.sources.fetch_log import FetchLog
from index.types import AddedItem, AddReport, Article, Rejection

_log = logging.getLogger(__name__)
# A long feed is read for minutes, since sites are not hurried; what has come in should be found before its end.
_UPDATE_EVERY_SECONDS = 20.0


class ArticleTaker(Protocol):
    """What taking needs of a collection (:class:`index.collection.Collection`)."""

    def accept(self, items: Iterable[Article | Rejection]) -> AddReport: ...

    def update(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one address. ``error`` is why the address itself could not be read; None when it could.

    ``report`` has no generation: the index was not brought up to date at the end. ``is_whole`` is false when the
    reading was stopped.
    """

    report: AddReport = field(default_factory=AddReport)
    error: str | None = None
    notes: tuple[str, ...] = ()
    is_whole: bool = True


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
    ) -> Taken:
        """Read an address and accept what it holds (see :func:`index.sources.discover.read_address`).

        :param should_stop: Asked between pages; what was taken until then stays, the rest comes next time.
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
        taken = Taken()
        num_done, num_pages, updated_at = 0, 0, self._monotonic()
        for event in events:
            if isinstance(event, Listing):
                num_pages = event.num_chosen
            num_done += isinstance(event, PageRead | Unchanged | Rejection)
            taken = self._one(taken, event, own_item)
            progress("reading pages", num_done, max(num_pages, num_done))
            if should_stop():
                return replace(taken, is_whole=False)
            if isinstance(event, PageRead) and self._monotonic() - updated_at > _UPDATE_EVERY_SECONDS:
                self._update()
                updated_at = self._monotonic()
        return taken

    def _one(self, taken: Taken, event: SourceEvent, own_item: str) -> Taken:
        """Accept what came and only then note in the fetch log that it came."""
        if isinstance(event, Listing):
            return replace(taken, notes=(*taken.notes, *_notes(event)))
        if isinstance(event, Rejection):
            error = event.reason if event.item == own_item else taken.error
            report = merged([taken.report, AddReport.of_items([AddedItem.of_rejection(event)])])
            return replace(taken, report=report, error=error)
        if isinstance(event, PageRead):
            taken = replace(taken, report=merged([taken.report, self._collection.accept(event.articles)]))
        elif isinstance(event, Unchanged):
            taken = replace(
                taken, report=merged([taken.report, AddReport.of_items([AddedItem("unchanged", url=event.url)])])
            )
        if event.record is not None:
            self._fetch_log.put(event.record)
        return taken

    def _update(self) -> None:
        try:
            self._collection.update()
        except BuilderBusyError as error:  # the caller's last update will do
            _log.info("the index is brought up to date later: %s", error)


def _notes(listing: Listing) -> list[str]:
    if listing.num_found <= listing.num_chosen:
        return []
    return [
        f"{listing.address}: the {listing.kind} lists {listing.num_found:,} articles; "
        f"the newest {listing.num_chosen:,} are read"
    ]
