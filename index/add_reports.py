"""Keeps a report of each batch of articles that was added; knows nothing of how articles are read or stored.

A report names articles by title and address, so removing an article removes it from the reports too.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from index.atomic import write_atomically
from index.errors import StorageError
from index.types import AddReport

_KEEP = 50
_PATTERN = "add-*.json"
_TEMPORARY = ".add-*.tmp"
_ABANDONED_SECONDS = 60.0  # another program may be writing a younger one
_REMOVED = {"outcome": "removed since", "article_id": None, "title": None, "url": None, "item": None, "reason": None}


AreRemoved = Callable[[Sequence[tuple[str | None, str | None]]], Sequence[bool]]
"""Whether the article of each id, or of each address, was removed (:meth:`index.collection.Collection.are_removed`)."""


class AddReports:
    """The folder ``var/reports``, which is made when it is needed; the last 50 reports stay."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(
        self,
        report: AddReport,
        *,
        seconds: float,
        error: str | None = None,
        path: Path | None = None,
        are_removed: AreRemoved = lambda articles: [False] * len(articles),
    ) -> Path:
        """Store what became of every item of a batch.

        :param seconds: What it took.
        :param error: Why the articles are in the library and not in the index yet.
        :param path: Where to, instead of the folder of reports; such a file is never changed again.
        :param are_removed: What is removed is not named, though it was added before.
        :return: The file that was written.
        :raises StorageError: If it cannot be written.
        """
        now = datetime.now(UTC)
        # Microseconds keep the names in the order of time.
        path = path or self._folder / f"add-{now:%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(3)}.json"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise StorageError(f"the folder {path.parent} cannot be created: {problem.strerror}") from problem
        values = _to_json(report, now, seconds, error)
        written = _without_removed(values, are_removed)
        _write(path, written)
        # Again: who removes something looks through the reports before and after, so that one of us sees the other.
        if (settled := _without_removed(values, are_removed)) != written:
            _write(path, settled)
        self._sweep()
        for old in sorted(self._folder.glob(_PATTERN))[:-_KEEP]:
            old.unlink(missing_ok=True)
        return path

    def forget(self, article_ids: Collection[str], urls: Collection[str] = ()) -> None:
        """Take articles out of every report: what became of them is then that they were removed.

        :raises StorageError: If a report cannot be written; nothing was removed elsewhere then.
        """
        self._sweep()
        for path in sorted(self._folder.glob(_PATTERN)):
            try:
                report = json.loads(path.read_text(encoding="utf-8"))
                items = [_REMOVED if _is_of(item, article_ids, urls) else item for item in report["items"]]
            except (OSError, ValueError, KeyError, TypeError):
                path.unlink(missing_ok=True)  # unreadable: what it names cannot be told, and it is of no use
                continue
            if items != report["items"]:
                _write(path, report | {"items": items})

    def _sweep(self) -> None:
        """Delete what a kill left half written: it names articles, too."""
        for temporary in self._folder.glob(_TEMPORARY):
            try:
                if time.time() - temporary.stat().st_mtime > _ABANDONED_SECONDS:
                    temporary.unlink()
            except OSError:  # its writer was faster, or the disk refuses, and the next write tries again
                continue


def _without_removed(report: dict[str, Any], are_removed: AreRemoved) -> dict[str, Any]:
    items = report["items"]
    gone = are_removed([(item["article_id"], item["url"] or item["item"]) for item in items])
    return report | {"items": [_REMOVED if is_gone else item for item, is_gone in zip(items, gone, strict=True)]}


def _is_of(item: dict[str, Any], article_ids: Collection[str], urls: Collection[str]) -> bool:
    return item["article_id"] in article_ids or not {item["url"], item["item"]}.isdisjoint(urls)


def _to_json(report: AddReport, now: datetime, seconds: float, error: str | None) -> dict[str, Any]:
    totals = report.to_json() | {"rejected": len(report.rejected)}
    generation = totals.pop("generation")
    return {
        "created_at": now.isoformat(timespec="seconds"),
        "seconds": round(seconds, 3),
        "generation": generation,
        "error": error,
        "totals": totals,
        "items": [asdict(item) for item in report.items],
    }


def _write(path: Path, value: dict[str, Any]) -> None:
    write_atomically(path, (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode("utf-8"))
