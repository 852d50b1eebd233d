"""Keeps the generations of an index on disk and says which is live; knows nothing of what they hold.

CURRENT names the live generation and is replaced atomically; HIGHEST holds the highest number a generation ever had, so
that no name comes twice, whatever was rolled back and deleted. Readers open a generation and keep it; a builder makes
the next one in a hidden folder and publishes it by a rename.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from index.atomic import fsync_folder, write_atomically
from index.errors import BadInputError, BuilderBusyError, DamagedIndexError, NoGenerationError, StorageError
from index.manifest import MANIFEST_HASH, Manifest, read_manifest, verify_files
from index.proven import ProvenFiles

Refusal = Callable[[str, Manifest], str | None]
"""Why a generation of this name and manifest must not be made live; None when it may."""

_log = logging.getLogger(__name__)
_NAME = re.compile(r"gen-(\d{6,})")
_CURRENT = "CURRENT"
_HIGHEST = "HIGHEST"
_BUILDING = ".building-"
_DOOMED = "-pruned"


class Generations:
    """The folder ``var/index``.

    :param keep: How many generations stay after a new one is published, the live one included.
    """

    def __init__(self, folder: Path, *, keep: int = 3) -> None:
        self.folder = folder
        self._keep = keep
        self.proven = ProvenFiles()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"the index folder {folder} cannot be created: {error.strerror}") from error

    def path(self, name: str) -> Path:
        return self.folder / name

    def names(self) -> list[str]:
        """Published generations, oldest first."""
        try:
            found = [p.name for p in self.folder.iterdir() if _NAME.fullmatch(p.name) and p.is_dir()]
        except OSError as error:
            raise StorageError(f"the index folder {self.folder} cannot be read: {error.strerror}") from error
        return sorted(found, key=_number)

    def doomed(self) -> list[str]:
        """Folders of generations that were to be deleted and could not; the next build tries again."""
        try:
            return sorted(path.name for path in self.folder.glob(f"{_BUILDING}*{_DOOMED}"))
        except OSError as error:
            raise StorageError(f"the index folder {self.folder} cannot be read: {error.strerror}") from error

    def identity(self, name: str) -> str:
        """Changes if ever another generation lies there under the same name."""
        try:
            return f"{name} {(self.path(name) / MANIFEST_HASH).read_text(encoding='ascii', errors='replace').strip()}"
        except OSError:
            return name

    def current(self) -> str | None:
        """What CURRENT names, or None when nothing was ever published.

        :raises DamagedIndexError: If CURRENT names no generation there is.
        """
        try:
            name = (self.folder / _CURRENT).read_text(encoding="utf-8", errors="replace").strip()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"{self.folder / _CURRENT} cannot be read: {error.strerror}") from error
        if not _NAME.fullmatch(name) or not self.path(name).is_dir():
            raise DamagedIndexError(f"{_CURRENT} names {name[:40]!r}, which is no generation in {self.folder}")
        return name

    def candidates(self) -> list[str]:
        """Generations to open, best first: the live one, the older ones, then those newer than the live one, which an
        operator rolled back from. Damage is not looked for."""
        try:
            live = self.current()
        except DamagedIndexError:
            live = None
        newest_first = self.names()[::-1]
        # A builder may publish, and prune what was live, between the two look-ups.
        if live is None or live not in newest_first:
            return newest_first
        position = newest_first.index(live)
        return newest_first[position:] + newest_first[:position]

    @contextmanager
    def building(self, timeout_seconds: float) -> Iterator[None]:
        """Hold the builder's lock; it goes with the process, so a killed builder leaves none behind.

        :raises BuilderBusyError: If another process holds it for longer than the time-out.
        """
        lock = FileLock(self.folder / ".builder.lock", timeout=timeout_seconds)
        try:
            lock.acquire()
        except Timeout as error:
            raise BuilderBusyError(
                "another program is rebuilding this index; articles already accepted are safe and will be indexed by "
                "the next rebuild"
            ) from error
        except OSError as error:
            raise StorageError(f"the data folder {self.folder} is not writable: {error.strerror}") from error
        try:
            self._remove_leftovers()
            yield
        finally:
            lock.release()

    def next_name(self) -> str:
        """A name that no generation ever had."""
        return f"gen-{self._highest() + 1:06d}"

    def _highest(self) -> int:
        """The highest number ever used. Where it was not noted, or damaged, what there is tells: folders, CURRENT, and
        what they were made from."""
        names = self.names()
        noted = [self._read(_HIGHEST), self._read(_CURRENT)]
        if not _NAME.fullmatch(noted[0]):
            for name in names:
                try:
                    noted.append(read_manifest(self.path(name)).parent or "")
                except DamagedIndexError:
                    continue  # its name counts all the same
        return max((_number(name) for name in [*names, *noted] if _NAME.fullmatch(name)), default=0)

    def _read(self, file_name: str) -> str:
        try:
            return (self.folder / file_name).read_text(encoding="ascii", errors="replace").strip()
        except OSError:
            return ""

    def new_folder(self, name: str) -> Path:
        """An empty hidden folder to build in; call only under :meth:`building`."""
        folder = self.folder / f"{_BUILDING}{name}-{os.getpid()}"
        folder.mkdir()
        return folder

    def publish(self, folder: Path, name: str) -> None:
        """Give a finished folder its name, make it live, and let the oldest go.

        :raises StorageError: If the disk refuses; the old generation then stays live.
        """
        try:
            fsync_folder(folder)
            highest = max(self._highest(), _number(name))
            write_atomically(self.folder / _HIGHEST, f"gen-{highest:06d}\n".encode("ascii"))
            folder.rename(self.path(name))
            fsync_folder(self.folder)
            self.make_current(name)
        except (OSError, StorageError) as error:
            if not folder.exists() and not self._is_live(name):  # renamed, and nobody would ever open it
                self.discard(name)
            if isinstance(error, StorageError):
                raise
            raise StorageError(f"cannot publish {name}: {error.strerror}") from error
        self._prune()

    def make_current(self, name: str) -> None:
        write_atomically(self.folder / _CURRENT, f"{name}\n".encode("ascii"))

    def rollback(self, name: str | None = None, refusal: Refusal = lambda *_: None) -> str:
        """Make ``name``, or the newest whole generation older than the live one, live.

        :param refusal: Asked about each generation that could be gone back to.
        :raises BadInputError: If there is no such generation.
        :raises DamagedIndexError: If the named one is damaged.
        """
        live = self.current()
        if live is None:
            raise NoGenerationError("there is no index yet: add an article first")
        if name is not None:
            if name not in self.names():
                raise BadInputError(f"there is no generation {name!r}; there are {', '.join(self.names())}")
            manifest = read_manifest(self.path(name))
            verify_files(self.path(name), manifest)
            reason = refusal(name, manifest)
            if reason is not None:
                raise BadInputError(reason)
            self.make_current(name)
            return name
        for older in reversed([n for n in self.names() if _number(n) < _number(live)]):
            try:
                manifest = read_manifest(self.path(older))
                verify_files(self.path(older), manifest)
            except DamagedIndexError:
                continue
            if refusal(older, manifest) is not None:
                continue
            self.make_current(older)
            return older
        raise BadInputError(
            f"there is no whole generation older than {live} to go back to; removing an article deletes those that "
            "held it"
        )

    def _remove_leftovers(self) -> None:
        try:
            folders = list(self.folder.glob(f"{_BUILDING}*"))
            for file_name in (_CURRENT, _HIGHEST):
                for path in self.folder.glob(f".{file_name}.*.tmp"):
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"what an earlier build left in {self.folder} stays: {error.strerror}") from error
        for path in folders:
            shutil.rmtree(path, ignore_errors=True)

    def _is_live(self, name: str) -> bool:
        try:
            return self.current() == name
        except (DamagedIndexError, StorageError):
            return False

    def _prune(self) -> None:
        live = self.current()
        for name in self.names()[: -self._keep]:
            if name != live:
                self.discard(name)

    def discard(self, name: str) -> None:
        """Delete a generation that is not live; call only under :meth:`building`."""
        # Renamed first: a crash half way must not leave a generation with files missing.
        doomed = self.folder / f"{_BUILDING}{name}{_DOOMED}"
        try:
            self.path(name).rename(doomed)
        except FileNotFoundError:
            return
        except OSError as error:
            _log.warning("cannot remove %s, which is tried again after the next build: %s", name, error.strerror)
            return
        shutil.rmtree(doomed, ignore_errors=True)
        if doomed.exists():
            _log.warning("cannot delete %s, which is tried again by the next build", doomed)


def _number(name: str) -> int:
    match = _NAME.fullmatch(name)
    if match is None:
        raise ValueError(f"{name!r} is no generation name")
    return int(match.group(1))
