"""Reads each source when it is due, in the background, into one collection; knows no page, command or configuration.

Addresses are read again and again: after their interval, later and later while they fail. Folders are watched.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from index.errors import ArticleQAError
from index.readers import read_path
from index.sources.addresses import is_web_address
from index.sources.folder_watch import watch_folder
from index.sources.intake import ArticleTaker, Taken, without_removed
from index.types import Article, Rejection
from qa.index_upkeep import IndexUpkeep
from qa.source_status import SourceStatusFile

_log = logging.getLogger(__name__)

DEFAULT_INTERVAL_SECONDS = 15 * 60.0
MAX_BACKOFF_SECONDS = 6 * 3600.0
JITTER = 0.1  # so that sources of one interval drift apart
# Pages that a list names again and again are asked about no more often than this, unless the list says they changed.
RECHECK_AFTER = timedelta(hours=1)
_THREADS = 3
_LOOK_SECONDS = 0.5
_FOLDER_WAIT_SECONDS = 30.0
_MAX_FOLDER_DOUBLINGS = 5


@dataclass(frozen=True, slots=True)
class ScheduledSource:
    """An address or a folder; of a feed or sitemap ``limit`` pages are read, first after ``first_wait_seconds``."""

    address: str
    name: str | None = None
    interval_seconds: float = DEFAULT_INTERVAL_SECONDS
    limit: int = 200
    first_wait_seconds: float = 0.0

    @property
    def is_folder(self) -> bool:
        return not is_web_address(self.address)


class Intake(Protocol):
    """What reads an address into the collection (:class:`index.sources.intake.AddressIntake`)."""

    def take(self, address: str, *, limit: int, recheck_after: timedelta, should_stop: Callable[[], bool]) -> Taken: ...


class _State:
    """A source, how it stands, and when it is due in seconds of the clock."""

    def __init__(self, source: ScheduledSource, statuses: SourceStatusFile, now: float) -> None:
        self.source = source
        self.status = statuses.load(source.address, source.name)
        self.due_at = now + source.first_wait_seconds
        self.is_running = False
        self.shows_index_error = False


class SourceSchedule:
    """Thread-safe; reads nothing before :meth:`start` or :meth:`run_due`.

    :param on_taken: Called after every reading, from the thread that read.
    :param clock: Seconds since the epoch.
    :param jitter: A random number between two bounds.
    """

    def __init__(
        self,
        sources: Sequence[ScheduledSource],
        collection: ArticleTaker,
        intake: Intake,
        statuses: SourceStatusFile,
        *,
        on_taken: Callable[[ScheduledSource, Taken], None] = lambda source, taken: None,
        clock: Callable[[], float] = time.time,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._collection = collection
        self._intake = intake
        self._statuses = statuses
        self._on_taken = on_taken
        self._clock = clock
        self._jitter = jitter
        self._states = [_State(source, statuses, clock()) for source in sources]
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._index = IndexUpkeep(collection, self._stop, clock)

    def start(self) -> None:
        """Begin reading in the background."""
        folders = [state for state in self._states if state.source.is_folder]
        # At least one, even for folders alone: it tries failed updates of the index again.
        num_readers = min(_THREADS, max(1, len(self._states) - len(folders)))
        targets: list[Callable[[], None]] = [self._read_until_stopped] * num_readers
        targets += [lambda state=state: self._follow_folder(state) for state in folders]  # type: ignore[misc]  # binds
        for target in targets:
            thread = threading.Thread(target=target, name="article-qa source", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self, timeout_seconds: float = 5.0) -> None:
        """End reading after the page at hand; a page that takes longer is left to end with the process."""
        self._stop.set()
        deadline = time.monotonic() + timeout_seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def wait(self) -> None:
        """Return once :meth:`stop` was called."""
        # In steps: not every system notices an interrupt from the keyboard in an endless wait.
        while not self._stop.wait(_LOOK_SECONDS):
            pass

    def status(self) -> list[dict[str, Any]]:
        """The status of each source, in their order (see :class:`qa.source_status.SourceStatus`)."""
        with self._lock:
            return [state.status.to_json() for state in self._states]

    def run_due(self) -> int:
        """Read the addresses that are due now, one after the other; how many there were.

        An update of the index that failed is tried again, too, once it is due.
        """
        num_read = 0
        while (state := self._claim()) is not None:
            self._read(state)
            num_read += 1
        self._mend_index()
        return num_read

    # Addresses

    def _read_until_stopped(self) -> None:
        while not self._stop.is_set():
            if not self.run_due():
                self._stop.wait(_LOOK_SECONDS)

    def _claim(self) -> _State | None:
        """The address that has been due for the longest time, and is not being read."""
        with self._lock:
            if self._stop.is_set():
                return None
            waiting = [state for state in self._states if not state.is_running and not state.source.is_folder]
            state = min(waiting, key=lambda state: state.due_at, default=None)
            if state is None or state.due_at > self._clock():
                return None
            state.is_running = True
            return state

    def _read(self, state: _State) -> None:
        source = state.source
        try:
            taken = self._guarded(
                lambda: self._intake.take(
                    source.address, limit=source.limit, recheck_after=RECHECK_AFTER, should_stop=self._stop.is_set
                )
            )
            self._finish(state, taken)
        finally:
            with self._lock:
                state.is_running = False

    def _delay(self, source: ScheduledSource, num_failures: int) -> float:
        """Seconds until the next reading: the interval, doubled for each failure in a row up to six hours."""
        # The exponent is capped, too: no source comes back to life from an overflow.
        delay = source.interval_seconds * 2.0 ** min(num_failures, 32)
        return min(delay, max(MAX_BACKOFF_SECONDS, source.interval_seconds)) * self._jitter(1 - JITTER, 1 + JITTER)

    # Folders

    def _follow_folder(self, state: _State) -> None:
        folder = Path(state.source.address).expanduser()
        while not self._stop.is_set():
            problem = self._watch(state, folder)
            if not self._stop.is_set():
                self._finish(
                    state, Taken(error=problem or f"{folder} is no folder; it is watched again once it is there")
                )
                # A missing folder costs one look; watching that fails is tried less and less often.
                num_doublings = min(state.status.num_failures - 1, _MAX_FOLDER_DOUBLINGS) if problem else 0
                wait_seconds = _FOLDER_WAIT_SECONDS * 2.0**num_doublings
                self._stop.wait(min(self._delay(state.source, 0), wait_seconds))

    def _watch(self, state: _State, folder: Path) -> str | None:
        """Take what comes into a folder until it is gone; or say why it cannot be watched."""
        try:
            if folder.is_dir():
                for batch in watch_folder(folder, self._stop):
                    self._take_batch(state, batch)
        except OSError as error:
            limit = "the system may be at its limit of watched folders (Linux: fs.inotify.max_user_watches)"
            return f"{folder} cannot be watched: {error}; it is tried again; {limit}"
        except Exception as error:  # noqa: BLE001 - a fault in one source is shown in its status and ends no thread
            _log.exception("a folder could not be watched")
            return f"{folder} cannot be watched: unforeseen {type(error).__name__}: {error}; it is tried again"
        return None

    def _take_batch(self, state: _State, batch: Sequence[Path | Rejection]) -> None:
        """Take files until it works: unlike an address, they are not given a second time."""
        while not self._stop.is_set():
            taken = self._guarded(lambda: self._take_files(batch))
            self._finish(state, taken)
            if taken.error is None:
                return
            self._stop.wait(min(self._delay(state.source, 0), _FOLDER_WAIT_SECONDS))

    def _take_files(self, batch: Sequence[Path | Rejection]) -> Taken:
        return Taken(self._collection.accept(without_removed(_articles(batch), self._collection)))

    # Both

    def _guarded(self, read: Callable[[], Taken]) -> Taken:
        try:
            return read()
        except ArticleQAError as error:
            problem = str(error)
        except Exception as error:  # noqa: BLE001 - a fault in one source is shown in its status and stops no other
            _log.exception("a source could not be read")
            problem = f"unforeseen {type(error).__name__}: {error}"
        # What was accepted before the fault counts as seen, and no later reading brings it again.
        self._index.mark_behind()
        return Taken(error=problem)

    def _finish(self, state: _State, taken: Taken) -> None:
        """Make what was taken findable, note how it went, and say when the source is due again."""
        taken = self._with_index(taken)
        now = datetime.fromtimestamp(self._clock(), UTC)
        with self._lock:
            status = state.status.after(taken.report, taken.error, now.isoformat(timespec="seconds"))
            if taken.is_index_error:
                # The source itself could be read, and is read again after its usual interval.
                status = replace(status, num_failures=0)
            if not state.source.is_folder:
                delay = self._delay(state.source, status.num_failures)
                state.due_at = self._clock() + delay
                due = (now + timedelta(seconds=delay)).isoformat(timespec="seconds")
                status = replace(status, next_due=due)
            state.status = status
            state.shows_index_error = taken.is_index_error
        self._statuses.save(status)
        self._on_taken(state.source, taken)

    # The index

    def _with_index(self, taken: Taken) -> Taken:
        """Bring the index up to date where it is not; while that fails, its error is that of every reading."""
        report = taken.report
        # Duplicates count: where else an article appeared is shown with it.
        if report.added or report.revised or report.duplicates or taken.is_index_error:
            self._index.mark_behind()
        if not self._index.is_behind and self._index.error is None:
            return taken
        if self._index.catch_up():
            self._clear_index_errors()
            error = None if taken.is_index_error else taken.error
            report = replace(report, generation=self._index.generation)
            return replace(taken, report=report, error=error, is_index_error=False)
        if self._index.error is not None and (taken.error is None or taken.is_index_error):
            return replace(taken, error=self._index.error, is_index_error=True)
        return taken

    def _mend_index(self) -> None:
        """Try an update again that failed or never came about, if it is due."""
        with self._lock:
            is_shown = any(state.shows_index_error for state in self._states)
        if (is_shown or self._index.is_behind) and self._index.catch_up(is_patient=False):
            self._clear_index_errors()

    def _clear_index_errors(self) -> None:
        mended = []
        with self._lock:
            for state in self._states:
                if state.shows_index_error:
                    state.shows_index_error = False
                    state.status = replace(state.status, last_error=None)
                    mended.append(state.status)
        for status in mended:
            self._statuses.save(status)


def _articles(batch: Sequence[Path | Rejection]) -> Iterator[Article | Rejection]:
    for entry in batch:
        if isinstance(entry, Rejection):
            yield entry
        else:
            yield from read_path(entry)
