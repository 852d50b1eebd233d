"""A running Article QA: loads in the background, then answers and takes articles; knows no page or command."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from index.base_collection import BaseCollection
from index.dates import parse_date
from index.errors import ArticleQAError, BadInputError, BuilderBusyError, ModelError
from index.types import Filters, RetrievedPassage
from qa.composition import Parts
from qa.generators.protocol import RemoteWriter, WriterState
from qa.source_schedule import SourceSchedule
from qa.types import Event, Mode, Turn
from qa.web_addresses import WebAddresses

_log = logging.getLogger(__name__)
_LOOK_SECONDS = 1.0
"""How often it is looked whether another program has published a generation."""
# Until the index holds what the library does. Another builder is soon done; an error may cost a whole build each time.
_FIRST_RETRY_SECONDS = 1.0
_LONGEST_BUSY_RETRY_SECONDS = 60.0
_LONGEST_RETRY_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Loading:
    """How far loading is: ``done`` of ``total`` in the stage's own unit; ``error`` is one line or None."""

    stage: str = "starting"
    done: int = 0
    total: int = 1
    is_ready: bool = False
    error: str | None = None


class Service:
    """Thread-safe. Methods that need the models wait for them.

    :param build: Makes the parts, reporting its progress; runs once, in the background after :meth:`start`.
    :param build_schedule: Makes what reads the configured sources; started once the parts are there.
    :param build_addresses: Makes what reads addresses that people enter; likewise.
    """

    def __init__(
        self,
        build: Callable[[Callable[[str, int, int], None]], Parts],
        build_schedule: Callable[[Parts], SourceSchedule] | None = None,
        build_addresses: Callable[[Parts], WebAddresses] | None = None,
    ) -> None:
        self._build = build
        self._build_schedule = build_schedule
        self._build_addresses = build_addresses
        self._schedule: SourceSchedule | None = None
        self._addresses: WebAddresses | None = None
        self._loading = Loading()
        self._finished = threading.Event()
        self._parts: Parts | None = None
        self._prewarmed: str | None = None
        self._closing = threading.Event()
        self._started = False
        self._repaired = False
        self._catch_up_problem: str | None = None
        self._follow_problem: str | None = None

    def start(self) -> None:
        """Begin loading in the background, then follow the index as generations are published."""
        self._started = True
        threading.Thread(target=self._run, name="article-qa loading", daemon=True).start()

    def loading(self) -> Loading:
        return self._loading

    def parts(self) -> Parts:
        """Wait for the models.

        :raises ModelError: If they could not be loaded; the message says why.
        """
        self._finished.wait()
        if self._parts is None:
            raise ModelError(self._loading.error or "the models are not loaded")
        return self._parts

    @property
    def collection(self) -> BaseCollection:
        return self.parts().collection

    @property
    def addresses(self) -> WebAddresses:
        """:raises BadInputError: If this service reads none."""
        self.parts()
        if self._addresses is None:
            raise BadInputError("web addresses are not read here; use `article-qa add` on the command line")
        return self._addresses

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
        """See :meth:`qa.pipeline.Pipeline.ask`; ``as_of`` is a date as text.

        :raises BadInputError: Also if ``as_of`` is no date.
        """
        day = parse_as_of(as_of)
        return self.parts().pipeline.ask(
            question, as_of=day, history=history, mode=mode, filters=filters, use_date_window=use_date_window
        )

    def search(self, query: str, k: int = 10, filters: Filters | None = None) -> list[RetrievedPassage]:
        """See :meth:`qa.pipeline.Pipeline.search`."""
        return self.parts().pipeline.search(query, k, filters=filters)

    def status(self) -> dict[str, Any]:
        """Counts, dates and models; the keys are part of a public contract."""
        parts = self.parts()
        sources = self._schedule.status() if self._schedule is not None else []
        kept = self._addresses.status() if self._addresses is not None else []
        status = service_status(parts, [*sources, *kept])
        problems = [problem for problem in (status["problem"], self._catch_up_problem) if problem]
        return status | {"problem": "; ".join(problems) or None}

    def close(self) -> None:
        """Stop following the index and unload the writing model, also one that is still being loaded."""
        self._closing.set()
        if self._started:
            self._finished.wait()
        if self._schedule is not None:
            self._schedule.stop()
        if self._addresses is not None:
            self._addresses.stop()
        if self._parts is not None and self._parts.generator is not None:
            self._parts.generator.close()

    def _run(self) -> None:
        try:
            self._parts = self._build(self._report)
        except ArticleQAError as error:
            self._loading = replace(self._loading, error=str(error))
            self._finished.set()
            return
        except BaseException as error:
            self._loading = replace(self._loading, error=f"loading failed: {error}")
            self._finished.set()
            raise
        self._open_addresses(self._parts)
        self._finished.set()
        self._report("reading the articles ahead", 0, 1)
        self._follow_once(self._parts)
        threading.Thread(target=self._catch_up, args=[self._parts], name="article-qa catching up", daemon=True).start()
        self._start_schedule(self._parts)
        if self._addresses is not None and not self._closing.is_set():
            self._addresses.start()
        self._loading = Loading("ready", 1, 1, is_ready=True)
        while not self._closing.wait(_LOOK_SECONDS):
            self._follow_once(self._parts)

    def _start_schedule(self, parts: Parts) -> None:
        if self._build_schedule is None:
            return
        try:
            self._schedule = self._build_schedule(parts)
        except ArticleQAError as error:
            _log.warning("the sources are not read: %s", error)
            return
        if not self._closing.is_set():
            self._schedule.start()

    def _open_addresses(self, parts: Parts) -> None:
        if self._build_addresses is None:
            return
        try:
            self._addresses = self._build_addresses(parts)
        except ArticleQAError as error:
            _log.warning("web addresses are not read: %s", error)

    def _catch_up(self, parts: Parts) -> None:
        """Index what was accepted before a crash, or derive the index anew with the embedder of today, until done.

        At the start only: two programs with two embedders would else replace each other's index for ever.
        """
        was_of_other_embedder = parts.collection.is_of_other_embedder
        seconds = _FIRST_RETRY_SECONDS
        while not self._closing.is_set():
            try:
                parts.collection.snapshot()
                if parts.collection.is_of_other_embedder and not was_of_other_embedder:
                    self._catch_up_problem = None
                    return  # another program made it meanwhile, and the library is in it
                parts.collection.rebuild()
            except BuilderBusyError as error:
                _log.info("the index is brought up to date later: %s", error)
                longest = _LONGEST_BUSY_RETRY_SECONDS
            except ArticleQAError as error:
                _log.warning("the index could not be brought up to date: %s", error)
                self._catch_up_problem = f"the index could not be brought up to date: {error}"
                longest = _LONGEST_RETRY_SECONDS
            else:
                self._catch_up_problem = None
                return
            self._closing.wait(min(seconds, longest))
            seconds = min(2 * seconds, longest)

    def _follow_once(self, parts: Parts) -> None:
        """Open a newly published generation and read what its questions share, between questions."""
        try:
            snapshot = parts.collection.snapshot()
            is_damaged = parts.collection.problem is not None and not parts.collection.is_of_other_embedder
            if is_damaged and not self._repaired:
                # Once: a damaged generation is replaced from the library, nothing is embedded again.
                self._repaired = True
                parts.collection.rebuild()
                snapshot = parts.collection.snapshot()
            generation = snapshot.generation if snapshot is not None else None
            if generation != self._prewarmed:
                self._prewarmed = generation
                parts.pipeline.prewarm()
        except ArticleQAError as error:
            # Once, not every second that a database is down.
            if str(error) != self._follow_problem:
                _log.warning("could not follow the index: %s", error)
            self._follow_problem = str(error)
        else:
            if self._follow_problem is not None:
                _log.warning("the index is followed again")
            self._follow_problem = None

    def _report(self, stage: str, done: int, total: int) -> None:
        self._loading = Loading(stage, done, max(total, 1))


def service_status(parts: Parts, sources: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """The status of a put-together system; the keys are part of a public contract.

    :param sources: How each watched source stands (see :class:`qa.source_status.SourceStatus`).
    """
    models = parts.pipeline.models("full" if parts.generator is not None else "fast")
    writers: tuple[WriterState, ...] = ()
    if isinstance(parts.generator, RemoteWriter):
        writers = parts.generator.writers()
    named = {"embedder": models.embedder, "evidence": models.evidence, "generator": models.generator}
    return {
        **parts.collection.status(),
        "models": named,
        "writers": [writer.to_json() for writer in writers],
        "sources": list(sources),
    }


def parse_as_of(value: str | None) -> date | None:
    """:raises BadInputError: If it is no date."""
    iso = parse_date(value)
    return date.fromisoformat(iso) if iso else None
