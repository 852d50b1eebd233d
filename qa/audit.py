"""Writes down who changed what, a JSON object a line; knows nothing of requests.

Never a text or a title, so that the log of a removal does not keep what was removed: ids only. Even an id can tell
(callers may use an address or a headline as one), so ids that Article QA did not derive itself appear as hashes, by
which somebody who knows the id can still find the line.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

AUDIT_FILE = "audit.jsonl"
_MAX_BYTES = 10 << 20
_NUM_KEPT = 9
_MAX_IDS = 100
_DERIVED_ID = re.compile(r"[0-9a-f]{16}")
_log = logging.getLogger(__name__)


class AuditLog:
    """Appends to one file; lines are never changed.

    :param max_bytes: At this size the file is renamed to ``audit.jsonl.1`` (the older ones to .2 and so on).
    :param num_kept: How many of the renamed ones stay.
    """

    def __init__(self, path: Path, *, max_bytes: int = _MAX_BYTES, num_kept: int = _NUM_KEPT) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._num_kept = num_kept
        self._lock = threading.Lock()

    def write(
        self,
        action: str,
        *,
        identity: str,
        client: str,
        outcome: str,
        details: Mapping[str, object] | None = None,
    ) -> bool:
        """Append a line.

        :param identity: Role and name, as ``Identity.to_header`` gives them.
        :param client: The address it came from.
        :param details: Counts and ids (see :func:`shown_ids`); nothing that anybody wrote.
        :return: False when it could not be written, which the program's own log then says. What was done stays done:
            refusing it afterwards would tell the caller something untrue.
        """
        entry = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "identity": identity,
            "client": client,
            "action": action,
            "outcome": outcome,
            **(details or {}),
        }
        line = json.dumps(entry, ensure_ascii=True).encode() + b"\n"
        try:
            with self._lock:
                self._append(line)
        except OSError as error:
            _log.error("the audit log %s could not be written (%s): %s", self.path, error.strerror, entry)
            return False
        return True

    def _append(self, line: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = self._open()
        try:
            if 0 < os.fstat(descriptor).st_size > self._max_bytes - len(line):
                os.close(descriptor)
                self._rotate()
                descriptor = self._open()
            os.write(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _open(self) -> int:
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def _rotate(self) -> None:
        for number in range(self._num_kept, 0, -1):
            older = self._numbered(number - 1)
            if older.exists():
                older.replace(self._numbered(number))

    def _numbered(self, number: int) -> Path:
        return self.path if number == 0 else self.path.with_name(f"{self.path.name}.{number}")


def shown_ids(article_ids: Iterable[str]) -> dict[str, object]:
    """The ids as they appear in the log, and how many there are; only the first 100 of many are listed."""
    ids = list(article_ids)
    return {"num_ids": len(ids), "ids": [_shown(article_id) for article_id in ids[:_MAX_IDS]]}


def _shown(article_id: str) -> str:
    if _DERIVED_ID.fullmatch(article_id):
        return article_id
    return "sha256:" + hashlib.sha256(article_id.encode("utf-8", "surrogatepass")).hexdigest()[:16]
