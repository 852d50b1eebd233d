"""Takes web addresses that people enter: once, or again and again; knows no page, command or configuration.

Nothing is read that nobody entered. What is to be read again is kept in a small file, each with its own schedule.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from index.atomic import write_atomically
from index.errors import BadInputError
from index.sources.addresses import clean_address, is_web_address
from index.sources.intake import Taken
from qa.source_schedule import ScheduledSource, SourceSchedule

_log = logging.getLogger(__name__)

MIN_MINUTES, MAX_MINUTES = 5, 100_000
MAX_KEPT = 50


class WebAddresses:
    """Thread-safe. Reads no kept address before :meth:`start`.

    :param take: Reads one address now (:meth:`index.sources.intake.AddressIntake.take`).
    :param open_schedule: What reads one kept address again and again, not yet started.
    :param path: Where the kept addresses are noted.
    :param configured: Addresses that are read by configuration already.
    """

    def __init__(
        self,
        take: Callable[..., Taken],
        open_schedule: Callable[[ScheduledSource], SourceSchedule],
        path: Path,
        configured: Collection[str] = (),
    ) -> None:
        self._take = take
        self._open_schedule = open_schedule
        self._path = path
        self._configured = frozenset(configured)
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[int, SourceSchedule]] = {}

    def start(self) -> None:
        """Begin to read what was kept, in the background."""
        with self._lock:
            for address, minutes in self._noted().items():
                self._begin(address, minutes, wait_seconds=0.0)

    def stop(self) -> None:
        with self._lock:
            schedules = [schedule for _, schedule in self._kept.values()]
        for schedule in schedules:
            schedule.stop()

    def take(
        self, address: str, *, progress: Callable[[str, int, int], None] = lambda stage, done, total: None
    ) -> Taken:
        """Read what an address holds (a page, a feed or a sitemap) into the library; the index is left to the caller.

        :return: What became of it; ``error`` says why the address itself could not be read, or was refused.
        :raises BadInputError: If it is no web address.
        :raises StorageError: If the library could not be written.
        """
        return self._take(_checked(address), is_named=True, progress=progress)

    def keep(self, address: str, *, minutes: int) -> None:
        """Read it again every ``minutes``, from then on, also after a restart; first when these are over.

        :raises BadInputError: If that is no web address, too often, or one too many.
        :raises StorageError: If it could not be noted.
        """
        address = _checked(address)
        if not MIN_MINUTES <= minutes <= MAX_MINUTES:
            raise BadInputError(f"minutes={minutes}; expected {MIN_MINUTES} to {MAX_MINUTES:,}")
        with self._lock:
            if address in self._configured:
                raise BadInputError(f"{address} is read again already: article-qa.toml or --watch names it")
            if address not in self._kept and len(self._kept) >= MAX_KEPT:
                raise BadInputError(f"{MAX_KEPT} addresses are read again already; stop one, or use article-qa.toml")
            self._note({some: every for some, (every, _) in self._kept.items()} | {address: minutes})
            self._end(address)
            self._begin(address, minutes, wait_seconds=minutes * 60.0)

    def forget(self, address: str) -> None:
        """Read it no longer; what came of it stays.

        :raises BadInputError: If it is not kept.
        :raises StorageError: If that could not be noted.
        """
        with self._lock:
            if address not in self._kept:
                raise BadInputError(f"{address[:200]} is not read again, so there is nothing to stop")
            self._note({some: every for some, (every, _) in self._kept.items() if some != address})
            self._end(address)

    def status(self) -> list[dict[str, Any]]:
        """The status of each kept address (see :class:`qa.source_status.SourceStatus`), with ``every_minutes``."""
        with self._lock:
            kept = list(self._kept.values())
        return [status | {"every_minutes": minutes} for minutes, schedule in kept for status in schedule.status()]

    # Inside, with the lock held

    def _begin(self, address: str, minutes: int, *, wait_seconds: float) -> None:
        source = ScheduledSource(address, interval_seconds=minutes * 60.0, first_wait_seconds=wait_seconds)
        schedule = self._open_schedule(source)
        self._kept[address] = (minutes, schedule)
        schedule.start()

    def _end(self, address: str) -> None:
        if address in self._kept:
            self._kept.pop(address)[1].stop(timeout_seconds=0.0)  # a page at hand is read to its end

    def _note(self, kept: dict[str, int]) -> None:
        records = [{"address": address, "every_minutes": minutes} for address, minutes in kept.items()]
        data = json.dumps(records, ensure_ascii=False, indent=1)
        write_atomically(self._path, data.encode("utf-8", "replace"))

    def _noted(self) -> dict[str, int]:
        """What the file says, without what could not have been kept."""
        try:
            records = json.loads(self._path.read_text(encoding="utf-8"))
            noted = {_checked(str(record["address"])): int(record["every_minutes"]) for record in records[:MAX_KEPT]}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, KeyError, BadInputError) as error:
            _log.warning("%s is not readable, so no address is read again: %s", self._path, error)
            return {}
        return {some: every for some, every in noted.items() if MIN_MINUTES <= every <= MAX_MINUTES}


def _checked(address: str) -> str:
    cleaned = clean_address(address) if is_web_address(address.strip()) else None
    if cleaned is None:
        shown = ascii(address.strip()[:80])
        raise BadInputError(f"{shown} is no web address; expected one such as https://example.org/news")
    return cleaned
