"""Remembers which files this process has hashed, and shares what was parsed of them; knows nothing of manifests.

Generations share write-once files by hard links. A file that is the same inode, of the same size and time of change, as
one that was hashed before is not hashed again: following a large index then costs what is new in it. Damage that leaves
all three as they were is for ``check``, which reads everything, and for the next process.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from weakref import WeakValueDictionary

_Parsed = TypeVar("_Parsed")

# File systems note times in steps of some milliseconds: a file changed twice in one step looks unchanged. Only files
# that were last changed longer ago than this are remembered (as git does with its index).
_SETTLED_NANOSECONDS = 2_000_000_000
_MAX_REMEMBERED = 10_000

_Identity = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class FileEntry:
    """What a file must be: SHA-256 (hex) and size in bytes."""

    sha256: str
    size: int


class ProvenFiles:
    """Safe to use from several threads."""

    def __init__(self) -> None:
        self._entries: dict[_Identity, FileEntry] = {}
        self._parsed: WeakValueDictionary[_Identity, object] = WeakValueDictionary()

    def entry(self, path: Path) -> FileEntry:
        """The hash and size of a file, read anew unless it is known.

        :raises OSError: If it cannot be read.
        """
        before = _identity(path)
        known = self._entries.get(before)
        if known is not None:
            return known
        entry = hash_file(path)
        if _identity(path) == before and time.time_ns() - before[3] > _SETTLED_NANOSECONDS:
            if len(self._entries) >= _MAX_REMEMBERED:
                self._entries.clear()
            self._entries[before] = entry
        return entry

    def shared(self, path: Path, parse: Callable[[Path], _Parsed]) -> _Parsed:
        """What ``parse`` makes of a file whose hash was checked; the same object for as long as anybody keeps it.

        Ask for one path with one ``parse`` only. What it makes must never change.
        """
        identity = _identity(path)
        parsed = self._parsed.get(identity)
        if parsed is None:
            parsed = parse(path)
            self._parsed[identity] = parsed
        return parsed  # type: ignore[return-value]  # one path, one parser


def hash_file(path: Path) -> FileEntry:
    """:raises OSError: If it cannot be read."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FileEntry(digest, os.fstat(file.fileno()).st_size)


def _identity(path: Path) -> _Identity:
    status = path.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
