"""Compares what is new in the library with what is there, and groups near-duplicates; knows no generations.

Each revision is compared once, when it is first seen, with the few that share a band with it: what that costs grows
with the arrival and not with the library.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain

from index.clusters import Clusters, connected
from index.library import Library
from index.near_duplicate_store import Compared, NearDuplicateStore, StoredText
from index.near_duplicates import (
    MIN_ESTIMATE,
    Outline,
    Signature,
    are_days_close,
    bands,
    estimated_resemblance,
    outline,
    overlap,
    signature,
)

_REVISIONS_PER_TRANSACTION = 64
_MAX_CANDIDATES = 64


class ClusterFinder:
    """Keeps the near-duplicates in the library's file up to date. One works at a time, under the builder's lock."""

    def __init__(self, library: Library) -> None:
        self._store = NearDuplicateStore(library.database)

    def find(
        self, live: Mapping[int, Sequence[int]], progress: Callable[[str, int, int], None] = lambda *_: None
    ) -> Clusters:
        """The clusters among what is live; what was never compared is compared now.

        :param live: See :meth:`index.library.Library.live_texts`.
        """
        known = self._store.compared()
        stale = known - live.keys()
        if stale:
            self._store.forget(stale)
        new = [revision_id for revision_id in live if revision_id not in known]
        for first in range(0, len(new), _REVISIONS_PER_TRANSACTION):
            progress("comparing articles", first, len(new))
            self._store.put(self._compared(new[first : first + _REVISIONS_PER_TRANSACTION]))
        return self._clusters(live)

    def _compared(self, revision_ids: Sequence[int]) -> list[Compared]:
        """Each compared with everything stored and with those before it in this batch."""
        batch: dict[int, _New] = {}
        compared = []
        outlined = lru_cache(maxsize=256)(self._outlined)
        for text in sorted(self._store.texts(revision_ids), key=lambda text: text.revision_id):
            new = _New(text)
            near = [] if new.signature is None else list(self._near(new, batch, outlined))
            batch[text.revision_id] = new
            compared.append(Compared(text.revision_id, new.signature, new.bands, near))
        return compared

    def _near(
        self, new: _New, batch: Mapping[int, _New], outlined: Callable[[int], tuple[StoredText, Outline] | None]
    ) -> Iterator[int]:
        """Those earlier ones that it nearly repeats."""
        for revision_id, other in batch.items():
            if new.may_repeat(other.signature) and new.repeats(other.text, other.outline):
                yield revision_id
        candidates = self._store.candidates(new.bands, _MAX_CANDIDATES)
        signatures = self._store.signatures(candidates)
        for revision_id in candidates:
            if new.may_repeat(signatures.get(revision_id)):
                found = outlined(revision_id)
                if found is not None and new.repeats(*found):
                    yield revision_id

    def _outlined(self, revision_id: int) -> tuple[StoredText, Outline] | None:
        text = next(self._store.texts([revision_id]), None)  # None when it was removed meanwhile
        return None if text is None else (text, outline(text.text))

    def _clusters(self, live: Mapping[int, Sequence[int]]) -> Clusters:
        near = ((one, other) for one, other in self._store.pairs() if one in live and other in live)
        copies = ((first, copy) for first, others in live.items() for copy in others)
        groups = connected(chain(near, copies))
        members = {member.revision_id: member for member in self._store.members(chain.from_iterable(groups))}
        found = ([members[i] for i in group if i in members] for group in groups)
        return Clusters(cluster for cluster in found if len(cluster) > 1)


class _New:
    """A revision that was not compared yet."""

    def __init__(self, text: StoredText) -> None:
        self.text = text
        self.outline = outline(text.text)
        self.signature: Signature | None = None
        self.bands: list[int] = []
        if self.outline.is_comparable:
            self.signature = signature(self.outline.shingles)
            self.bands = bands(self.signature, signature(self.outline.lead))

    def may_repeat(self, other: Signature | None) -> bool:
        """By the signatures alone."""
        if self.signature is None or other is None:
            return False
        return estimated_resemblance(self.signature, other) >= MIN_ESTIMATE

    def repeats(self, text: StoredText, its_outline: Outline) -> bool:
        return (
            are_days_close(self.text.published_at, text.published_at)
            and overlap(self.outline, its_outline).is_near_duplicate
        )
