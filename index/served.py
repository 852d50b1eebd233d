"""Keeps the generation that is served open and follows what is published; knows nothing of building.

What is served was made by the embedder that this process runs: vectors of two embedders cannot be compared. A
generation of another one is searched by words only, and only when there is nothing better.
"""

from __future__ import annotations

import logging
import threading

from index.errors import DamagedIndexError
from index.generations import Generations
from index.manifest import read_manifest
from index.snapshot import Snapshot

_log = logging.getLogger(__name__)


class ServedGeneration:
    """Thread-safe.

    :param embedder_id: The embedder that questions are embedded with.
    """

    def __init__(self, generations: Generations, *, embedder_id: str, title_weight: float) -> None:
        self._generations = generations
        self._embedder_id = embedder_id
        self._title_weight = title_weight
        self._snapshot: Snapshot | None = None
        self._lock = threading.Lock()
        self._opened_for: str | None = "nothing yet"  # what was live when the snapshot was opened
        self._problem: str | None = None
        self._is_of_other_embedder = False

    @property
    def problem(self) -> str | None:
        """Why the live generation is not the one served, or not searched in full; None when it is."""
        return self._problem

    @property
    def is_of_other_embedder(self) -> bool:
        """Whether the live generation was built with another embedder than this process runs."""
        return self._is_of_other_embedder

    def snapshot(self) -> Snapshot | None:
        """See :meth:`index.collection.Collection.snapshot`."""
        with self._lock:
            live = self._live()
            if self._snapshot is None and self._problem is not None:
                # With nothing to serve there is nothing to lose: the disk may have failed for a moment only.
                self._opened_for = "nothing yet"
            while live != self._opened_for:
                self._snapshot = self._open_best()
                self._opened_for = live
                if self._problem is not None:
                    # Perhaps it was replaced, and pruned, while it was being opened.
                    live = self._live()
            return self._snapshot

    def look_again(self) -> None:
        """Open anew, at the next question, what could not be opened: the disk may have failed for a moment only."""
        with self._lock:
            if self._problem is not None:
                self._opened_for = "nothing yet"

    def _open(self, name: str) -> Snapshot:
        """:raises DamagedIndexError: If it is damaged."""
        folder = self._generations.path(name)
        if self._snapshot is not None and self._snapshot.folder == folder and self._is_as_opened(self._snapshot):
            return self._snapshot  # open already: what is published beside it changes nothing in it
        return Snapshot(folder, title_weight=self._title_weight, proven=self._generations.proven)

    def _is_as_opened(self, snapshot: Snapshot) -> bool:
        """Whether what lies in the snapshot's folder is not another generation of the same name."""
        try:
            return read_manifest(snapshot.folder) == snapshot.manifest
        except DamagedIndexError:
            return snapshot.folder.is_dir()  # damaged since: what is open was whole

    def _live(self) -> str | None:
        """Changes whenever another generation is live, or what is wrong with CURRENT."""
        try:
            name = self._generations.current()
            return self._generations.identity(name) if name is not None else None
        except DamagedIndexError as error:
            return str(error)

    def _open_best(self) -> Snapshot | None:
        """The best whole generation of this embedder; without any, the best whole one."""
        problem = self._current_problem()
        other: Snapshot | None = None
        for name in self._generations.candidates():
            try:
                snapshot = self._open(name)
            except DamagedIndexError as error:
                problem = problem or str(error)
                _log.warning("passed over a damaged generation: %s", error)
                continue
            if snapshot.has_vectors_of(self._embedder_id):
                self._note(problem, other, snapshot)
                return snapshot
            other = other or snapshot
        self._note(problem, other, None)
        return other

    def _note(self, damage: str | None, other: Snapshot | None, served: Snapshot | None) -> None:
        """Say what keeps the live generation from being served.

        :param damage: What is wrong with a better one.
        :param other: The best one of another embedder, if it is better.
        """
        self._is_of_other_embedder = other is not None and damage is None
        if other is not None:
            built = f"{other.generation} was built with the embedder {other.manifest.embedder}"
            told = (
                f"{built}; restart to serve it; until then {served.generation} is served"
                if served is not None
                else f"{built}, not {self._embedder_id}: questions are answered by words only until it is rebuilt"
            )
            self._problem = f"{damage}; {told}" if damage else told
        elif damage and served is not None:
            self._problem = f"{damage}; serving {served.generation} until the index is rebuilt"
        elif damage:
            self._problem = f"{damage}; no whole generation is left: run `article-qa rebuild --full`"
        else:
            self._problem = None

    def _current_problem(self) -> str | None:
        try:
            self._generations.current()
        except DamagedIndexError as error:
            return str(error)
        return None
