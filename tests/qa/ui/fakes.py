"""A service with scripted answers over articles in memory, in place of the real one behind the page and the API."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from index.errors import BadInputError, NotFoundError
from index.generation_list import GenerationInfo
from index.library import Revision
from index.library_listing import Arrival, ArrivalCount, DayCount, ListFilters
from index.sources.intake import Taken
from index.types import AddReport, Article, ClusterMember, Filters, Passage, Rejection, RetrievedPassage, make_article
from qa.source_status import SourceStatus
from qa.types import Answer, Citation, Done, Event, EvidenceFound, Mode, Models, Seconds, TextWritten, Turn

LICENCE_TEXT = (
    "Xiaomi has waited for months for a permit to build electric cars on its own.\n\n"
    "The licence must come from the National Development and Reform Commission, which has not granted it so far. "
    "Bloomberg reported on the delay almost a month ago.\n\n"
    "Other young brands, such as Li Auto and WM Motor, had the same trouble and bought factories from companies that "
    "already had the permits. NIO chose another way and worked with JAC."
)
LICENCE = make_article(
    LICENCE_TEXT,
    title="Xiaomi is still waiting for its car licence",
    url="https://news.example/xiaomi-licence",
    source="Example News",
    published_at="2022-08-26",
)
LANDING = make_article(
    "India's Chandrayaan-3 lander touched down near the south pole of the Moon on 23 August 2023. "
    "It was the fourth soft landing by a country on the Moon.",
    title="Chandrayaan-3 lands near the Moon's south pole",
    url="https://space.example/chandrayaan",
    source="Space Desk",
    published_at="2023-08-23",
)
QUOTE = "The licence must come from the National Development and Reform Commission"
LICENCE_QUESTION = "Who must approve the licence?"
PRICE_QUESTION = "What does the car cost?"


@dataclass(frozen=True, slots=True)
class FakeLoading:
    stage: str = "ready"
    done: int = 1
    total: int = 1
    is_ready: bool = True
    error: str | None = None


def no_progress(stage: str, done: int, total: int) -> None:
    pass


class FakeCollection:
    """Articles in a dictionary; every write makes a generation."""

    def __init__(self, articles: Iterable[Article] = (), *, build_seconds: float = 0.0) -> None:
        self._lock = threading.Lock()
        self._histories: dict[str, list[Revision]] = {}
        self._number = 0
        self._num_revisions = 0
        self.now = "2024-05-01T10:00:00+00:00"
        self._build_seconds = build_seconds
        self.busy: Exception | None = None
        self.removed: set[str | None] = set()
        self.live: str | None = None
        self.damaged: list[GenerationInfo] = []
        for article in articles:
            self._put(article)
        self.update()

    @property
    def generation(self) -> str:
        return self.live or f"gen-{self._number:06d}"

    def article(self, article_id: str) -> Revision:
        history = self._histories.get(article_id)
        if not history:
            raise NotFoundError(f"there is no article {article_id!r}; /articles lists what there is")
        return history[0]

    def are_removed(self, articles: Sequence[tuple[str | None, str | None]]) -> list[bool]:
        return [article_id in self.removed or url in self.removed for article_id, url in articles]

    def also_in(self, revision_id: int) -> tuple[ClusterMember, ...]:
        return ()

    def history(self, article_id: str) -> list[Revision]:
        return list(self._histories.get(article_id, ()))

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
        matching = self._matching(ListFilters(query, source, published_after, published_before).checked())
        if sort == "title":
            matching.sort(key=lambda revision: revision.article.title.lower())
        elif sort == "source":
            matching.sort(key=lambda revision: (not revision.article.source, (revision.article.source or "").lower()))
        elif sort == "added":
            matching.sort(key=lambda revision: (revision.accepted_at, revision.revision_id), reverse=True)
        elif sort in ("newest", "oldest"):
            dated = [revision for revision in matching if revision.article.published_at]
            dated.sort(key=lambda revision: str(revision.article.published_at), reverse=sort == "newest")
            matching = [*dated, *(revision for revision in matching if not revision.article.published_at)]
        else:
            raise BadInputError(f"sort={sort!r}; expected one of newest, oldest, added, title, source")
        return matching[offset : offset + limit], len(matching)

    def sources(self) -> list[tuple[str, int]]:
        counts = Counter(history[0].article.source or "" for history in self._histories.values())
        return sorted(counts.items(), key=lambda pair: (not pair[0], -pair[1], pair[0]))

    def day_counts(self, filters: ListFilters | None = None, *, num_days: int = 30) -> list[DayCount]:
        days = [
            (revision.article.published_at, revision.article.source or "")
            for revision in self._matching(filters or ListFilters())
            if revision.article.published_at
        ]
        newest = max((day for day, _ in days), default="0001-01-01")
        first = date.fromordinal(max(1, date.fromisoformat(newest).toordinal() - num_days + 1)).isoformat()
        return [DayCount(*pair, num) for pair, num in sorted(Counter(days).items()) if pair[0] >= first]

    def revised_on(self, revision_ids: Sequence[int]) -> dict[int, str]:
        later = [revision for history in self._histories.values() for revision in history[:-1]]
        return {some.revision_id: some.accepted_at[:10] for some in later if some.revision_id in revision_ids}

    def arrivals(self, *, offset: int = 0, limit: int = 50) -> list[Arrival]:
        found = [
            Arrival(
                revision.revision_id,
                article_id,
                revision.article.title,
                revision.article.source,
                revision.accepted_at,
                "added" if revision is history[-1] else "revised",
            )
            for article_id, history in self._histories.items()
            for revision in history
        ]
        found.sort(key=lambda arrival: (arrival.accepted_at, arrival.revision_id), reverse=True)
        return found[offset : offset + limit]

    def arrival_counts(self, *, limit: int = 50) -> list[ArrivalCount]:
        counts: dict[str, Counter[str]] = {}
        for arrival in self.arrivals(limit=10_000):
            counts.setdefault(arrival.accepted_at[:16], Counter())[arrival.verdict] += 1
        return [ArrivalCount(minute, some["added"], some["revised"]) for minute, some in counts.items()][:limit]

    def _matching(self, filters: ListFilters) -> list[Revision]:
        after, before = filters.published_after, filters.published_before
        found = []
        for revision in [history[0] for history in self._histories.values()]:
            article = revision.article
            day = article.published_at or ""
            if (
                filters.query.lower() in f"{article.title} {article.source} {article.url}".lower()
                and filters.source in (None, article.source or "")
                and (after is None or day >= after)
                and (before is None or (day and day <= before))
            ):
                found.append(revision)
        return found

    def add(
        self,
        items: Iterable[Article | Rejection],
        *,
        progress: Callable[[str, int, int], None] = no_progress,
        total: int = 0,
    ) -> AddReport:
        report = self.accept(items, progress=progress, total=total)
        return replace(report, generation=self.update(progress=progress))

    def accept(
        self,
        items: Iterable[Article | Rejection],
        *,
        progress: Callable[[str, int, int], None] = no_progress,
        total: int = 0,
    ) -> AddReport:
        tally = {"added": 0, "revised": 0, "unchanged": 0}
        rejected = []
        with self._lock:
            for item in items:
                if isinstance(item, Rejection):
                    rejected.append(item)
                else:
                    tally[self._put(item)] += 1
        return AddReport(
            tally["added"], tally["revised"], tally["unchanged"], tally.get("duplicates", 0), rejected=tuple(rejected)
        )

    def update(self, *, progress: Callable[[str, int, int], None] = no_progress) -> str | None:
        if self.busy is not None:
            raise self.busy
        for done in range(5):
            progress("embedding passages", done, 5)
            time.sleep(self._build_seconds / 5)
        self._number += 1
        self.live = None
        return self.generation

    def remove(
        self, article_ids: Sequence[str], *, progress: Callable[[str, int, int], None] = no_progress
    ) -> list[str]:
        removed = [article_id for article_id in article_ids if self._histories.pop(article_id, None)]
        self.removed.update(removed)
        if not removed:
            raise NotFoundError(f"there is no article {', '.join(map(repr, article_ids))}; nothing was removed")
        self.update(progress=progress)
        return removed

    def rebuild(self, *, full: bool = False, progress: Callable[[str, int, int], None] = no_progress) -> str | None:
        return self.update(progress=progress)

    def take_out(self, article_id: str) -> list[Revision]:
        history = self._histories.pop(article_id, None)
        if not history:
            raise BadInputError(f"there is no article {article_id!r}; nothing was removed")
        return history[::-1]

    def put_back(self, revisions: Sequence[Revision]) -> None:
        article_id = revisions[0].article.article_id
        if article_id in self._histories:
            raise BadInputError(f"the article was added again meanwhile (as {article_id}), so it is not put back")
        self._histories[article_id] = list(revisions)[::-1]

    def generations(self) -> list[GenerationInfo]:
        numbers = range(max(1, self._number - 2), self._number + 1)
        return [self._generation(number) for number in numbers] + self.damaged

    def rollback(self, name: str | None = None) -> str:
        older = [info.generation for info in self.generations() if not info.is_live and info.damage is None]
        if name is not None and name not in older:
            raise BadInputError(f"there is no generation {name!r}; there are {', '.join(older)}")
        self.live = name or older[-1]
        return self.live

    def _generation(self, number: int) -> GenerationInfo:
        name, num_articles = f"gen-{number:06d}", len(self._histories)
        made_at = f"2024-05-01T10:{number % 60:02d}:00+00:00"
        return GenerationInfo(
            name, name == self.generation, made_at, num_articles, 3 * num_articles, "hash-words", None
        )

    def _put(self, article: Article) -> str:
        history = self._histories.setdefault(article.article_id, [])
        if history and history[0].article.content_hash == article.content_hash:
            return "unchanged"
        self._num_revisions += 1
        history.insert(0, Revision(self._num_revisions, article, self.now))
        return "revised" if len(history) > 1 else "added"


@dataclass
class FakeAddresses:
    """Gives what was prepared for an address, refuses all others, and keeps some in memory."""

    store: FakeCollection
    prepared: dict[str, list[Article | Rejection]] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)
    taken: list[str] = field(default_factory=list)
    page_seconds: float = 0.0

    def take(self, address: str, *, progress: Callable[[str, int, int], None] = no_progress) -> Taken:
        if not address.startswith("http"):
            raise BadInputError(f"{address!r} is no web address; expected one such as https://example.org/news")
        self.taken.append(address)
        items = self.prepared.get(address)
        if items is None:
            reason = "127.0.0.1 is a loopback address; only the public internet is fetched from"
            return Taken(AddReport(rejected=(Rejection(address, reason),)), error=reason)
        for done in range(len(items)):
            progress("reading pages", done, len(items))
            time.sleep(self.page_seconds)
        return Taken(self.store.accept(items))

    def keep(self, address: str, *, minutes: int) -> None:
        self.kept[address] = minutes

    def forget(self, address: str) -> None:
        del self.kept[address]

    def status(self) -> list[dict[str, Any]]:
        return [SourceStatus(address).to_json() | {"every_minutes": every} for address, every in self.kept.items()]


@dataclass
class FakeService:
    """Answers LICENCE_QUESTION, says "not in the articles" to every other question.

    :param word_seconds: How long each word of a draft takes.
    :param script: Events to give for a question instead.
    """

    store: FakeCollection = field(default_factory=lambda: FakeCollection([LICENCE, LANDING]))
    word_seconds: float = 0.0
    state: FakeLoading = FakeLoading()
    script: dict[str, list[Event]] = field(default_factory=dict)
    error: Exception | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)
    num_stopped: int = 0
    sources: list[dict[str, Any]] = field(default_factory=list)
    web: FakeAddresses | None = None

    @property
    def collection(self) -> FakeCollection:
        """The real one waits for the models here, so the page must not come here before they are loaded."""
        assert self.state.is_ready, "asked for the articles before they were loaded"
        return self.store

    @property
    def addresses(self) -> FakeAddresses:
        assert self.state.is_ready, "asked for the addresses before they were loaded"
        self.web = self.web or FakeAddresses(self.store)
        return self.web

    def loading(self) -> FakeLoading:
        return self.state

    def status(self) -> dict[str, Any]:
        revisions, total = self.collection.articles(limit=1)
        return {
            "generation": self.collection.generation,
            "num_articles": total,
            "num_passages": total * 3,
            "newest_published_at": revisions[0].article.published_at if revisions else None,
            "models": {"embedder": "all-MiniLM-L6-v2", "evidence": "same", "generator": "Qwen2.5-Coder-1.5B-Instruct"},
            "created_at": "2024-05-01T10:00:00+00:00",
            "problem": None,
            "sources": [*self.sources, *self.addresses.status()],
        }

    def search(self, query: str, k: int = 10, filters: Filters | None = None) -> list[RetrievedPassage]:
        self.asked.append({"query": query, "k": k, "filters": filters})
        revisions, _ = self.collection.articles(limit=k)
        return [retrieved(revision.article, rank) for rank, revision in enumerate(revisions, start=1)]

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
        self.asked.append({"question": question, "as_of": as_of, "history": list(history), "mode": mode})
        if not use_date_window:
            self.asked[-1]["use_date_window"] = False
        if filters is not None:
            self.asked[-1]["filters"] = filters
        if self.error is not None:
            raise self.error
        try:
            for event in self.script.get(question) or self._events(question, mode):
                yield event
                time.sleep(self.word_seconds)
        except GeneratorExit:
            self.num_stopped += 1
            raise

    def _events(self, question: str, mode: Mode) -> list[Event]:
        _, total = self.collection.articles(limit=1)
        passages = tuple(self.search(question, 5))
        self.asked.pop()
        if not total:
            return [Done(answer(question, "no_articles", passages=()))]
        if question != LICENCE_QUESTION:
            return [EvidenceFound(question, passages), Done(answer(question, "not_in_articles", passages=passages))]
        found = EvidenceFound(question, passages)
        words = ["The", "National", "Development", "and", "Reform", "Commission", "must", "approve", "the", "licence."]
        drafts: list[Event] = [TextWritten(" ".join(words[: n + 1])) for n in range(len(words))]
        final = Done(
            licence_answer(
                next((p for p in passages if p.passage.article_id == LICENCE.article_id), retrieved(LICENCE)), passages
            )
        )
        return [found, *(drafts if mode == "full" else []), final]


def retrieved(article: Article, rank: int = 1) -> RetrievedPassage:
    """The whole text of an article as one passage."""
    passage = Passage(
        passage_id=rank << 16,
        article_id=article.article_id,
        revision_id=rank,
        title=article.title,
        url=article.url,
        source=article.source,
        published_at=article.published_at,
        text=article.text,
        start=0,
        end=len(article.text),
    )
    return RetrievedPassage(passage, rank, 1.0 / rank, "fusion", 0.5, 3.0)


def answer(question: str, outcome: Any, **changes: Any) -> Answer:
    models = Models("all-MiniLM-L6-v2", "same", "Qwen2.5-Coder-1.5B-Instruct")
    base = Answer(question, question, outcome, None, "", 0.0, models, generation="gen-000001")
    return replace(base, **changes)


def cited(found: RetrievedPassage, words: str, marker: int = 1) -> Citation:
    start = found.passage.text.index(words)
    return Citation(marker, found, start, start + len(words))


def licence_answer(found: RetrievedPassage, passages: tuple[RetrievedPassage, ...]) -> Answer:
    return answer(
        LICENCE_QUESTION,
        "answered",
        short_answer="The National Development and Reform Commission",
        answer=(
            "The licence must come from the National Development and Reform Commission. [1] "
            "Li Auto and WM Motor had the same trouble and bought factories. [2]"
        ),
        confidence=0.91,
        citations=(cited(found, QUOTE), cited(found, "Li Auto and WM Motor, had the same trouble", 2)),
        passages=passages,
        seconds=Seconds(0.02, 0.2, 0.9, 2.4),
    )
