"""A collection on PostgreSQL: the library and the passages of many machines' readers; knows nothing of questions."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from index.base_collection import BaseCollection
from index.builder import Progress, no_progress
from index.collection_check import CheckReport
from index.collection_status import collection_status
from index.errors import BadInputError, NoGenerationError
from index.generation_list import GenerationDiff, GenerationInfo, must_be_one_of, why_not_back_to
from index.postgres.builder import Check, PostgresBuilder
from index.postgres.history import PostgresHistory
from index.postgres.library import PostgresLibrary
from index.postgres.passages import PassageStore
from index.postgres.snapshot import PostgresSnapshot
from index.protocols import NamesArticles


class PostgresCollection(BaseCollection):
    """Library, passage store and builder together. Thread-safe; any number of processes may use the same servers.

    :param lock_timeout_seconds: How long adding and removing wait for another builder before giving up (the
        articles are safe in the library by then).
    :param verify: Asked before a generation that was derived anew replaces another one.
    :param mentions: What names or quotes articles; one that is removed goes from there too.
    """

    def __init__(
        self,
        library: PostgresLibrary,
        store: PassageStore,
        builder: PostgresBuilder,
        *,
        lock_timeout_seconds: float = 30.0,
        verify: Check | None = None,
        mentions: Sequence[NamesArticles] = (),
    ) -> None:
        super().__init__(library, mentions)
        self._removed_from = library
        self._store = store
        self._builder = builder
        self._history = PostgresHistory(library, store)
        self._lock_timeout_seconds = lock_timeout_seconds
        self._verify = verify
        self._lock = threading.Lock()
        self._snapshot: PostgresSnapshot | None = None

    # The index

    def snapshot(self) -> PostgresSnapshot | None:
        """The live generation, opened; None when nothing was ever indexed. Callers keep it for a whole question.

        :raises StorageError: If the main server cannot be reached.
        """
        live = self._store.current()
        with self._lock:
            if live is None:
                self._snapshot = None
            elif self._snapshot is None or self._snapshot.generation != live:
                self._snapshot = self._store.open(live)
                self._snapshot.cluster_of(0)  # reads the clusters, once for all questions
            # What one question misses of a server that does not answer is not another question's.
            return self._snapshot.for_question() if self._snapshot is not None else None

    def open_generation(self, name: str) -> PostgresSnapshot:
        must_be_one_of(name, self._store.names())
        return self._store.open(name)

    @property
    def problem(self) -> str | None:
        snapshot = self._snapshot
        if snapshot is None or not self.is_of_other_embedder:
            return None
        return (
            f"{snapshot.generation} was built with the embedder {snapshot.manifest.embedder}, not "
            f"{self._builder.embedder_id}: questions are answered by words only until it is rebuilt"
        )

    @property
    def is_of_other_embedder(self) -> bool:
        snapshot = self._snapshot
        return snapshot is not None and not snapshot.has_vectors_of(self._builder.embedder_id)

    def status(self) -> dict[str, Any]:
        snapshot = self.snapshot()
        manifest = snapshot.manifest if snapshot is not None else None
        return collection_status(
            manifest, self._library.counts(), text_left_in=self._text_left_in(), problem=self.problem
        )

    def generations(self) -> list[GenerationInfo]:
        return self._history.generations()

    def diff(self, old: str, new: str) -> GenerationDiff:
        return self._history.diff(old, new)

    def update(self, *, progress: Progress = no_progress) -> str | None:
        return self._builder.build(
            progress=progress, lock_timeout_seconds=self._lock_timeout_seconds, check=self._verify
        )

    def rebuild(self, *, full: bool = False, force: bool = False, progress: Progress = no_progress) -> str | None:
        return self._builder.build(full=full, progress=progress, check=None if force else self._verify)

    def rollback(self, name: str | None = None) -> str:
        with self._builder.alone(self._lock_timeout_seconds):
            live = self._store.current()
            if live is None:
                raise NoGenerationError("there is no index yet: add an article first")
            if name is None:
                name = self._previous(live)
            else:
                must_be_one_of(name, self._store.names())
                reason = self._refusal(name, self._text_left_in())
                if reason is not None:
                    raise BadInputError(reason)
            self._store.rollback_to(name)
        return name

    def check(self, progress: Progress = no_progress) -> CheckReport:
        """Read every revision, and count what each generation holds."""
        problems = self._library.check()
        infos = self._history.generations(progress)
        problems += [info.damage for info in infos if info.damage is not None]
        return CheckReport(tuple(info.generation for info in infos), tuple(problems))

    # Inside

    def _previous(self, live: str) -> str:
        """The newest generation older than the live one that can be gone back to."""
        left_in = self._text_left_in()
        names = self._store.names()
        for older in reversed(names[: names.index(live)] if live in names else names):
            if self._refusal(older, left_in) is None:
                return older
        raise BadInputError(
            f"there is no generation older than {live} to go back to; see `article-qa generations`, and "
            "`index.keep_generations` for how many are kept"
        )

    def _refusal(self, name: str, left_in: Sequence[str]) -> str | None:
        manifest = self._store.open(name).manifest
        return why_not_back_to(name, manifest, embedder_id=self._builder.embedder_id, text_left_in=left_in)

    def _text_left_in(self) -> list[str]:
        """Generations that may still hold removed text: all, until a build has erased it from every one."""
        removed = self._removed_from.removed_revisions()
        is_left = bool(removed) and bool(removed & self._store.held_revision_ids())
        return self._store.names() if is_left or self._store.pending_erasures() else []
