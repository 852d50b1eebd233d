"""Builds generation N+1 from the library, reusing what generation N and the embedding cache hold.

Knows nothing of where articles come from or who searches. A build that fails or is killed leaves the old generation
live, and every embedding finished so far in the cache.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from index.chunker import Chunker
from index.dense import DEAD, ROW_DTYPE, DenseIndex, RowArray, build_dense, update_dense
from index.embedder import Embedder
from index.embedding_cache import EmbeddingCache
from index.errors import DamagedIndexError
from index.generation_files import link_segments, seal, storage_errors
from index.generations import Generations
from index.lexical import LexicalWriter, day_of
from index.library import Library, Revision
from index.manifest import FileEntry, Manifest, read_manifest, verify_files, write_manifest
from index.snapshot import DENSE, LEXICAL, ROWS, SOURCES, iso_day, open_dense, read_sources
from index.types import PASSAGES_PER_REVISION, FloatArray, Passage, passage_of

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much is done, and how much there is to do."""

_PASSAGES_PER_BATCH = 512
_NUM_PROBES = 200


def no_progress(stage: str, done: int, total: int) -> None:
    """For callers that show none."""


@dataclass(frozen=True, slots=True)
class _Parent:
    """A verified generation to start from."""

    folder: Path
    manifest: Manifest
    dense: DenseIndex
    sources: list[str]


