"""Builds generation N+1 from the library, reusing what generation N and the embedding cache hold.

Knows nothing of where articles come from or who searches. A build that fails or is killed leaves the old generation
live, and every embedding finished so far in the cache.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from index.chunker import Chunker
from index.cluster_finder import ClusterFinder
from index.clusters import write_clusters
from index.dense import ROW_DTYPE, DenseIndex, RowArray, build_dense, update_dense
from index.embedder import Embedder
from index.embedding_cache import EmbeddingCache
from index.errors import BuilderBusyError, DamagedIndexError, VerificationError
from index.folder_check import FolderCheck, must_pass
from index.generation_files import link_segments, seal, storage_errors
from index.generations import Generations
from index.lexical import LexicalWriter, day_of
from index.lexical_segments import superseded_revisions
from index.library import Library
from index.manifest import Manifest, write_manifest
from index.parent import Parent, dead_revision_ids, find_parent, is_any_whole
from index.passage_feed import EmbedAhead, PassageFeed
from index.passage_feed import embedding_input as embedding_input
from index.proven import FileEntry
from index.removal import RemovedText
from index.snapshot import LEXICAL, ROWS, SOURCES, iso_day, revision_ids
from index.source_codes import SourceCodes
from index.types import FloatArray

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much is done, and how much there is to do."""

_log = logging.getLogger(__name__)
_PASSAGES_PER_BATCH = 512
_NUM_PROBES = 200


def no_progress(stage: str, done: int, total: int) -> None:
    """For callers that show none."""


@dataclass(frozen=True, slots=True)
class _Change:
    """What a generation gains and loses against its parent. ``removed``: what no file of it may hold any more."""

    added: Sequence[int]
    dropped: Sequence[int]
    removed: frozenset[int]

    def __bool__(self) -> bool:
        return bool(self.added or self.dropped or self.removed)


