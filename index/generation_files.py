"""Fills a new generation's folder from the one before and seals it; knows nothing of what the files mean.

Write-once files are shared by hard links, so a small change to a large index copies and hashes little.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from index.atomic import fsync_file
from index.errors import StorageError
from index.manifest import FileEntry, hash_file, list_files


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
    """Sync and hash every file; one that is shared with the (verified) parent keeps its entry.

    :param inherited: The files of the parent's manifest.
    :raises OSError: If the disk refuses.
    """
    entries = {}
    for path in list_files(folder):
        name = str(path.relative_to(folder))
        if parent is not None and name in inherited and path.samefile(parent / name):
            entries[name] = inherited[name]
        else:
            fsync_file(path)
            entries[name] = hash_file(path)
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir():
            fsync_file(path)
    return entries


@contextmanager
def storage_errors(doing: str) -> Iterator[None]:
    """Say in one line that a write failed.

    tantivy raises ValueError and FAISS RuntimeError when one does; use this only where both can mean nothing else.

    :raises StorageError: In place of these and of OSError.
    """
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise StorageError(f"{doing}: {' '.join(reason.split())}; the index that was live still is") from error
