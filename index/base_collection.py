"""What every collection does with its library, whatever the index over it is; knows nothing of questions or files.

Everything an entry point does to articles goes through a collection: accept them, keep the index up to date, hand out
the live snapshot.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from index.builder import Progress, no_progress
from index.collection_check import CheckReport
from index.errors import NotFoundError
from index.generation_list import GenerationDiff, GenerationInfo
from index.library import Library, Revision
from index.library_listing import Arrival, ArrivalCount, DayCount, LibraryListing, ListFilters
from index.protocols import NamesArticles, PassageSnapshot
from index.types import AddedItem, AddReport, Article, ClusterMember, Rejection

_ARTICLES_PER_TRANSACTION = 200


class BaseCollection(ABC):
    """Articles in a library, and an index over them that is brought up to date with it.

    :param mentions: What names or quotes articles; one that is removed goes from there too.
    """

    def __init__(self, library: Library, mentions: Sequence[NamesArticles] = ()) -> None:
        self._library = library
        self._listing = LibraryListing(library.database)
        self._mentions = tuple(mentions)

    # The index

    @abstractmethod
    def snapshot(self) -> PassageSnapshot | None:
        """The live generation, opened; None when nothing was ever indexed. Callers keep it for a whole question."""

    @abstractmethod
    def open_generation(self, name: str) -> PassageSnapshot:
        """A generation by its name, opened, whichever is live; what is served stays as it is.

        :raises BadInputError: If there is no such generation (see ``index.keep_generations``).
        """

    @property
    @abstractmethod
    def problem(self) -> str | None:
        """Why the live generation is not the one served, or not searched in full; None when it is."""

    @property
    @abstractmethod
    def is_of_other_embedder(self) -> bool:
        """Whether the live generation was built with another embedder than this process runs."""

    @abstractmethod
    def status(self) -> dict[str, Any]:
        """Counts and names; the keys are part of a public contract."""

    @abstractmethod
    def generations(self) -> list[GenerationInfo]:
        """All generations there are, oldest first."""

    @abstractmethod
    def diff(self, old: str, new: str) -> GenerationDiff:
        """Which articles came, went and changed from one generation to another.

        :raises BadInputError: If there is no such generation.
        """

    @abstractmethod
    def update(self, *, progress: Progress = no_progress) -> str | None:
        """Bring the index up to date with the library; waits for another builder for a while.

        :raises BuilderBusyError: If that one takes longer; the articles are in the library.
        """

    @abstractmethod
    def rebuild(self, *, full: bool = False, force: bool = False, progress: Progress = no_progress) -> str | None:
        """Build a generation now, or fail at once when another builder works.

        :param force: Publish it even if the verification fails.
        :raises VerificationError: If it was derived anew and failed the verification; the old one serves on.
        """

    @abstractmethod
    def rollback(self, name: str | None = None) -> str:
        """Make an older generation live; the previous one that can be if no name is given.

        :raises BadInputError: If there is none, it holds removed text, or it was built with another embedder.
        """

    @abstractmethod
    def check(self, progress: Progress = no_progress) -> CheckReport:
        """Read everything there is and say what is damaged."""

    # Reading

    def article(self, article_id: str) -> Revision:
        """:raises NotFoundError: If there is no such live article."""
        revision = self._library.article(article_id)
        if revision is None:
            raise NotFoundError(
                f"there is no article {article_id!r}; `status` counts and /articles lists what there is"
            )
        return revision

    def is_removed(self, article_id: str, url: str | None = None) -> bool:
        """See :meth:`index.library.Library.is_removed`."""
        return self._library.is_removed(article_id, url)

    def are_removed(self, articles: Sequence[tuple[str | None, str | None]]) -> list[bool]:
        """See :meth:`index.library.Library.are_removed`."""
        return self._library.are_removed(articles)

    def history(self, article_id: str) -> list[Revision]:
        """Every revision of an article, newest first; empty when there is none."""
        return self._library.history(article_id)

    def also_in(self, revision_id: int) -> tuple[ClusterMember, ...]:
        """Other articles of the live generation that tell a revision's story nearly word for word."""
        snapshot = self.snapshot()
        return snapshot.also_in(revision_id) if snapshot is not None else ()

    def articles(
        self,
        *,
        offset: int = 0,
        limit: int = 50,
        query: str = "",
        source: str | None = None,
        published_after: str | None = None,
        published_before: str | None = None,
        sort: str = "newest",
    ) -> tuple[list[Revision], int]:
        """A page of live articles, and how many match in all (see :mod:`index.library_listing`)."""
        filters = ListFilters(query, source, published_after, published_before)
        return self._listing.articles(filters, offset=offset, limit=limit, sort=sort)

    def sources(self) -> list[tuple[str, int]]:
        """See :meth:`index.library_listing.LibraryListing.sources`."""
        return self._listing.sources()

    def day_counts(self, filters: ListFilters | None = None, *, num_days: int = 30) -> list[DayCount]:
        """See :meth:`index.library_listing.LibraryListing.day_counts`."""
        return self._listing.day_counts(filters or ListFilters(), num_days=num_days)

    def arrivals(self, *, offset: int = 0, limit: int = 50) -> list[Arrival]:
        """See :meth:`index.library_listing.LibraryListing.arrivals`."""
        return self._listing.arrivals(offset=offset, limit=limit)

    def arrival_counts(self, *, limit: int = 50) -> list[ArrivalCount]:
        """See :meth:`index.library_listing.LibraryListing.arrival_counts`."""
        return self._listing.arrival_counts(limit=limit)

    def revised_on(self, revision_ids: Sequence[int]) -> dict[int, str]:
        """See :meth:`index.library.Library.revised_on`."""
        return self._library.revised_on(revision_ids)

    # Writing

    def add(
        self, items: Iterable[Article | Rejection], *, progress: Progress = no_progress, total: int = 0
    ) -> AddReport:
        """Accept articles and index them.

        Each group of 200 is committed before the next is read, so a kill loses no acknowledged group; the index is
        brought up to date once, at the end.

        :param total: How many items are expected, for the progress; 0 when unknown.
        :raises BuilderBusyError: If the index could not be updated now; the articles are in the library.
        """
        report = self.accept(items, progress=progress, total=total)
        return replace(report, generation=self.update(progress=progress))

    def accept(
        self, items: Iterable[Article | Rejection], *, progress: Progress = no_progress, total: int = 0
    ) -> AddReport:
        """Store articles in the library without indexing them; see :meth:`add`."""
        done: list[AddedItem] = []
        source = iter(items)
        while group := list(islice(source, _ARTICLES_PER_TRANSACTION)):
            verdicts = iter(self._library.accept([item for item in group if isinstance(item, Article)]))
            done += [
                AddedItem.of_rejection(item) if isinstance(item, Rejection) else AddedItem.of(item, next(verdicts))
                for item in group
            ]
            progress("reading articles", len(done), max(total, len(done)))
        return AddReport.of_items(done)

    def remove(self, article_ids: Sequence[str], *, progress: Progress = no_progress) -> list[str]:
        """Delete articles' texts from the library and from every generation, and name and quote them nowhere any more.

        The text is gone from the library at once; if the rest is interrupted, the next build goes on with it.

        :return: The ids that were live.
        :raises NotFoundError: If none of them was.
        """
        # By address too, which one id may have come by under another.
        revisions = [some for article_id in article_ids for some in self._library.history(article_id)]
        urls = {some.article.url for some in revisions if some.article.url}
        self._forget(article_ids, urls)  # first: nothing would repeat it after a crash
        removed = self._library.remove(article_ids)
        if not removed:
            raise NotFoundError(f"there is no article {', '.join(map(repr, article_ids))}; nothing was removed")
        self._forget(article_ids, urls)  # again: what was being written did not know of the removal
        self.update(progress=progress)
        return removed

    def take_out(self, article_id: str) -> list[Revision]:
        """Like :meth:`remove`, for one article whose removal may be undone: the index is left to :meth:`update`.

        :return: All that was deleted of it, for :meth:`put_back`; in no file any more once the index was updated.
        :raises NotFoundError: If there is no such live article.
        """
        urls = {some.article.url for some in self._library.history(article_id) if some.article.url}
        self._forget([article_id], urls)
        revisions = self._library.take_out(article_id)
        if not revisions:
            raise NotFoundError(f"there is no article {article_id!r}; nothing was removed")
        self._forget([article_id], urls)
        return revisions

    def put_back(self, revisions: Sequence[Revision]) -> None:
        """See :meth:`index.library.Library.put_back`; the index is left to :meth:`update`."""
        self._library.put_back(revisions)

    # Inside

    def _forget(self, article_ids: Sequence[str], urls: set[str]) -> None:
        for place in self._mentions:
            place.forget(set(article_ids), urls)
