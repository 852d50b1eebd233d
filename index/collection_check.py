"""Reads and hashes everything a collection keeps, and says what is damaged; repairs nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from index.errors import DamagedIndexError
from index.generations import Generations
from index.library import Library
from index.manifest import read_manifest, verify_files


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What :func:`check_everything` found; ``problems`` is empty when all is well."""

    generations: tuple[str, ...]
    problems: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {"ok": not self.problems, "generations": list(self.generations), "problems": list(self.problems)}


def check_everything(
    library: Library, generations: Generations, progress: Callable[[str, int, int], None]
) -> CheckReport:
    """Read every revision, and hash every file of every generation."""
    problems = library.check()
    names = generations.names()
    try:
        generations.current()
    except DamagedIndexError as error:
        problems.append(str(error))
    for done, name in enumerate(names):
        progress("checking generations", done, len(names))
        folder = generations.path(name)
        try:
            verify_files(folder, read_manifest(folder))
        except DamagedIndexError as error:
            problems.append(str(error))
    return CheckReport(tuple(names), tuple(problems))
