"""Finds the generation that a build can start from; knows nothing of building."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from index.clusters import Clusters, read_clusters
from index.dense import DenseIndex, RowArray
from index.errors import DamagedIndexError
from index.generations import Generations
from index.lexical_segments import superseded_revisions
from index.manifest import Manifest, read_manifest, verify_files
from index.snapshot import LEXICAL, open_dense, read_sources, revision_ids
from index.types import PASSAGES_PER_REVISION, IntArray


@dataclass(frozen=True, slots=True)
class Parent:
    """A whole generation made with the settings of today.

    ``superseded``: revisions that are not found any more and whose text or vectors are still in its files.
    """

    folder: Path
    manifest: Manifest
    dense: DenseIndex
    sources: list[str]
    clusters: Clusters
    superseded: frozenset[int]

    @property
    def revision_ids(self) -> set[int]:
        """What is found in it."""
        return revision_ids(self.dense.rows)

    def passage_ids(self, *, of: Sequence[int] | None = None, but: Sequence[int] = ()) -> IntArray:
        """The passages (n,) that are found in it, of some revisions only, or of all but some."""
        ids: IntArray = self.dense.rows["passage_id"][self.dense.live]
        revisions = ids // PASSAGES_PER_REVISION
        if of is not None:
            ids, revisions = (some[np.isin(revisions, np.array(of, dtype=np.int64))] for some in (ids, revisions))
        return ids[~np.isin(revisions, np.array(but, dtype=np.int64))]


def find_parent(generations: Generations, *, embedder_id: str, chunker: Mapping[str, int]) -> Parent | None:
    """The live generation if it is whole and of these settings, else the best one that is.

    One made by another embedder or chunker is never a parent: its vectors or passages would be mixed with others. The
    build then derives everything anew, beside the generation that serves.
    """
    for name in generations.candidates():
        folder = generations.path(name)
        try:
            manifest = read_manifest(folder)
            if manifest.embedder != embedder_id or manifest.chunker != chunker:
                continue
            verify_files(folder, manifest, generations.proven)
            return _open(folder, manifest, generations)
        except DamagedIndexError:
            continue  # an older one serves as well: whatever it lacks comes from the library
    return None


def is_any_whole(generations: Generations) -> bool:
    """Whether something could be served now, whatever it was made with."""
    for name in generations.candidates():
        try:
            verify_files(generations.path(name), read_manifest(generations.path(name)), generations.proven)
        except DamagedIndexError:
            continue
        return True
    return False


def _open(folder: Path, manifest: Manifest, generations: Generations) -> Parent:
    dense = open_dense(folder, manifest, generations.proven)
    if manifest.superseded is None:
        superseded = superseded_revisions(folder / LEXICAL, revision_ids(dense.rows))
    else:
        superseded = frozenset(manifest.superseded)
    return Parent(folder, manifest, dense, read_sources(folder), read_clusters(folder), superseded)


def dead_revision_ids(rows: RowArray) -> set[int]:
    """The revisions that are not found and whose vectors are still there."""
    ids = ~rows["passage_id"]
    return set(np.unique(ids[ids > 0] // PASSAGES_PER_REVISION).tolist())