class Builder:
    """Turns the library into generations. One builder works at a time, in all processes together.

    :param flat_limit: From this many passages on, FAISS searches approximately (see :mod:`index.dense`).
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
    ) -> None:
        self._library = library
        self._generations = generations
        self._cache = cache
        self._embedder = embedder
        self._chunker = chunker
        self._flat_limit = flat_limit

    def build(
        self, *, full: bool = False, progress: Progress = no_progress, lock_timeout_seconds: float = 0.0
    ) -> str | None:
        """Bring the index up to date with the library.

        :param full: Derive everything anew from the library instead of starting from the live generation.
        :return: The live generation's name; None when the library is empty and there is no generation yet.
        :raises BuilderBusyError: If another builder works for longer than the time-out.
        :raises StorageError: If the disk refuses; the old generation stays live and no litter is left.
        """
        with self._generations.building(lock_timeout_seconds):
            while True:
                wanted = self._library.indexable_revision_ids()
                name = self._build_once(wanted, full=full, progress=progress)
                full = False
                # Articles accepted meanwhile by someone who found us building are ours to index.
                if self._library.indexable_revision_ids() == wanted:
                    return name

    def _build_once(self, wanted: Sequence[int], *, full: bool, progress: Progress) -> str | None:
        parent = None if full else self._find_parent()
        held = _revision_ids(parent.dense.rows) if parent is not None else set()
        added = [revision_id for revision_id in wanted if revision_id not in held]
        dropped = sorted(held - set(wanted))
        live = self._live_name()
        if parent is not None and not added and not dropped and parent.folder.name == live:
            return live
        if parent is None and not wanted and live is None:
            return None
        name = self._generations.next_name()
        with storage_errors(f"cannot build {name}"):
            folder = self._generations.new_folder(name)
        try:
            self._fill(folder, name, parent, added, dropped, progress)
            self._generations.publish(folder, name)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return name

    def _live_name(self) -> str | None:
        try:
            return self._generations.current()
        except DamagedIndexError:
            return None

    def _find_parent(self) -> _Parent | None:
        """The live generation if it is whole and of our settings, else the newest one that is."""
        for name in self._generations.candidates():
            folder = self._generations.path(name)
            try:
                manifest = read_manifest(folder)
                if manifest.embedder != self._embedder.model_id or manifest.chunker != self._chunker.settings.to_json():
                    continue
                verify_files(folder, manifest)
                return _Parent(folder, manifest, open_dense(folder, manifest), read_sources(folder))
            except DamagedIndexError:
                continue  # an older one serves as well: whatever it lacks comes from the library
        return None

    def _fill(
        self,
        folder: Path,
        name: str,
        parent: _Parent | None,
        added: Sequence[int],
        dropped: Sequence[int],
        progress: Progress,
    ) -> None:
        sources = list(parent.sources) if parent is not None else []
        with storage_errors(f"cannot build {name}"):
            lexical_folder = folder / LEXICAL
            lexical_folder.mkdir()
            if parent is not None:
                link_segments(parent.folder / LEXICAL, lexical_folder)
            writer = LexicalWriter(lexical_folder)
        with closing(writer) as lexical:
            with storage_errors(f"cannot build {name}"):
                for revision_id in dropped:
                    lexical.delete_revision(revision_id)
            vectors, rows = self._index_passages(lexical, added, sources, progress)
            progress("writing the index", 0, 1)
            dense = self._make_dense(parent, dropped, vectors, rows)
            with storage_errors(f"cannot build {name}"):
                lexical.commit()
        with storage_errors(f"cannot build {name}"):
            dense.save(folder / DENSE)
            np.save(folder / ROWS, dense.rows, allow_pickle=False)
            (folder / SOURCES).write_text(json.dumps(sources, ensure_ascii=False), encoding="utf-8")
            files = seal(folder, parent.folder, parent.manifest.files) if parent is not None else seal(folder)
        write_manifest(folder, self._manifest(name, parent, dense, files))
        progress("writing the index", 1, 1)

    def _index_passages(
        self, lexical: LexicalWriter, added: Sequence[int], sources: list[str], progress: Progress
    ) -> tuple[FloatArray, RowArray]:
        """Chunk, embed and add to the lexical index; the vectors (m, dim) and rows (m,) of all new passages."""
        codes = {source: code for code, source in enumerate(sources)}
        all_vectors: list[FloatArray] = [np.zeros((0, self._embedder.dim), dtype=np.float32)]
        all_rows: list[RowArray] = [np.zeros(0, dtype=ROW_DTYPE)]
        progress("indexing articles", 0, len(added))
        for batch, num_done in self._batches(added):
            all_vectors.append(self._embed(batch))
            rows = np.zeros(len(batch), dtype=ROW_DTYPE)
            for row, passage in enumerate(batch):
                code = -1
                if passage.source is not None:
                    code = codes.setdefault(passage.source, len(codes))
                rows[row] = (passage.passage_id, day_of(passage.published_at), code)
                with storage_errors("cannot write the lexical index"):
                    lexical.add(passage)
            all_rows.append(rows)
            progress("indexing articles", num_done, len(added))
        sources[:] = list(codes)
        return np.concatenate(all_vectors), np.concatenate(all_rows)

    def _batches(self, revision_ids: Sequence[int]) -> Iterator[tuple[list[Passage], int]]:
        """Passages of whole articles, some 512 at a time, with the number of articles done after each batch."""
        batch: list[Passage] = []
        num_done = 0
        for num_done, revision in enumerate(self._library.revisions(revision_ids), start=1):
            batch.extend(self._passages(revision))
            if len(batch) >= _PASSAGES_PER_BATCH:
                yield batch, num_done
                batch = []
        if batch:
            yield batch, num_done

    def _passages(self, revision: Revision) -> Iterator[Passage]:
        article = revision.article
        for ordinal, span in enumerate(self._chunker.chunk(article.text)):
            yield passage_of(article, revision.revision_id, ordinal, span.start, span.end)

    def _embed(self, passages: Sequence[Passage]) -> FloatArray:
        """(n, dim), from the cache where it can; what had to be computed is committed to the cache at once."""
        texts = [embedding_input(passage) for passage in passages]
        vectors = self._cache.get(texts)
        missing = {text: i for i, (text, vector) in enumerate(zip(texts, vectors, strict=True)) if vector is None}
        if not missing:
            return np.stack([vector for vector in vectors if vector is not None])
        computed = self._embedder.embed_passages(list(missing))
        self._cache.put(list(missing), computed, [passages[i].article_id for i in missing.values()])
        new = dict(zip(missing, computed, strict=True))
        return np.stack([new[text] if vector is None else vector for text, vector in zip(texts, vectors, strict=True)])

    def _make_dense(
        self, parent: _Parent | None, dropped: Sequence[int], vectors: FloatArray, rows: RowArray
    ) -> DenseIndex:
        num_before = len(parent.dense.rows) if parent is not None else 0
        probes = self._probes() if num_before + len(rows) >= self._flat_limit else vectors[:0]
        if parent is None:
            return build_dense(vectors, rows, probes=probes, flat_limit=self._flat_limit)
        ids = parent.dense.rows["passage_id"]
        dead_ids = ids[np.isin(ids // PASSAGES_PER_REVISION, np.array(dropped, dtype=np.int64)) & (ids != DEAD)]
        return update_dense(parent.dense, dead_ids, vectors, rows, probes=probes, flat_limit=self._flat_limit)

    def _probes(self) -> FloatArray:
        """Titles embedded as questions: what recall is measured with."""
        ids = self._library.indexable_revision_ids()
        step = max(1, len(ids) // _NUM_PROBES)
        titles = [revision.article.title for revision in self._library.revisions(ids[::step][:_NUM_PROBES])]
        return np.stack([self._embedder.embed_query(title) for title in titles])

    def _manifest(self, name: str, parent: _Parent | None, dense: DenseIndex, files: dict[str, FileEntry]) -> Manifest:
        live = dense.rows[dense.rows["passage_id"] != DEAD]
        return Manifest(
            generation=name,
            parent=parent.manifest.generation if parent is not None else None,
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            embedder=self._embedder.model_id,
            chunker=self._chunker.settings.to_json(),
            num_articles=len(_revision_ids(live)),
            num_passages=len(live),
            newest_published_at=iso_day(int(live["day"].max())) if len(live) else None,
            dense=asdict(dense.info),
            files=files,
        )


def embedding_input(passage: Passage) -> str:
    """The text that stands for a passage in the dense index: its title in front helps, the lexical side has its own."""
    return f"{passage.title}\n{passage.text}"


def _revision_ids(rows: RowArray) -> set[int]:
    ids = rows["passage_id"]
    return set(np.unique(ids[ids != DEAD] // PASSAGES_PER_REVISION).tolist())