class Builder:
    """Turns the library into generations. One builder works at a time, in all processes together.

    :param flat_limit: From this many passages on, FAISS searches approximately (see :mod:`index.dense`).
    :param ahead: Embeds what is new before it is indexed, by other means than ``embedder``.
    """

    def __init__(
        self,
        library: Library,
        generations: Generations,
        cache: EmbeddingCache,
        embedder: Embedder,
        chunker: Chunker,
        *,
        flat_limit: int = 100_000,
        ahead: EmbedAhead | None = None,
    ) -> None:
        self._library = library
        self._cluster_finder = ClusterFinder(library)
        self._generations = generations
        self._removed_text = RemovedText(library.database, generations)
        self._feed = PassageFeed(library, cache, embedder, chunker, ahead)
        self._embedder = embedder
        self._chunker_settings: Mapping[str, int] = chunker.settings.to_json()
        self._flat_limit = flat_limit

    @property
    def embedder_id(self) -> str:
        """The embedder whose vectors are built."""
        return self._embedder.model_id

    @property
    def removed_text(self) -> RemovedText:
        """Which generations still hold removed text."""
        return self._removed_text

    def build(
        self,
        *,
        full: bool = False,
        progress: Progress = no_progress,
        lock_timeout_seconds: float = 0.0,
        check: FolderCheck | None = None,
    ) -> str | None:
        """Bring the index up to date with the library; generations that hold removed text go.

        :param full: Derive everything anew from the library instead of starting from the live generation.
        :param check: Asked before a generation without a parent replaces another one that holds no removed text.
        :return: The live generation's name; None when the library is empty and there is no generation yet.
        :raises BuilderBusyError: If another builder works for longer than the time-out.
        :raises StorageError: If the disk refuses; the old generation stays live and no litter is left.
        :raises VerificationError: If ``check`` found something; the old generation stays live and the new one goes.
        """
        name, state = self._build_locked(lock_timeout_seconds, full=full, progress=progress, check=check)
        while self._library_state() != state:
            # Whoever found us building between our last look and our letting go relies on us.
            try:
                name, state = self._build_locked(0.0, full=False, progress=progress, check=check)
            except BuilderBusyError:
                break  # by someone who began after that, and looks too
        return name

    def _build_locked(
        self, lock_timeout_seconds: float, *, full: bool, progress: Progress, check: FolderCheck | None
    ) -> tuple[str | None, tuple[int, int]]:
        """Build until nothing is new; the live generation's name, and the state of the library that it holds."""
        with self._generations.building(lock_timeout_seconds):
            while True:
                before = self._library_state()
                name = self._build_once(self._library.live_texts(), full=full, progress=progress, check=check)
                full = False
                # Articles accepted meanwhile by someone who found us building are ours to index.
                if self._library_state() == before:
                    break
            self._discard_removed(name)
            return name, before

    def _library_state(self) -> tuple[int, int]:
        """Changes whenever a revision comes or goes."""
        with self._library.database.read() as connection:
            count, highest = connection.execute(self._library.database.dialect.state).fetchone()
        return int(count), int(highest or 0)

    def _discard_removed(self, live: str | None) -> None:
        """A text that people asked to remove must not be one rollback away, nor its vectors in the cache."""
        self._library.delete_strayed_embeddings()
        for name in self._removed_text.left_in():
            if name != live and name in self._generations.names():
                self._generations.discard(name)

    def _build_once(
        self, wanted: Mapping[int, Sequence[int]], *, full: bool, progress: Progress, check: FolderCheck | None
    ) -> str | None:
        parent = None
        if not full:
            parent = find_parent(self._generations, embedder_id=self.embedder_id, chunker=self._chunker_settings)
        change = self._change(parent, wanted)
        clusters = self._cluster_finder.find(wanted, progress)
        live = self._live_name()
        if parent is not None and not change and parent.clusters == clusters and parent.folder.name == live:
            return live
        if parent is None and not wanted and live is None:
            return None
        name = self._generations.next_name()
        with storage_errors(f"cannot build {name}"):
            folder = self._generations.new_folder(name)
        try:
            with storage_errors(f"cannot build {name}"):
                write_clusters(folder, clusters)
            self._fill(folder, name, parent, change, progress)
            if parent is None and check is not None and is_any_whole(self._generations):
                self._must_pass(check, folder, name, live)
            self._generations.publish(folder, name)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return name

    def _must_pass(self, check: FolderCheck, folder: Path, name: str, live: str | None) -> None:
        """:raises VerificationError: If it does not, unless what it replaces holds removed text: that goes first."""
        left = self._removed_text.left_in()
        if live in left or (live is None and left):
            _log.warning("%s is published without the check: the index before it holds text that was removed", name)
            return
        try:
            must_pass(check, folder, name)
        except VerificationError:
            self._discard_removed(live)
            raise

    def _change(self, parent: Parent | None, wanted: Mapping[int, Sequence[int]]) -> _Change:
        if parent is None:
            return _Change(list(wanted), (), frozenset())
        held = parent.revision_ids
        self._library.must_know(held, parent.folder.name)
        dropped = held - wanted.keys()
        removed = self._removed_text.missing(dropped | parent.superseded)
        return _Change([some for some in wanted if some not in held], sorted(dropped), frozenset(removed))

    def _live_name(self) -> str | None:
        try:
            return self._generations.current()
        except DamagedIndexError:
            return None

    def _fill(self, folder: Path, name: str, parent: Parent | None, change: _Change, progress: Progress) -> None:
        sources = SourceCodes(parent.sources if parent is not None else ())
        lexical_folder = folder / LEXICAL
        with storage_errors(f"cannot build {name}"):
            lexical_folder.mkdir()
            if parent is not None:
                link_segments(parent.folder / LEXICAL, lexical_folder)
            writer = LexicalWriter(lexical_folder)
        with closing(writer) as lexical:
            with storage_errors(f"cannot build {name}"):
                for revision_id in change.dropped:
                    lexical.delete_revision(revision_id)
                if parent is not None and change.removed:
                    lexical.erase(change.removed, parent.passage_ids(but=change.dropped))
            vectors, rows = self._index_passages(lexical, change.added, sources, progress)
            progress("writing the index", 0, 1)
            dense = self._make_dense(parent, change, vectors, rows)
            with storage_errors(f"cannot build {name}"):
                lexical.commit()
        with storage_errors(f"cannot build {name}"):
            dense.save(folder)
            names = sources.settle(dense.rows)
            np.save(folder / ROWS, dense.rows, allow_pickle=False)
            (folder / SOURCES).write_text(json.dumps(names, ensure_ascii=False), encoding="utf-8")
            files = seal(folder, parent.folder, parent.manifest.files) if parent is not None else seal(folder)
            superseded = superseded_revisions(lexical_folder, revision_ids(dense.rows)) | dead_revision_ids(dense.rows)
        write_manifest(folder, self._manifest(name, parent, dense, files, sorted(superseded)))
        progress("writing the index", 1, 1)

    def _index_passages(
        self, lexical: LexicalWriter, added: Sequence[int], sources: SourceCodes, progress: Progress
    ) -> tuple[FloatArray, RowArray]:
        """Chunk, embed and add to the lexical index; the vectors (m, dim) and rows (m,) of all new passages."""
        all_vectors: list[FloatArray] = [np.zeros((0, self._embedder.dim), dtype=np.float32)]
        all_rows: list[RowArray] = [np.zeros(0, dtype=ROW_DTYPE)]
        progress("indexing articles", 0, len(added))
        for batch in self._feed.batches(added, _PASSAGES_PER_BATCH):
            all_vectors.append(batch.vectors)
            rows = np.zeros(len(batch.passages), dtype=ROW_DTYPE)
            for row, passage in enumerate(batch.passages):
                rows[row] = (passage.passage_id, day_of(passage.published_at), sources.code(passage.source))
                with storage_errors("cannot write the lexical index"):
                    lexical.add(passage)
            all_rows.append(rows)
            progress("indexing articles", batch.num_done, len(added))
        return np.concatenate(all_vectors), np.concatenate(all_rows)

    def _make_dense(self, parent: Parent | None, change: _Change, vectors: FloatArray, rows: RowArray) -> DenseIndex:
        if parent is None:
            return build_dense(vectors, rows, probes=self._probes, flat_limit=self._flat_limit)
        return update_dense(
            parent.dense,
            parent.passage_ids(of=change.dropped),
            vectors,
            rows,
            probes=self._probes,
            flat_limit=self._flat_limit,
            erase=bool(change.removed),
        )

    def _probes(self) -> FloatArray:
        """Titles embedded as questions: what recall is measured with."""
        ids = self._library.indexable_revision_ids()
        some = self._library.revisions(ids[:: max(1, len(ids) // _NUM_PROBES)][:_NUM_PROBES])
        return np.stack([self._embedder.embed_query(revision.article.title) for revision in some])

    def _manifest(
        self,
        name: str,
        parent: Parent | None,
        dense: DenseIndex,
        files: dict[str, FileEntry],
        superseded: Sequence[int],
    ) -> Manifest:
        live = dense.rows[dense.live]
        return Manifest(
            generation=name,
            parent=parent.manifest.generation if parent is not None else None,
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            embedder=self._embedder.model_id,
            chunker=self._chunker_settings,
            num_articles=len(revision_ids(live)),
            num_passages=len(live),
            newest_published_at=iso_day(int(live["day"].max())) if len(live) else None,
            dense=asdict(dense.info),
            files=files,
            superseded=superseded,
        )
