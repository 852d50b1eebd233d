"""What the page, the API and MCP need of the service behind them; knows nothing of how it answers.

The real service satisfies these protocols without importing them; tests put a fake in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

from index.generation_list import GenerationInfo
from index.library import Revision
from index.library_listing import Arrival, ArrivalCount, DayCount, ListFilters
from index.sources.intake import Taken
from index.types import AddReport, Article, ClusterMember, Filters, Rejection, RetrievedPassage
from qa.types import Event, Mode, Turn

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much is done, and how much there is to do."""


class LoadingState(Protocol):
    """How far loading the models is; ``done`` and ``total`` count in the stage's own unit."""

    @property
    def stage(self) -> str: ...

    @property
    def done(self) -> int: ...

    @property
    def total(self) -> int: ...

    @property
    def is_ready(self) -> bool: ...

    @property
    def error(self) -> str | None: ...


class ArticleStore(Protocol):
    """Articles and the index over them."""

    def article(self, article_id: str) -> Revision: ...

    def history(self, article_id: str) -> list[Revision]: ...

    def are_removed(self, articles: Sequence[tuple[str | None, str | None]]) -> list[bool]: ...

    def also_in(self, revision_id: int) -> tuple[ClusterMember, ...]: ...

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
    ) -> tuple[list[Revision], int]: ...

    def sources(self) -> list[tuple[str, int]]: ...

    def day_counts(self, filters: ListFilters | None = None, *, num_days: int = 30) -> list[DayCount]: ...

    def revised_on(self, revision_ids: Sequence[int]) -> dict[int, str]: ...

    def arrivals(self, *, offset: int = 0, limit: int = 50) -> list[Arrival]: ...

    def arrival_counts(self, *, limit: int = 50) -> list[ArrivalCount]: ...

    def add(self, items: Iterable[Article | Rejection], *, progress: Progress = ..., total: int = 0) -> AddReport: ...

    def accept(
        self, items: Iterable[Article | Rejection], *, progress: Progress = ..., total: int = 0
    ) -> AddReport: ...

    def update(self, *, progress: Progress = ...) -> str | None: ...

    def remove(self, article_ids: Sequence[str], *, progress: Progress = ...) -> list[str]: ...

    def take_out(self, article_id: str) -> list[Revision]: ...

    def put_back(self, revisions: Sequence[Revision]) -> None: ...

    def rebuild(self, *, full: bool = False, progress: Progress = ...) -> str | None: ...

    def generations(self) -> list[GenerationInfo]: ...

    def rollback(self, name: str | None = None) -> str: ...


class WebAddresses(Protocol):
    """What reads web addresses that people enter. All but ``status`` change the articles, so they need an editor."""

    def take(self, address: str, *, progress: Progress = ...) -> Taken: ...

    def keep(self, address: str, *, minutes: int) -> None: ...

    def forget(self, address: str) -> None: ...


class QuestionService(Protocol):
    """Answers questions over an article store. Every method may be called from any thread."""

    @property
    def collection(self) -> ArticleStore: ...

    @property
    def addresses(self) -> WebAddresses: ...

    def loading(self) -> LoadingState: ...

    def status(self) -> dict[str, Any]: ...

    def search(self, query: str, k: int = 10, filters: Filters | None = None) -> list[RetrievedPassage]: ...

    def ask(
        self,
        question: str,
        *,
        as_of: str | None = None,
        history: Sequence[Turn] = (),
        mode: Mode = "full",
        filters: Filters | None = None,
        use_date_window: bool = True,
    ) -> Iterator[Event]:
        """EvidenceFound, then TextWritten with the whole draft so far, then one Done; closing it stops the writing."""
        ...
