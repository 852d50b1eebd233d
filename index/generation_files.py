"""Fills a new generation's folder from the one before and seals it; knows nothing of what the files mean.

Write-once files are shared by hard links, so a small change to a large index copies and hashes little.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from index.atomic import fsync_file
from index.errors import StorageError
from index.manifest import list_files
from index.proven import FileEntry, hash_file

_SYSTEM_ERROR = re.compile(r"\b(?:os error|code:) (\d+)")
_MAX_REASON_CHARS = 200


def link_segments(old: Path, new: Path) -> None:
    """Share tantivy's write-once segments with another folder; its two JSON files are not write-once, and are copied.

    :raises OSError: If the disk refuses.
    """
    for path in list_files(old):
        if path.suffix == ".json":
            shutil.copyfile(path, new / path.name)
            continue
        try:
            os.link(path, new / path.name)
        except OSError:  # some file systems have no hard links
            shutil.copyfile(path, new / path.name)


def seal(
    folder: Path, parent: Path | None = None, inherited: Mapping[str, FileEntry] = MappingProxyType({})
) -> dict[str, FileEntry]:
    """Sync and hash every file; one that is shared with the (verified) parent keeps its entry, whatever its name.

    :param inherited: The files of the parent's manifest.
    :raises OSError: If the disk refuses.
    """
    known = {}
    if parent is not None:
        known = {_inode(parent / name): entry for name, entry in inherited.items() if (parent / name).exists()}
    entries = {}
    for path in list_files(folder):
        name = str(path.relative_to(folder))
        shared = known.get(_inode(path))
        if shared is not None:
            entries[name] = shared
        else:
            fsync_file(path)
            entries[name] = hash_file(path)
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir():
            fsync_file(path)
    return entries


def _inode(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


@contextmanager
def storage_errors(doing: str) -> Iterator[None]:
    """Say in one line that a write failed.

    tantivy raises ValueError and FAISS RuntimeError when one does; use this only where both can mean nothing else.

    :raises StorageError: In place of these and of OSError.
    """
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        raise StorageError(f"{doing}: {_reason(error)}; the index that was live still is") from error


def _reason(error: Exception) -> str:
    """The system's own words where they are known; tantivy wraps its number in a page of text."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    number = _SYSTEM_ERROR.search(str(error))
    return os.strerror(int(number[1])) if number is not None else " ".join(str(error).split())[:_MAX_REASON_CHARS]
