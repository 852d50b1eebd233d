"""The protocols other stores implement; knows no implementation.

The embedded index (:mod:`index.collection`) is the default; one suite of contract tests runs against every store.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Protocol

from index.manifest import Manifest
from index.types import Candidate, ClusterMember, Filters, FloatArray, Passage


class PassageSnapshot(Protocol):
    """One immutable state of an index, open for searching."""

    @property
    def generation(self) -> str: ...

    @property
    def num_passages(self) -> int: ...

    @property
    def manifest(self) -> Manifest: ...

    @property
    def problems(self) -> tuple[str, ...]:
        """What searches left out so far, a sentence each; where anything was, the best may be missing."""
        ...

    def has_vectors_of(self, model_id: str) -> bool: ...

    def search(
        self, text: str, vector: FloatArray | None, k: int, filters: Filters | None = None
    ) -> list[Candidate]: ...

    def fetch(self, passage_ids: Sequence[int]) -> list[Passage]: ...

    def all_passages(self) -> list[Passage]: ...

    def revision_ids(self) -> set[int]:
        """The revisions whose passages are found."""
        ...

    def question_terms(self, text: str) -> list[str]: ...

    def also_in(self, revision_id: int) -> tuple[ClusterMember, ...]: ...

    def cluster_of(self, revision_id: int) -> int: ...


class NamesArticles(Protocol):
    """Something beside the library that names or quotes articles: reports of adds, kept conversations."""

    def forget(self, article_ids: Set[str], urls: Set[str]) -> None:
        """Name and quote them no longer.

        :raises StorageError: If that cannot be written.
        """
        ...
