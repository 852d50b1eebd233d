"""Says which generations still hold text that was removed from the library; knows nothing of building or searching.

A generation holds the passages that are found in it, those that it no longer finds and whose files were not written
anew, and what it notes about near-duplicates. The library is the truth: what it no longer has was removed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from index.clusters import CLUSTERS, read_clusters
from index.errors import DamagedIndexError
from index.generations import Generations
from index.lexical_segments import superseded_revisions
from index.manifest import Manifest, read_manifest, verify_files
from index.parent import dead_revision_ids
from index.snapshot import LEXICAL, ROWS, revision_ids
from index.sql import SqlDatabase

_MAX_VARIABLES = 500  # below SQLite's limit on bound parameters in any build


class RemovedText:
    """Remembers what each generation holds, which never changes. Safe to use from several threads."""

    def __init__(self, database: SqlDatabase, generations: Generations) -> None:
        self._database = database
        self._generations = generations
        self._held: dict[str, frozenset[int] | None] = {}
        self._answer: tuple[object, list[str]] = (None, [])

    def left_in(self) -> list[str]:
        """Names of the generations, oldest first, that hold a revision the library no longer has.

        Also those that were to be deleted and could not be. One that is too damaged to tell counts, once anything was
        ever removed: it may.
        """
        names = [*self._generations.names(), *self._generations.doomed()]
        identities = {name: self._generations.identity(name) for name in names}
        with self._database.read() as connection:
            state = (identities, *connection.execute(self._database.dialect.state).fetchone())
            if self._answer[0] == state:
                return list(self._answer[1])
            stored = {int(row[0]) for row in connection.execute("SELECT revision_id FROM revisions")}
            was_any_removed = _was_any_removed(
                connection.execute(self._database.dialect.highest_revision).fetchone(), stored
            )
        left = [
            name
            for name, identity in identities.items()
            if not self._is_clean(name, identity, stored, was_any_removed=was_any_removed)
        ]
        self._held = {some: held for some, held in self._held.items() if some in identities.values()}
        self._answer = (state, left)
        return list(left)

    def missing(self, revisions: set[int]) -> set[int]:
        """Those that the library no longer has."""
        asked = sorted(revisions)
        found: set[int] = set()
        with self._database.read() as connection:
            for first in range(0, len(asked), _MAX_VARIABLES):
                some = asked[first : first + _MAX_VARIABLES]
                marks = ",".join("?" * len(some))
                rows = connection.execute(f"SELECT revision_id FROM revisions WHERE revision_id IN ({marks})", some)  # noqa: S608
                found.update(int(row[0]) for row in rows)
        return revisions - found

    def _is_clean(self, name: str, identity: str, stored: set[int], *, was_any_removed: bool) -> bool:
        if identity not in self._held:
            self._held[identity] = _held_in(self._generations, name)
        held = self._held[identity]
        return not was_any_removed if held is None else held <= stored


def _was_any_removed(highest: tuple[int] | None, stored: set[int]) -> bool:
    return highest is not None and len(stored) < int(highest[0])


def _held_in(generations: Generations, name: str) -> frozenset[int] | None:
    """Every revision of which a generation holds anything; None when it is too damaged to tell."""
    folder = generations.path(name)
    try:
        manifest = read_manifest(folder)
        _prove(folder, manifest, generations)
        rows = np.load(folder / ROWS, allow_pickle=False)
        found = revision_ids(rows)
        members = {member.revision_id for cluster in read_clusters(folder) for member in cluster}
        superseded = manifest.superseded
        if superseded is None:
            verify_files(folder, manifest, generations.proven)
            superseded = sorted(superseded_revisions(folder / LEXICAL, found) | dead_revision_ids(rows))
    except (DamagedIndexError, OSError, ValueError):
        return None
    return frozenset(found | members | set(superseded))


def _prove(folder: Path, manifest: Manifest, generations: Generations) -> None:
    """:raises DamagedIndexError: If a file that is about to be parsed differs from the manifest."""
    for name in (ROWS, CLUSTERS):
        if name in manifest.files and generations.proven.entry(folder / name) != manifest.files[name]:
            raise DamagedIndexError(f"{folder.name}: {name} is damaged")
