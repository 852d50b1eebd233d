"""Reads tantivy's segments with all that was ever in them; knows nothing of searching.

A deleted document stays in its segment until the segment is merged: it is never found, and its words are still in the
file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tantivy

from index.types import PASSAGES_PER_REVISION, IntArray


class StoredSegments:
    """The segments of one committed index, numbered from 0."""

    def __init__(self, folder: Path) -> None:
        self._segments: list[dict[str, Any]] = json.loads((folder / "meta.json").read_bytes())["segments"]
        index = tantivy.Index.open(str(folder))
        index.config_reader("Manual", 1)
        index.reload()
        self._searcher = index.searcher()

    def __len__(self) -> int:
        return len(self._segments)

    def has_deleted(self, number: int) -> bool:
        """Whether a segment holds documents that are not found any more."""
        return self._segments[number]["deletes"] is not None

    def passage_ids(self, number: int) -> IntArray:
        """Of every document (n,) of a segment, deleted or not, in the order of its documents."""
        addresses = [tantivy.DocAddress(number, document) for document in range(self._segments[number]["max_doc"])]
        ids = self._searcher.fast_field_values("passage_id", addresses)
        return np.array([int(some or 0) for some in ids], dtype=np.int64)

    def documents(self, number: int, wanted: Callable[[int], bool]) -> Iterator[tantivy.Document]:
        """The stored documents of a segment whose passage id is wanted, each once."""
        seen = set()
        for document, passage_id in enumerate(self.passage_ids(number).tolist()):
            if passage_id not in seen and wanted(passage_id):
                seen.add(passage_id)
                yield self._searcher.doc(tantivy.DocAddress(number, document))


def superseded_revisions(folder: Path, live: Collection[int]) -> frozenset[int]:
    """Revisions that are not ``live`` and whose words are still in some segment."""
    segments = StoredSegments(folder)
    ids = [segments.passage_ids(number) for number in range(len(segments)) if segments.has_deleted(number)]
    if not ids:
        return frozenset()
    held = np.unique(np.concatenate(ids) // PASSAGES_PER_REVISION)
    return frozenset(held.tolist()) - frozenset(live)
