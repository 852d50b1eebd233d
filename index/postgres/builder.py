"""Brings the passages on PostgreSQL up to date with the library; knows nothing of where articles come from or who asks.

A build that fails or is killed leaves the old generation live, and every embedding finished so far in the cache. One
works at a time, on whatever machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from index.builder import Progress, no_progress
from index.cluster_finder import ClusterFinder
from index.clusters import Clusters
from index.errors import BuilderBusyError
from index.folder_check import not_published
from index.passage_feed import PassageFeed
from index.postgres.generation_rows import ManifestFields
from index.postgres.library import PostgresLibrary
from index.postgres.passages import PassageStore
from index.postgres.snapshot import PostgresSnapshot
from index.protocols import PassageSnapshot

Check = Callable[[PassageSnapshot], Sequence[str]]
"""Says what a finished generation fails at; nothing when it may replace the one that is live."""

_PASSAGES_PER_BATCH = 512


@dataclass(frozen=True, slots=True)
class _Change:
    """What a generation gains and loses against its parent. ``erased``: what no generation may hold any more."""

    parent: str | None
    added: Sequence[int]
    dropped: Sequence[int]
    erased: Sequence[int]

    def __bool__(self) -> bool:
        return bool(self.added or self.dropped or self.erased)


class PostgresBuilder:
    """Turns the library into generations. One builder works at a time, in all processes on all machines together.

    :param chunker: Its settings: a generation of others is no parent.
    :param keep: How many generations stay, the live one included.
    """

    def __init__(
        self,
        library: PostgresLibrary,
        store: PassageStore,
        feed: PassageFeed,
        *,
        embedder_id: str,
        dim: int,
        chunker: Mapping[str, int],
        keep: int,
    ) -> None:
        self._library = library
        self._store = store
        self._feed = feed
        self._cluster_finder = ClusterFinder(library)
        self.embedder_id = embedder_id
        self._dim = dim
        self._chunker = dict(chunker)
        self._keep = keep

    def build(
        self,
        *,
        full: bool = False,
        progress: Progress = no_progress,
        lock_timeout_seconds: float = 0.0,
        check: Check | None = None,
    ) -> str | None:
        """Bring the index up to date with the library; removed text goes from every generation.

        :param full: Derive everything anew from the library instead of starting from the live generation.
        :param check: Asked before a generation without a parent replaces another one that holds no removed text.
        :return: The live generation's name; None when the library is empty and there is no generation yet.
        :raises BuilderBusyError: If another builder works for longer than the time-out.
        :raises StorageError: If a server refuses; the old generation stays live.
        :raises VerificationError: If ``check`` found something; the old generation stays live and the new one goes.
        """
        name, state = self._build_locked(lock_timeout_seconds, full=full, progress=progress, check=check)
        while self._library.state() != state:
            # Whoever found us building between our last look and our letting go relies on us.
            try:
                name, state = self._build_locked(0.0, full=False, progress=progress, check=check)
            except BuilderBusyError:
                break  # by someone who began after that, and looks too
        return name

    def alone(self, lock_timeout_seconds: float) -> AbstractContextManager[None]:
        """Keep other builders from working meanwhile.

        :raises BuilderBusyError: If one works for longer than the time-out.
        """
        return self._store.building(lock_timeout_seconds)

    def _build_locked(
        self, lock_timeout_seconds: float, *, full: bool, progress: Progress, check: Check | None
    ) -> tuple[str | None, int]:
        """Build until nothing is new; the live generation's name, and the state of the library that it holds."""
        with self.alone(lock_timeout_seconds):
            while True:
                before = self._library.state()
                name = self._build_once(full=full, progress=progress, check=check)
                full = False
                # Articles accepted meanwhile by someone who found us building are ours to index.
                if self._library.state() == before:
                    return name, before

    def _build_once(self, *, full: bool, progress: Progress, check: Check | None) -> str | None:
        removed = self._library.removed_revisions()  # before the texts are listed: none of these is among them
        wanted = self._library.live_texts()
        name = self._store.current()
        live = self._store.open(name) if name is not None and not full else None
        change = self._change(live, wanted, removed)
        clusters = self._cluster_finder.find(wanted, progress)
        is_new = change or change.parent is None or (live is not None and live.clusters != clusters)
        if is_new and (wanted or name is not None):
            name = self._load(change, clusters, progress, check if name is not None else None)
        self._library.delete_strayed_embeddings()
        if removed:
            self._library.sweep()
            self._library.forget_removed(removed)
        return name

    def _change(self, live: PostgresSnapshot | None, wanted: Mapping[int, Sequence[int]], removed: set[int]) -> _Change:
        erased = sorted(removed & self._store.held_revision_ids()) if removed else []
        if live is None or not self._is_parent(live):
            return _Change(None, list(wanted), (), erased)
        held = live.revision_ids()
        self._library.must_know(held, live.generation)
        added = [revision_id for revision_id in wanted if revision_id not in held]
        return _Change(live.generation, added, sorted(held - wanted.keys()), erased)

    def _is_parent(self, live: PostgresSnapshot) -> bool:
        """Whether what it holds was made as it would be made now."""
        manifest = live.manifest
        return manifest.embedder == self.embedder_id and dict(manifest.chunker) == self._chunker

    def _load(self, change: _Change, clusters: Clusters, progress: Progress, check: Check | None) -> str:
        """:param check: None when nothing that could serve would be replaced."""
        is_checked = check is not None and change.parent is None and not change.erased
        with self._store.loading(change.parent, dim=self._dim) as load:
            load.drop(change.dropped)
            load.erase(change.erased)
            progress("indexing articles", 0, len(change.added))
            for batch in self._feed.batches(change.added, _PASSAGES_PER_BATCH):
                load.put(batch.passages, batch.vectors)
                progress("indexing articles", batch.num_done, len(change.added))
            progress("writing the index", 0, 1)
            fields = ManifestFields(embedder=self.embedder_id, chunker=self._chunker, clusters=clusters)
            name = load.commit(fields, is_live=not is_checked)
        if check is not None and is_checked:
            self._must_pass(check, name)
        self._store.prune(self._keep)
        progress("writing the index", 1, 1)
        return name

    def _must_pass(self, check: Check, name: str) -> None:
        """Make a generation live if it passes, else throw it away.

        :raises VerificationError: If it does not.
        """
        try:
            problems = check(self._store.open(name))
        except BaseException:
            self._store.discard(name)
            raise
        if problems:
            self._store.discard(name)
            raise not_published(name, problems)
        self._store.rollback_to(name)
