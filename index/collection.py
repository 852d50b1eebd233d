"""The embedded collection: a library and an index in files of one folder; knows nothing of questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from index.base_collection import BaseCollection
from index.builder import Builder, Progress, no_progress
from index.collection_check import CheckReport, check_everything
from index.collection_status import collection_status
from index.generation_list import FolderHistory, GenerationDiff, GenerationInfo, must_be_one_of, why_not_back_to
from index.generations import Generations
from index.library import Library
from index.manifest import Manifest
from index.protocols import NamesArticles, PassageSnapshot
from index.served import ServedGeneration
from index.snapshot import Snapshot

Verify = Callable[[PassageSnapshot], Sequence[str]]
"""Says what a finished generation fails at; nothing when it may replace the one that is live."""


class Collection(BaseCollection):
    """Library, generations and builder together.

    :param lock_timeout_seconds: How long adding and removing wait for another builder before giving up (the
        articles are safe in the library by then).
    :param verify: Asked before a generation that was derived anew replaces another one.
    :param mentions: What names or quotes articles; one that is removed goes from there too.
    """

    def __init__(
        self,
        library: Library,
        generations: Generations,
        builder: Builder,
        *,
        title_weight: float,
        lock_timeout_seconds: float = 30.0,
        verify: Verify | None = None,
        mentions: Sequence[NamesArticles] = (),
    ) -> None:
        super().__init__(library, mentions)
        self._generations = generations
        self._history = FolderHistory(library, generations)
        self._builder = builder
        self._title_weight = title_weight
        self._lock_timeout_seconds = lock_timeout_seconds
        self._verify = verify
        self._served = ServedGeneration(generations, embedder_id=builder.embedder_id, title_weight=title_weight)

    # Reading

    def snapshot(self) -> Snapshot | None:
        """The live generation, opened; None when nothing was ever indexed. Callers keep it for a whole question.

        A new generation is picked up here. A damaged one, and one of another embedder, is passed over for the best
        that can be searched, and :attr:`problem` says so.
        """
        return self._served.snapshot()

    def open_generation(self, name: str) -> Snapshot:
        """A generation by its name, opened, whichever is live; what is served stays as it is.

        :raises BadInputError: If there is no such generation (see ``index.keep_generations``).
        :raises DamagedIndexError: If it is damaged.
        """
        must_be_one_of(name, self._generations.names())
        return Snapshot(self._generations.path(name), title_weight=self._title_weight)

    @property
    def problem(self) -> str | None:
        """Why the live generation is not the one served, or not searched in full; None when it is."""
        return self._served.problem

    @property
    def is_of_other_embedder(self) -> bool:
        """Whether the live generation was built with another embedder than this process runs."""
        return self._served.is_of_other_embedder

    def status(self) -> dict[str, Any]:
        """Counts and names; the keys are part of a public contract."""
        snapshot = self.snapshot()
        manifest = snapshot.manifest if snapshot is not None else None
        left_in = self._builder.removed_text.left_in()
        return collection_status(manifest, self._library.counts(), text_left_in=left_in, problem=self.problem)

    def generations(self) -> list[GenerationInfo]:
        """All generations there are, oldest first, each read and hashed."""
        return self._history.generations()

    def diff(self, old: str, new: str) -> GenerationDiff:
        """Which articles came, went and changed from one generation to another.

        :raises BadInputError: If there is no such generation.
        :raises DamagedIndexError: If one is damaged.
        """
        return self._history.diff(old, new)

    # Writing

    def update(self, *, progress: Progress = no_progress) -> str | None:
        """Bring the index up to date with the library; waits for another builder for a while.

        :raises VerificationError: If it had to be derived anew and failed the verification; the old one serves on.
        """
        name = self._builder.build(
            progress=progress, lock_timeout_seconds=self._lock_timeout_seconds, check=self._folder_check()
        )
        self._served.look_again()
        self.snapshot()
        return name

    def rebuild(self, *, full: bool = False, force: bool = False, progress: Progress = no_progress) -> str | None:
        """Build a generation now, or fail at once when another builder works.

        :param force: Publish it even if the verification fails.
        :raises VerificationError: If it was derived anew and failed the verification; the old one serves on.
        """
        name = self._builder.build(full=full, progress=progress, check=None if force else self._folder_check())
        self._served.look_again()
        self.snapshot()
        return name

    def rollback(self, name: str | None = None) -> str:
        """Go back to an older generation (see :meth:`index.generations.Generations.rollback`).

        :raises BadInputError: Also if it holds removed text, or was built with another embedder.
        """
        with self._generations.building(self._lock_timeout_seconds):
            live = self._generations.rollback(name, self._refusal)
        self.snapshot()
        return live

    def check(self, progress: Progress = no_progress) -> CheckReport:
        """Read and hash everything there is."""
        return check_everything(self._library, self._generations, progress)

    # Inside

    def _folder_check(self) -> Callable[[Path], Sequence[str]] | None:
        verify = self._verify
        if verify is None:
            return None
        return lambda folder: verify(Snapshot(folder, title_weight=self._title_weight))

    def _refusal(self, name: str, manifest: Manifest) -> str | None:
        left_in = self._builder.removed_text.left_in()
        return why_not_back_to(name, manifest, embedder_id=self._builder.embedder_id, text_left_in=left_in)
