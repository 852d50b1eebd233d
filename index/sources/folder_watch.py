"""Says which files of a folder came or changed, once they are written to the end; reads none of them.

Deleted files are passed over: an article stays until somebody removes it.
"""

from __future__ import annotations

import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from watchfiles import Change, watch

from index.readers.folder import walk_folder
from index.types import Rejection

SETTLE_SECONDS = 0.5
_LOOK_MILLISECONDS = 250
# What browsers, copying programs and editors call a file that is not finished.
_UNFINISHED = (".part", ".partial", ".tmp", ".temp", ".crdownload", ".download", ".swp", ".swx", ".filepart", ".lock")
_Stamp = tuple[int, int, int]


def is_unfinished_name(path: Path, folder: Path) -> bool:
    """Whether the name says that a file is hidden, a back-up, or still being written; folders' names count, too."""
    return _is_hidden(path, folder) or path.name.lower().endswith(_UNFINISHED)


def _is_hidden(path: Path, folder: Path) -> bool:
    try:
        names = path.relative_to(folder).parts
    except ValueError:
        names = (path.name,)
    return any(name.startswith((".", "~$", "#")) or name.endswith("~") for name in names)


def watch_folder(folder: Path, stop: threading.Event) -> Iterator[list[Path | Rejection]]:
    """First all files there are (and what could not be listed), then again and again those that came or changed.

    Each list is sorted and not empty. A file is given once its size and time have stood still for half a second. Ends
    when ``stop`` is set or the folder is gone.
    """
    folder = folder.resolve()  # as the changes name their paths
    settling = Settling()
    is_first = True
    # Watching begins with the first look, hence before the files are listed: none can slip in between.
    for changes in watch(
        folder,
        stop_event=stop,
        debounce=_LOOK_MILLISECONDS,
        step=50,
        rust_timeout=_LOOK_MILLISECONDS,
        yield_on_timeout=True,
        raise_interrupt=False,
    ):
        if not folder.is_dir():
            return
        listed = list(walk_folder(folder)) if is_first else []
        is_first = False
        listed += _in_new_folders(changes, folder)
        settling.add(path for path in listed if isinstance(path, Path) and not is_unfinished_name(path, folder))
        settling.add(Path(name) for _, name in changes if not is_unfinished_name(Path(name), folder))
        batch: list[Path | Rejection] = [entry for entry in listed if isinstance(entry, Rejection)]
        batch += settling.settled()
        if batch:
            yield batch


def _in_new_folders(changes: Iterable[tuple[Change, str]], folder: Path) -> Iterator[Path | Rejection]:
    """What folders hold that came as they are: nothing says of their files that they came."""
    for change, name in changes:
        path = Path(name)
        # A link is not followed, as in the first listing; what is in a hidden folder is not meant.
        if change is Change.added and path.is_dir() and not path.is_symlink() and not _is_hidden(path, folder):
            yield from walk_folder(path)


@dataclass(slots=True)
class Settling:
    """Files that are perhaps still being written.

    :param clock: Seconds that never go back.
    """

    clock: Callable[[], float] = time.monotonic
    _seen: dict[Path, tuple[_Stamp, float]] = field(default_factory=dict)

    def add(self, paths: Iterable[Path]) -> None:
        now = self.clock()
        for path in paths:
            stamp = _stamp(path)
            if stamp is not None:
                # One that was last written long ago needs no watching.
                is_old = time.time() - stamp[1] / 1e9 > SETTLE_SECONDS
                self._seen[path] = (stamp, now - SETTLE_SECONDS if is_old else now)

    def settled(self) -> list[Path]:
        """Those that have stood still for long enough, sorted; they are forgotten. So are those that are gone."""
        now = self.clock()
        done = []
        for path, (stamp, since) in list(self._seen.items()):
            current = _stamp(path)
            if current is None:
                del self._seen[path]
            elif current != stamp:
                self._seen[path] = (current, now)
            elif now - since >= SETTLE_SECONDS:
                del self._seen[path]
                done.append(path)
        return sorted(done)


def _stamp(path: Path) -> _Stamp | None:
    """Size, time of the last change and inode; None for what is gone or no file."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return (status.st_size, status.st_mtime_ns, status.st_ino) if stat.S_ISREG(status.st_mode) else None
