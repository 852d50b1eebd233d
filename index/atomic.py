"""Writes files so that a crash leaves the old content or the new, never a mixture; knows nothing of contents."""

from __future__ import annotations

import os
from pathlib import Path

from index.errors import StorageError


def write_atomically(path: Path, data: bytes, *, mode: int | None = None) -> None:
    """Write to a temporary file beside ``path``, fsync, rename over it, fsync the folder.

    :param mode: Who may read and write the file, from its first byte on; None for what the process's umask says.
    :raises StorageError: If any step fails (disk full, no permission); the old file is untouched, nothing is left.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        if mode is not None:
            temporary.touch(mode=mode)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        fsync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StorageError(f"cannot write {path}: {error.strerror}") from error


def fsync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_folder(path: Path) -> None:
    """Make the names in a folder durable (a rename is on disk only once its folder is)."""
    fsync_file(path)
