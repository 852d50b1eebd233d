"""What is known of each watched source: when it was read, what came of it, when it is read next; reads none itself.

Kept in a small file of its own, so that any command can show it; nothing but the display depends on it.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from index.atomic import write_atomically
from index.errors import StorageError
from index.types import AddReport

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """One source. Times are ISO 8601 in UTC; the counts are those of the last reading, ``total_*`` of all readings.

    ``next_due`` is None for folders, which are watched all the time, and while nothing watches. ``num_failures``
    counts the readings in a row in which the address or folder itself could not be read.
    """

    address: str
    name: str | None = None
    last_checked: str | None = None
    last_error: str | None = None
    next_due: str | None = None
    num_failures: int = 0
    added: int = 0
    revised: int = 0
    unchanged: int = 0
    duplicates: int = 0
    rejected: int = 0
    total_added: int = 0
    total_revised: int = 0

    def after(self, report: AddReport, error: str | None, now: str) -> SourceStatus:
        """The status once a reading has ended; what is next is not known yet."""
        return replace(
            self,
            last_checked=now,
            last_error=error,
            num_failures=self.num_failures + 1 if error else 0,
            added=report.added,
            revised=report.revised,
            unchanged=report.unchanged,
            duplicates=report.duplicates,
            rejected=len(report.rejected),
            total_added=self.total_added + report.added,
            total_revised=self.total_revised + report.revised,
        )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class SourceStatusFile:
    """The statuses of all sources ever watched on one data folder, in ``sources.json``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def load(self, address: str, name: str | None = None) -> SourceStatus:
        """The status of a source; a blank one if it was never read."""
        known = self._all().get(address)
        return replace(known, name=name) if known is not None else SourceStatus(address, name)

    def save(self, status: SourceStatus) -> None:
        """Note a status; a full disk is a line in the log, since only a display is lost."""
        with self._lock:
            statuses = self._all() | {status.address: status}
            data = json.dumps([one.to_json() for one in statuses.values()], ensure_ascii=False, indent=1)
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(self._path, data.encode("utf-8", "replace"))
            except (StorageError, OSError) as error:
                _log.warning("the status of %s was not noted: %s", status.address, error)

    def show(self, sources: Sequence[tuple[str, str | None]]) -> list[dict[str, Any]]:
        """The statuses of these sources, each an address and a name, as JSON objects."""
        return [self.load(address, name).to_json() for address, name in sources]

    def _all(self) -> dict[str, SourceStatus]:
        known = {field.name for field in fields(SourceStatus)}
        try:
            records = json.loads(self._path.read_text(encoding="utf-8"))
            statuses = [SourceStatus(**{key: record[key] for key in known & set(record)}) for record in records]
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, KeyError) as error:
            _log.warning("%s is not readable and is begun anew: %s", self._path, error)
            return {}
        return {status.address: status for status in statuses}
