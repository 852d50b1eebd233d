"""The index as one object: accept articles, keep the index up to date, hand out the live snapshot.

Knows nothing of questions. Everything an entry point does to articles goes through here.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from index.builder import Builder, Progress, no_progress
from index.errors import BadInputError, DamagedIndexError
from index.generations import Generations
from index.library import Library, Revision
from index.manifest import read_manifest, verify_files
from index.snapshot import Snapshot
from index.types import AddReport, Article, Rejection

_log = logging.getLogger(__name__)
_ARTICLES_PER_TRANSACTION = 200


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What :meth:`Collection.check` found; ``problems`` is empty when all is well."""

    generations: tuple[str, ...]
    problems: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {"ok": not self.problems, "generations": list(self.generations), "problems": list(self.problems)}


class Collection:
    """Library, generations and builder together.

    :param lock_timeout_seconds: How long adding and removing wait for another builder before giving up (the
        articles are safe in the library by then).
    """

    def __init__(
        self,
        library: Library,
        generations: Generations,
        builder: Builder,
        *,
        title_weight: float,
        lock_timeout_seconds: float = 30.0,
    ) -> None:
        self._library = library
        self._generations = generations
        self._builder = builder
        self._title_weight = title_weight
        self._lock_timeout_seconds = lock_timeout_seconds
        self._snapshot: Snapshot | None = None
        self._snapshot_lock = threading.Lock()
        self._opened_for: str | None = "nothing yet"  # what CURRENT said when the snapshot was opened
        self._problem: str | None = None

    # Reading

    def snapshot(self) -> Snapshot | None:
        """The live generation, opened; None when nothing was ever indexed. Callers keep it for a whole question.

        A new generation is picked up here. A damaged one is passed over for the newest whole one, and
        :attr:`problem` says so.
        """
        with self._snapshot_lock:
            live = self._live_name()
            while live != self._opened_for:
                self._snapshot = self._open_best()
                self._opened_for = live
                if self._problem is not None:
                    # Perhaps it was replaced, and pruned, while it was being opened.
                    live = self._live_name()
            return self._snapshot

    def open_generation(self, name: str) -> Snapshot:
        """A generation by its name, opened, whichever is live; what is served stays as it is.

        :raises BadInputError: If there is no such generation (see ``index.keep_generations``).
        :raises DamagedIndexError: If it is damaged.
        """
        names = self._generations.names()
        if name not in names:
            raise BadInputError(f"there is no generation {name!r}; there are {', '.join(names) or 'none'}")
        return Snapshot(self._generations.path(name), title_weight=self._title_weight)

    @property
    def problem(self) -> str | None:
        """Why the live generation is not the one served; None when it is."""
        return self._problem

    def article(self, article_id: str) -> Revision:
        """:raises BadInputError: If there is no such live article."""
        revision = self._library.article(article_id)
        if revision is None:
            raise BadInputError(
                f"there is no article {article_id!r}; `status` counts and /articles lists what there is"
            )
        return revision

    def history(self, article_id: str) -> list[Revision]:
        """Every revision of an article, newest first; empty when there is none."""
        return self._library.history(article_id)

    def articles(self, *, offset: int = 0, limit: int = 50, query: str = "") -> tuple[list[Revision], int]:
        """A page of live articles, newest first, and how many match in all."""
        return self._library.list_articles(offset=offset, limit=limit, query=query)

    def status(self) -> dict[str, Any]:
        """Counts and names; the keys are part of a public contract."""
        snapshot = self.snapshot()
        counts = self._library.counts()
        manifest = snapshot.manifest if snapshot is not None else None
        return {
            "generation": manifest.generation if manifest is not None else None,
            "num_articles": manifest.num_articles if manifest is not None else 0,
            "num_passages": manifest.num_passages if manifest is not None else 0,
            "newest_published_at": manifest.newest_published_at if manifest is not None else None,
            "created_at": manifest.created_at if manifest is not None else None,
            "dense_index": dict(manifest.dense) if manifest is not None else None,
            "library": {
                "num_articles": counts.num_articles,
                "num_revisions": counts.num_revisions,
                "num_removed": counts.num_removed,
            },
            "problem": self._problem,
        }

    # Writing

    def add(
        self, items: Iterable[Article | Rejection], *, progress: Progress = no_progress, total: int = 0
    ) -> AddReport:
        """Accept articles and index them.

        Each group of 200 is committed before the next is read, so a kill loses no acknowledged group; the index is
        brought up to date once, at the end.

        :param total: How many items are expected, for the progress; 0 when unknown.
        :raises BuilderBusyError: If the index could not be updated now; the articles are in the library.
        """
        report = self.accept(items, progress=progress, total=total)
        return replace(report, generation=self.update(progress=progress))

    def accept(
        self, items: Iterable[Article | Rejection], *, progress: Progress = no_progress, total: int = 0
    ) -> AddReport:
        """Store articles in the library without indexing them; see :meth:`add`."""
        tally = {"added": 0, "revised": 0, "unchanged": 0, "duplicate": 0}
        rejected: list[Rejection] = []
        num_done = 0
        source = iter(items)
        while group := list(islice(source, _ARTICLES_PER_TRANSACTION)):
            rejected += [item for item in group if isinstance(item, Rejection)]
            for verdict in self._library.accept([item for item in group if isinstance(item, Article)]):
                tally[verdict] += 1
            num_done += len(group)
            progress("reading articles", num_done, max(total, num_done))
        return AddReport(
            added=tally["added"],
            revised=tally["revised"],
            unchanged=tally["unchanged"],
            duplicates=tally["duplicate"],
            rejected=tuple(rejected),
        )

    def update(self, *, progress: Progress = no_progress) -> str | None:
        """Bring the index up to date with the library; waits for another builder for a while."""
        name = self._builder.build(progress=progress, lock_timeout_seconds=self._lock_timeout_seconds)
        self.snapshot()
        return name

    def remove(self, article_ids: Sequence[str], *, progress: Progress = no_progress) -> list[str]:
        """Delete articles' texts from the library and build an index without them.

        :return: The ids that were live.
        :raises BadInputError: If none of them was.
        """
        removed = self._library.remove(article_ids)
        if not removed:
            raise BadInputError(f"there is no article {', '.join(map(repr, article_ids))}; nothing was removed")
        self.update(progress=progress)
        return removed

    def rebuild(self, *, full: bool = False, progress: Progress = no_progress) -> str | None:
        """Build a generation now, or fail at once when another builder works."""
        name = self._builder.build(full=full, progress=progress)
        self.snapshot()
        return name

    def rollback(self, name: str | None = None) -> str:
        """Go back to an older generation (see :meth:`index.generations.Generations.rollback`)."""
        with self._generations.building(self._lock_timeout_seconds):
            live = self._generations.rollback(name)
        self.snapshot()
        return live

    def check(self, progress: Progress = no_progress) -> CheckReport:
        """Read and hash everything there is."""
        problems = self._library.check()
        names = self._generations.names()
        try:
            self._generations.current()
        except DamagedIndexError as error:
            problems.append(str(error))
        for done, name in enumerate(names):
            progress("checking generations", done, len(names))
            folder = self._generations.path(name)
            try:
                verify_files(folder, read_manifest(folder))
            except DamagedIndexError as error:
                problems.append(str(error))
        return CheckReport(tuple(names), tuple(problems))

    # Inside

    def _live_name(self) -> str | None:
        try:
            return self._generations.current()
        except DamagedIndexError as error:
            return str(error)

    def _open_best(self) -> Snapshot | None:
        first_problem = self._current_problem()
        for name in self._generations.candidates():
            try:
                snapshot = Snapshot(self._generations.path(name), title_weight=self._title_weight)
            except DamagedIndexError as error:
                first_problem = first_problem or str(error)
                _log.warning("passed over a damaged generation: %s", error)
                continue
            self._problem = first_problem and f"{first_problem}; serving {name} until the index is rebuilt"
            return snapshot
        self._problem = first_problem and (
            f"{first_problem}; no whole generation is left: run `article-qa rebuild --full`"
        )
        return None

    def _current_problem(self) -> str | None:
        try:
            self._generations.current()
        except DamagedIndexError as error:
            return str(error)
        return None
