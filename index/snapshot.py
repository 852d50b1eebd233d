"""Opens one generation and searches it by words and by meaning; knows nothing of how the two are weighed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np

from index.clusters import Clusters, read_clusters
from index.dense import ROW_DTYPE, DenseIndex, DenseInfo, RowArray, load_dense
from index.dense_parts import BoolArray
from index.errors import DamagedIndexError
from index.lexical import LexicalIndex, day_of
from index.manifest import Manifest, read_manifest, verify_files
from index.proven import ProvenFiles
from index.types import PASSAGES_PER_REVISION, Candidate, ClusterMember, Filters, FloatArray, IntArray, Passage

LEXICAL = "lexical"
ROWS = "rows.npy"
SOURCES = "sources.json"
# Below this part of the passages, so many more would have to be found that looking under the filters is faster.
_MIN_SIFTED_SHARE = 0.15
_SIFTED_MARGIN = 1.5


class Snapshot:
    """One generation, verified and open. Immutable, so safe to share between threads."""

    def __init__(self, folder: Path, *, title_weight: float, proven: ProvenFiles | None = None) -> None:
        """Open it.

        :param proven: Spares reading and parsing what other generations share with this one.
        :raises DamagedIndexError: If any file differs from the manifest; nothing was parsed then.
        """
        self.folder = folder
        self.manifest: Manifest = read_manifest(folder)
        verify_files(folder, self.manifest, proven)
        try:
            self._dense = open_dense(folder, self.manifest, proven)
            # By themselves they are compared several times as fast as within the rows.
            self._days = np.ascontiguousarray(self._dense.rows["day"])
            self._source_codes = np.ascontiguousarray(self._dense.rows["source"])
            self._sources = read_sources(folder)
            self.clusters: Clusters = read_clusters(folder)
            self._lexical = LexicalIndex(folder / LEXICAL, title_weight=title_weight)
        except (OSError, ValueError) as error:  # removed since it was verified
            raise DamagedIndexError(f"{folder.name} cannot be opened: {error}") from error
        if self._lexical.num_passages != self.manifest.num_passages:
            raise DamagedIndexError(f"{folder.name}: the lexical index holds {self._lexical.num_passages} passages")

    @property
    def generation(self) -> str:
        return self.manifest.generation

    @property
    def num_passages(self) -> int:
        return self.manifest.num_passages

    @property
    def problems(self) -> tuple[str, ...]:
        """Nothing is ever left out: all of it is on this machine."""
        return ()

    @property
    def dense(self) -> DenseIndex:
        """What finds passages by meaning."""
        return self._dense

    @property
    def lexical(self) -> LexicalIndex:
        """What finds passages by words."""
        return self._lexical

    def vectors_of(self, passage_ids: IntArray) -> FloatArray:
        """(n, dim) of given passages.

        :raises KeyError: If one is not in this generation.
        """
        return self._dense.vectors_of(self._dense.rows_of(passage_ids))

    def has_vectors_of(self, model_id: str) -> bool:
        """Whether vectors of this embedder can be compared with those in here."""
        return self.manifest.embedder == model_id

    def search(self, text: str, vector: FloatArray | None, k: int, filters: Filters | None = None) -> list[Candidate]:
        """The k best passages of either search, each scored by both.

        :param vector: (dim,) float32, the embedded ``text``, unit norm, by the embedder of this generation; None to
            search by words only, where every cosine is 0.
        :return: At most 2 * k candidates, in no particular order.
        """
        filters = filters or Filters()
        mask = self._mask(filters)
        bm25 = self._by_words(text, k, filters, mask)
        if vector is None:
            rows = self._dense.rows_of(np.fromiter(bm25, dtype=np.int64, count=len(bm25)))
            days = self._days[rows]
            return [Candidate(i, score, 0.0, int(day)) for (i, score), day in zip(bm25.items(), days, strict=True)]
        found_rows, _ = self._dense.search(vector, k, mask)
        dense_ids = self._dense.rows["passage_id"][found_rows]
        ids = np.fromiter(dict.fromkeys([*bm25, *dense_ids.tolist()]), dtype=np.int64)
        if len(ids) == 0:
            return []
        rows = self._dense.rows_of(ids)
        cosines = self._dense.cosines(vector, rows)
        missing = [passage_id for passage_id in ids.tolist() if passage_id not in bm25]
        bm25 |= self._lexical.score(text, missing)
        days = self._days[rows]
        return [
            Candidate(passage_id, bm25.get(passage_id, 0.0), float(cosine), int(day))
            for passage_id, cosine, day in zip(ids.tolist(), cosines, days, strict=True)
        ]

    def _by_words(self, text: str, k: int, filters: Filters, mask: BoolArray | None) -> dict[int, float]:
        """The k best by BM25 of what the filters leave.

        Without filters tantivy skips blocks that cannot reach the best ones, with them it does not: when much is left,
        looking for more and sifting them is several times as fast, and finds the same.

        :param mask: (n,) the rows that the filters leave; None for all.
        """
        share = 1.0 if mask is None else np.count_nonzero(mask) / max(len(mask), 1)
        if mask is None or share < _MIN_SIFTED_SHARE:
            return self._lexical.search(text, k, filters)
        limit = round(_SIFTED_MARGIN * k / share)
        hits = self._lexical.search(text, limit, Filters())
        rows = self._dense.rows_of(np.fromiter(hits, dtype=np.int64, count=len(hits)))
        found = [hit for hit, is_left in zip(hits.items(), mask[rows].tolist(), strict=True) if is_left]
        if len(found) < k and len(hits) == limit:
            return self._lexical.search(text, k, filters)  # what matches is mostly what the filters take away
        return dict(found[:k])

    def fetch(self, passage_ids: Sequence[int]) -> list[Passage]:
        """Stored passages in the order of the ids.

        :raises KeyError: If one is not in this generation.
        """
        return self._lexical.fetch(passage_ids)

    def all_passages(self) -> list[Passage]:
        """Every passage, by revision and place in the article; for small collections."""
        return sorted(self._lexical.all_passages(), key=lambda passage: passage.passage_id)

    def revision_ids(self) -> set[int]:
        """The revisions whose passages are found."""
        return revision_ids(self._dense.rows)

    def question_terms(self, text: str) -> list[str]:
        """Distinct stems of a question that carry meaning."""
        return self._lexical.question_terms(text)

    def also_in(self, revision_id: int) -> tuple[ClusterMember, ...]:
        """The other articles that tell a revision's story nearly word for word, each outlet and address once."""
        return self.clusters.also_in(revision_id)

    def cluster_of(self, revision_id: int) -> int:
        """The smallest revision id of those that tell this story; its own when it is the only one."""
        return self.clusters.cluster_of(revision_id)

    def _mask(self, filters: Filters) -> BoolArray | None:
        if filters.is_empty:
            return None
        mask = np.ones(len(self._days), dtype=bool)
        if filters.published_after is not None:
            mask &= self._days >= day_of(filters.published_after)
        if filters.published_before is not None:
            mask &= (self._days > 0) & (self._days <= day_of(filters.published_before))
        if filters.source is not None:
            code = self._sources.index(filters.source) if filters.source in self._sources else -2
            mask &= self._source_codes == code
        return mask


def open_dense(folder: Path, manifest: Manifest, proven: ProvenFiles | None = None) -> DenseIndex:
    """The FAISS index of a generation whose files were verified."""
    rows: RowArray = np.load(folder / ROWS, allow_pickle=False)
    if rows.dtype != ROW_DTYPE:
        raise DamagedIndexError(f"{folder.name}: {ROWS} has type {rows.dtype}")
    return load_dense(folder, rows, DenseInfo(**manifest.dense), proven)


def revision_ids(rows: RowArray) -> set[int]:
    """The revisions whose passages are found."""
    ids = rows["passage_id"]
    return set(np.unique(ids[ids >= 0] // PASSAGES_PER_REVISION).tolist())


def read_sources(folder: Path) -> list[str]:
    """Names of the sources; a row's ``source`` is a position in this list, -1 for none."""
    return [str(name) for name in json.loads((folder / SOURCES).read_text(encoding="utf-8"))]


def iso_day(day: int) -> str | None:
    """ISO date of a proleptic ordinal, None for 0."""
    return date.fromordinal(day).isoformat() if day > 0 else None
