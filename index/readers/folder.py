"""Lists the files of a folder that may be articles, in a fixed order; knows nothing of what is in them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from index.types import Rejection

# What operating systems and editors leave behind; nobody means these to be read.
_LITTER = frozenset({"thumbs.db", "desktop.ini", "icon\r", "__macosx"})


def walk_folder(folder: Path) -> Iterator[Path | Rejection]:
    """Files in and below ``folder``, each folder's own files first, by name; hidden files and litter are left out.

    Links to folders are rejected, not followed, so a loop of links ends; so are folders that cannot be listed.
    """
    unlisted: list[Rejection] = []

    def reject(error: OSError) -> None:
        unlisted.append(Rejection(str(error.filename), f"this folder cannot be listed: {error.strerror}"))

    for parent, folders, files in os.walk(folder, onerror=reject, followlinks=False):
        folders[:] = sorted(name for name in folders if not _is_litter(name))
        for name in sorted(files):
            if not _is_litter(name):
                yield Path(parent, name)
        for name in folders:
            if Path(parent, name).is_symlink():
                yield Rejection(
                    str(Path(parent, name)), "is a link to a folder, which is not followed; add that folder"
                )
    yield from unlisted


def _is_litter(name: str) -> bool:
    return name.startswith((".", "~$")) or name.endswith("~") or name.lower() in _LITTER
