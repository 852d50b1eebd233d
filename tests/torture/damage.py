"""Flips bits in, and cuts ends off, every file of a data folder; knows what must notice, not how it does.

Files of a generation must be found out before FAISS, tantivy or numpy reads a byte of them. The library is read by
SQLite, which finds some damage itself; whatever it lets through must never be shown as what was accepted.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import index.lexical
from index.errors import DamagedIndexError
from index.snapshot import Snapshot
from tests.fakes import TITLE_WEIGHT, Parts, numbered_article, numbered_articles, open_parts
from tests.torture.report import Settings, SuiteReport
from tests.torture.workers import Workers

LOCKS = {".tantivy-writer.lock", ".tantivy-meta.lock"}  # empty, and nobody reads them
_NUM_FLIPS = 10_000
_NUM_CUTS = 500
_LIBRARY_SHARE = 0.4
_CURRENT_SHARE = 0.02
_DAMAGES_PER_WORKER = 50
_LIBRARY_ARTICLES = 12


@dataclass(frozen=True, slots=True)
class Damage:
    """What happens to a file: a bit flips, or everything from an offset on is gone."""

    offset: int
    bit: int | None

    def apply(self, data: bytes) -> bytes:
        if self.bit is None:
            return data[: self.offset]
        damaged = bytearray(data)
        damaged[self.offset] ^= 1 << self.bit
        return bytes(damaged)

    def __str__(self) -> str:
        return f"cut to {self.offset} bytes" if self.bit is None else f"bit {self.bit} of byte {self.offset} flipped"


def flips(data: bytes, number: int, chance: random.Random) -> Iterator[Damage]:
    return (Damage(chance.randrange(len(data)), chance.randrange(8)) for _ in range(number if data else 0))


def cuts(data: bytes, number: int, chance: random.Random) -> Iterator[Damage]:
    """Lost ends: the first byte, half, the last byte, then anywhere."""
    places = [0, len(data) // 2, len(data) - 1, *(chance.randrange(len(data)) for _ in range(max(0, number - 3)))]
    return (Damage(offset, None) for offset in places[: number if data else 0])


class ParsedError(Exception):
    """Something began to read a file that should have been refused."""


@contextmanager
def nothing_may_be_parsed() -> Iterator[None]:
    """Whatever reads the contents of a generation raises :class:`ParsedError` instead."""

    def parsed(*arguments: Any, **_: Any) -> Any:
        raise ParsedError(f"{arguments}")

    refusing = SimpleNamespace(Index=SimpleNamespace(open=parsed, exists=parsed))
    with (
        mock.patch("faiss.read_index", parsed),
        mock.patch("numpy.load", parsed),
        mock.patch.object(index.lexical, "tantivy", refusing),
    ):
        yield


def generation_files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in LOCKS]


def make_generations(folder: Path) -> Parts:
    """Two generations that share segments, with deleted passages in the second."""
    parts = open_parts(folder)
    parts.collection.add(numbered_articles(_LIBRARY_ARTICLES))
    parts.collection.add([numbered_article(3, version=2), numbered_article(_LIBRARY_ARTICLES)])
    return parts


def generation_problem(folder: Path, path: Path, damage: Damage, data: bytes) -> str | None:
    """What is wrong with how this damage was met; the file is whole again afterwards.

    :param path: A file of the generation that no other generation shares (see :func:`unshare`).
    """
    path.write_bytes(damage.apply(data))
    try:
        with nothing_may_be_parsed():
            Snapshot(folder, title_weight=TITLE_WEIGHT)
    except DamagedIndexError as error:
        return None if folder.name in str(error) else f"the message names no generation: {error}"
    except Exception as error:  # noqa: BLE001 (the finding itself)
        return f"{type(error).__name__} before the damage was noticed: {error}"
    finally:
        path.write_bytes(data)
    return "was not noticed"


def unshare(path: Path) -> bytes:
    """Give a file an inode of its own, so that spoiling it spoils no other generation."""
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data)
    return data


def run_damage(settings: Settings) -> SuiteReport:
    """10,000 flips and 500 cuts at scale 1.0, spread over all files."""
    report = SuiteReport("damage")
    chance = random.Random(settings.seed)
    total = settings.scaled(_NUM_FLIPS) + settings.scaled(_NUM_CUTS, at_least=50)
    progress = _Steps(settings, total)
    parts = make_generations(settings.work / "data")
    _spoil_generation(parts.live_folder, settings, chance, report, progress)
    _spoil_current(parts, settings, chance, report, progress)
    _spoil_library(parts, settings, chance, report, progress)
    return report.finish()


class _Steps:
    def __init__(self, settings: Settings, total: int) -> None:
        self._settings, self._total, self._done = settings, total, 0

    def take(self) -> None:
        self._done += 1
        self._settings.progress(self._done, max(self._done, self._total))


def _spoil_generation(
    folder: Path, settings: Settings, chance: random.Random, report: SuiteReport, progress: _Steps
) -> None:
    files = generation_files(folder)
    share = 1 - _LIBRARY_SHARE - _CURRENT_SHARE
    num_flips = -(-settings.scaled(int(_NUM_FLIPS * share)) // len(files))
    num_cuts = -(-settings.scaled(int(_NUM_CUTS * share)) // len(files))
    for path in files:
        data = unshare(path)
        for damage in (*flips(data, num_flips, chance), *cuts(data, num_cuts, chance)):
            problem = generation_problem(folder, path, damage, data)
            if problem is not None:
                report.blame(f"{path.relative_to(folder)}, {damage}", [problem])
            report.count("flips" if damage.bit is not None else "cuts")
            progress.take()
    report.figures["files_of_the_generation"] = len(files)
    Snapshot(folder, title_weight=TITLE_WEIGHT)


def _spoil_current(
    parts: Parts, settings: Settings, chance: random.Random, report: SuiteReport, progress: _Steps
) -> None:
    """CURRENT is a bare name: damage is noticed, or names another whole generation (a documented limit)."""
    path = parts.generations.folder / "CURRENT"
    data = path.read_bytes()
    num_flips, num_cuts = settings.scaled(int(_NUM_FLIPS * _CURRENT_SHARE)), 4
    for damage in (*flips(data, num_flips, chance), *cuts(data, num_cuts, chance)):
        path.write_bytes(damage.apply(data))
        collection = parts.reopened()
        snapshot = collection.snapshot()
        if snapshot is None:
            report.blame(f"CURRENT, {damage}", ["nothing is served"])
        elif collection.problem is None and snapshot.generation != parts.live_folder.name:
            report.blame(f"CURRENT, {damage}", ["another generation is served than CURRENT names"])
        report.count("current_named_an_older_generation", int(collection.problem is None and damage.bit is not None))
        report.count("flips" if damage.bit is not None else "cuts")
        progress.take()
    path.write_bytes(data)


def _spoil_library(
    parts: Parts, settings: Settings, chance: random.Random, report: SuiteReport, progress: _Steps
) -> None:
    """In workers, for a reader that SQLite's own code crashes must not take the harness with it."""
    data = (parts.folder / "library.sqlite").read_bytes()
    num_flips = settings.scaled(int(_NUM_FLIPS * _LIBRARY_SHARE))
    num_cuts = settings.scaled(int(_NUM_CUTS * _LIBRARY_SHARE), at_least=20)
    damages = [*flips(data, num_flips, chance), *cuts(data, num_cuts, chance)]
    with Workers(settings.work / "workers.log") as workers:
        for first in range(0, len(damages), _DAMAGES_PER_WORKER):
            group = damages[first : first + _DAMAGES_PER_WORKER]
            _read_damaged(workers, parts.folder, data, group, settings.work / "spoilt", report, progress)


def _read_damaged(
    workers: Workers,
    source: Path,
    data: bytes,
    damages: Sequence[Damage],
    spoilt: Path,
    report: SuiteReport,
    progress: _Steps,
) -> None:
    shutil.rmtree(spoilt, ignore_errors=True)
    shutil.copytree(source / "index", spoilt / "index")
    worker = workers.start("read-library", whole=str(source), folder=str(spoilt))
    for damage in damages:
        (spoilt / "library.sqlite").write_bytes(damage.apply(data))
        reply = worker.ask(read=True)
        report.count("flips" if damage.bit is not None else "cuts")
        progress.take()
        if reply is None:
            report.blame(f"library.sqlite, {damage}", [f"the reader died with status {worker.wait()}"])
            worker = workers.start("read-library", whole=str(source), folder=str(spoilt))
            continue
        report.blame(f"library.sqlite, {damage}", reply["problems"])
        report.count(f"library_{reply['met']}")
    worker.kill()
    worker.wait()
