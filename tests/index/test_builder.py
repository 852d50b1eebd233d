"""Building reuses what it can, starts anew when it must, and fails without harm."""

from __future__ import annotations

import errno
import os
import resource
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from index.builder import embedding_input
from index.chunker import ChunkerSettings
from index.errors import BuilderBusyError, StorageError
from index.library import Library
from index.manifest import Manifest, read_manifest
from index.retriever import Retriever
from index.snapshot import Snapshot
from index.types import PASSAGES_PER_REVISION, FloatArray, Passage, make_article
from tests.fakes import (
    TITLE_WEIGHT,
    HashEmbedder,
    Parts,
    numbered_article,
    numbered_articles,
    open_parts,
)


@pytest.fixture
def embedder() -> HashEmbedder:
    return HashEmbedder()


@pytest.fixture
def parts(tmp_path: Path, embedder: HashEmbedder) -> Parts:
    return open_parts(tmp_path, embedder=embedder)


def _build(parts: Parts, **options: Any) -> str:
    name = parts.builder.build(**options)
    assert name is not None
    return name


def _snapshot(parts: Parts) -> Snapshot:
    """The live generation, opened by itself."""
    return Snapshot(parts.live_folder, title_weight=TITLE_WEIGHT)


def _manifest(parts: Parts, name: str) -> Manifest:
    return read_manifest(parts.generations.path(name))


def _inputs(passages: Sequence[Passage]) -> list[str]:
    return sorted(embedding_input(passage) for passage in passages)


def _texts(snapshot: Snapshot) -> set[str]:
    return {passage.text for passage in snapshot.all_passages()}


def _results(snapshot: Snapshot) -> list[tuple[int, float, float]]:
    retriever = Retriever(HashEmbedder())
    questions = [f"Who objected to subject{number}?" for number in range(5)] + ["plan read aloud", "zeppelin"]
    return [
        (found.passage.passage_id, pytest.approx(found.score, abs=1e-5), pytest.approx(found.bm25, abs=1e-5))
        for question in questions
        for found in retriever.retrieve(snapshot, question, 5)
    ]


def _litter(parts: Parts) -> list[str]:
    return [p.name for p in parts.generations.folder.iterdir() if p.name.startswith(".") and p.name != ".builder.lock"]


# What is built


def test_an_empty_library_makes_no_generation(parts: Parts) -> None:
    assert parts.builder.build() is None
    assert parts.builder.build(full=True) is None
    assert parts.generations.names() == []
    assert _litter(parts) == []


def test_every_passage_lies_in_its_own_article(parts: Parts) -> None:
    articles = {article.article_id: article for article in numbered_articles(8)}
    parts.library.accept(list(articles.values()))
    _build(parts)
    passages = _snapshot(parts).all_passages()
    assert len(passages) == 24
    assert len({passage.passage_id for passage in passages}) == 24
    for passage in passages:
        article = articles[passage.article_id]
        assert article.text[passage.start : passage.end] == passage.text
        assert (passage.title, passage.url, passage.source) == (article.title, article.url, article.source)
        assert passage.passage_id // PASSAGES_PER_REVISION == passage.revision_id


def test_the_title_is_embedded_with_the_text_and_not_stored_in_it(parts: Parts, embedder: HashEmbedder) -> None:
    article = make_article("It rained all day.", title="Weather")
    parts.library.accept([article])
    _build(parts)
    assert embedder.embedded == ["Weather\nIt rained all day."]
    assert _texts(_snapshot(parts)) == {"It rained all day."}


def test_the_manifest_says_what_was_built(parts: Parts) -> None:
    parts.library.accept([*numbered_articles(3), make_article("Undated words.")])
    first = _build(parts)
    parts.library.accept([numbered_article(3)])
    manifest = _manifest(parts, _build(parts))
    assert manifest.generation == "gen-000002"
    assert manifest.parent == first
    assert manifest.embedder == "hash-words"
    assert manifest.chunker == {"min_tokens": 6, "max_tokens": 12, "version": 1}
    assert (manifest.num_articles, manifest.num_passages) == (5, 13)
    assert manifest.newest_published_at == "2024-01-04"
    assert manifest.dense["kind"] == "flat"


def test_progress_runs_from_nothing_to_everything(parts: Parts) -> None:
    parts.library.accept(numbered_articles(3))
    steps: list[tuple[str, int, int]] = []
    _build(parts, progress=lambda stage, done, total: steps.append((stage, done, total)))
    assert steps[0] == ("comparing articles", 0, 3)
    assert ("indexing articles", 0, 3) in steps
    assert ("indexing articles", 3, 3) in steps
    assert steps[-1] == ("writing the index", 1, 1)


# What is reused


def test_nothing_new_makes_no_new_generation(parts: Parts, embedder: HashEmbedder) -> None:
    parts.library.accept(numbered_articles(3))
    name = _build(parts)
    parts.library.accept(numbered_articles(3))
    embedder.embedded.clear()
    assert _build(parts) == name
    assert parts.generations.names() == [name]
    assert embedder.embedded == []


def test_adding_embeds_the_new_passages_only(parts: Parts, embedder: HashEmbedder) -> None:
    parts.library.accept(numbered_articles(10))
    _build(parts)
    embedder.embedded.clear()
    parts.library.accept([numbered_article(10)])
    _build(parts)
    passages = [p for p in _snapshot(parts).all_passages() if "subject10" in p.title]
    assert sorted(embedder.embedded) == _inputs(passages)
    assert len(passages) == 3


@pytest.mark.slow
def test_adding_one_at_a_time_gives_the_same_as_all_at_once(tmp_path: Path) -> None:
    one_by_one, at_once = open_parts(tmp_path / "a"), open_parts(tmp_path / "b")
    for article in numbered_articles(6):
        one_by_one.library.accept([article])
        _build(one_by_one)
    at_once.library.accept(numbered_articles(6))
    _build(at_once)
    assert _snapshot(one_by_one).all_passages() == _snapshot(at_once).all_passages()
    assert _results(_snapshot(one_by_one)) == _results(_snapshot(at_once))


def test_segments_are_shared_with_the_generation_before(parts: Parts) -> None:
    parts.library.accept(numbered_articles(10))
    old = parts.generations.path(_build(parts))
    parts.library.accept([numbered_article(10)])
    new = parts.generations.path(_build(parts))
    shared = [p for p in (old / "lexical").iterdir() if p.suffix not in (".json", ".lock")]
    assert shared
    for path in shared:
        assert path.samefile(new / "lexical" / path.name)
    for path in (old / "lexical").glob("*.json"):
        assert not path.samefile(new / "lexical" / path.name)


def test_a_shared_file_survives_the_generation_it_came_from(parts: Parts) -> None:
    parts.library.accept(numbered_articles(3))
    old = parts.generations.path(_build(parts))
    parts.library.accept([numbered_article(3)])
    _build(parts)
    shutil.rmtree(old)
    assert len(_texts(_snapshot(parts))) == 12


def test_without_hard_links_segments_are_copied(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: Any) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr("os.link", no_links)
    parts.library.accept(numbered_articles(3))
    _build(parts)
    parts.library.accept([numbered_article(3)])
    _build(parts)
    assert _snapshot(parts).num_passages == 12


def test_removing_embeds_nothing_and_leaves_nothing(parts: Parts, embedder: HashEmbedder) -> None:
    parts.library.accept(numbered_articles(5))
    _build(parts)
    embedder.embedded.clear()
    parts.library.remove([numbered_article(2).article_id])
    _build(parts)
    assert embedder.embedded == []
    snapshot = _snapshot(parts)
    assert snapshot.num_passages == 12
    assert numbered_article(2).article_id not in {p.article_id for p in snapshot.all_passages()}
    assert "subject2" not in " ".join(
        found.passage.text for found in Retriever(HashEmbedder()).retrieve(snapshot, "subject2", 20)
    )


def test_removing_everything_leaves_an_empty_generation_that_can_grow_again(parts: Parts) -> None:
    parts.library.accept(numbered_articles(3))
    _build(parts)
    parts.library.remove([article.article_id for article in numbered_articles(3)])
    _build(parts)
    assert _snapshot(parts).num_passages == 0
    assert _snapshot(parts).manifest.newest_published_at is None
    parts.library.accept([numbered_article(7)])
    _build(parts)
    assert _snapshot(parts).num_passages == 3


def test_a_revision_replaces_the_old_text_and_embeds_what_changed(parts: Parts, embedder: HashEmbedder) -> None:
    parts.library.accept(numbered_articles(3))
    _build(parts)
    embedder.embedded.clear()
    parts.library.accept([numbered_article(1, version=2)])
    _build(parts)
    assert [text.split("\n")[1].split()[0] for text in embedder.embedded] == ["Version2"]
    texts = _texts(_snapshot(parts))
    assert sum("Version2" in text for text in texts) == 1
    assert sum("Version1" in text and "place1 " in text for text in texts) == 0
    assert len(texts) == 9


def test_the_same_passage_is_embedded_once_in_a_batch(parts: Parts, embedder: HashEmbedder) -> None:
    paragraph = "This very paragraph stands in the article twice, word for word."
    parts.library.accept([make_article(f"{paragraph}\n\n{paragraph}", title="Twice")])
    _build(parts)
    assert _snapshot(parts).num_passages == 2
    assert embedder.embedded == [f"Twice\n{paragraph}"]


# Building anew


def test_a_full_rebuild_gives_the_same_passages_and_results(parts: Parts, embedder: HashEmbedder) -> None:
    for first in (0, 3, 5):
        parts.library.accept(numbered_articles(first + 1, first=first))
        grown = _build(parts)
    before = _snapshot(parts)
    embedder.embedded.clear()
    rebuilt = _build(parts, full=True)
    after = _snapshot(parts)
    assert rebuilt != grown
    assert _manifest(parts, rebuilt).parent is None
    assert after.all_passages() == before.all_passages()
    assert _results(after) == _results(before)
    assert embedder.embedded == []


def test_a_full_rebuild_after_changes_gives_the_same_passages_and_the_same_best(parts: Parts) -> None:
    # Scores may differ a little: BM25 counts deleted passages among all until their segment is merged.
    parts.library.accept(numbered_articles(6))
    _build(parts)
    parts.library.accept([numbered_article(1, version=2)])
    parts.library.remove([numbered_article(4).article_id])
    _build(parts)
    before = _snapshot(parts)
    _build(parts, full=True)
    after = _snapshot(parts)
    assert after.all_passages() == before.all_passages()
    retriever = Retriever(HashEmbedder())
    for number in (0, 1, 2, 3, 5):
        one, other = (retriever.retrieve(s, f"Who objected to subject{number}?", 3) for s in (before, after))
        assert [found.passage for found in one] == [found.passage for found in other]
        assert [found.score for found in one] == pytest.approx([found.score for found in other], abs=0.05)


def test_another_embedder_embeds_everything_anew(parts: Parts) -> None:
    parts.library.accept(numbered_articles(4))
    _build(parts)
    other = HashEmbedder(dim=32, model_id="other")
    changed = open_parts(parts.folder, embedder=other)
    name = _build(changed)
    assert _manifest(changed, name).embedder == "other"
    assert _manifest(changed, name).parent is None
    assert len(other.embedded) == _snapshot(changed).num_passages == 12


def test_going_back_to_the_first_embedder_embeds_nothing(parts: Parts, embedder: HashEmbedder) -> None:
    parts.library.accept(numbered_articles(4))
    _build(parts)
    other = HashEmbedder(model_id="other")
    _build(open_parts(parts.folder, embedder=other))
    embedder.embedded.clear()
    _build(parts)
    assert embedder.embedded == []
    assert _snapshot(parts).manifest.embedder == "hash-words"


def test_other_chunker_settings_cut_everything_anew(parts: Parts) -> None:
    parts.library.accept(numbered_articles(4))
    _build(parts)
    changed = open_parts(parts.folder, embedder=parts.embedder, settings=ChunkerSettings(20, 60))
    name = _build(changed)
    assert _manifest(changed, name).parent is None
    assert _snapshot(changed).num_passages == 8
    assert _manifest(changed, name).chunker == {"min_tokens": 20, "max_tokens": 60, "version": 1}


def test_a_damaged_generation_is_replaced_from_the_one_before(parts: Parts, embedder: HashEmbedder) -> None:
    parts.library.accept(numbered_articles(4))
    first = _build(parts)
    parts.library.accept([numbered_article(4)])
    second = _build(parts)
    embedder.embedded.clear()
    (parts.generations.path(second) / "dense.faiss").write_bytes(b"damaged")
    third = _build(parts)
    assert third not in (first, second)
    assert _manifest(parts, third).parent == first
    assert _snapshot(parts).num_passages == 15
    assert embedder.embedded == []


def test_when_all_are_damaged_the_index_comes_from_the_library(parts: Parts, embedder: HashEmbedder) -> None:
    parts.library.accept(numbered_articles(4))
    first = _build(parts)
    embedder.embedded.clear()
    (parts.generations.path(first) / "manifest.json").unlink()
    second = _build(parts)
    assert _manifest(parts, second).parent is None
    assert _snapshot(parts).num_passages == 12
    assert embedder.embedded == []


@pytest.mark.parametrize("content", [None, "", "gen-000099\n", "nonsense"])
def test_a_lost_or_damaged_current_is_written_anew(parts: Parts, content: str | None) -> None:
    parts.library.accept(numbered_articles(2))
    _build(parts)
    current = parts.generations.folder / "CURRENT"
    if content is None:
        current.unlink()
    else:
        current.write_text(content)
    name = _build(parts)
    assert parts.generations.current() == name
    assert _snapshot(parts).num_passages == 6


def test_after_a_rollback_the_next_build_catches_up(parts: Parts) -> None:
    parts.library.accept([numbered_article(0)])
    first = _build(parts)
    parts.library.accept([numbered_article(1)])
    _build(parts)
    parts.generations.rollback()
    name = _build(parts)
    assert _manifest(parts, name).parent == first
    assert _snapshot(parts).manifest.num_articles == 2


# Large indexes


@pytest.mark.slow
def test_from_the_limit_on_the_dense_index_is_approximate_with_a_measured_recall(tmp_path: Path) -> None:
    parts = open_parts(tmp_path, flat_limit=100)
    parts.library.accept(numbered_articles(30))
    assert _manifest(parts, _build(parts)).dense["kind"] == "flat"
    parts.library.accept(numbered_articles(30, first=30))
    manifest = _manifest(parts, _build(parts))
    assert manifest.dense["kind"].startswith("ivf")
    assert manifest.dense["recall_at_10"] >= 0.98
    assert manifest.dense["num_probes"] == 60
    parts.library.accept([numbered_article(60)])
    parts.library.remove([article.article_id for article in numbered_articles(10)])
    _build(parts)
    snapshot = _snapshot(parts)
    assert snapshot.manifest.dense["num_trained"] == 180
    assert (snapshot.manifest.num_articles, snapshot.num_passages) == (51, 153)
    retriever = Retriever(HashEmbedder())
    for number in (60, 35, 10):
        found = retriever.retrieve(snapshot, f"Who objected to subject{number}?", 1)
        assert f"subject{number} " in found[0].passage.text
    rebuilt = _manifest(parts, _build(parts, full=True))
    assert rebuilt.dense["num_trained"] == rebuilt.num_passages == 153


# Articles that come and go meanwhile


class _MeddlingEmbedder(HashEmbedder):
    """Does something to the library while the first passages are embedded."""

    meddle: Callable[[], object] | None = None

    def embed_passages(self, texts: Sequence[str]) -> FloatArray:
        meddle, self.meddle = self.meddle, None
        if meddle is not None:
            meddle()
        return super().embed_passages(texts)


def test_articles_accepted_while_building_are_indexed_too(tmp_path: Path) -> None:
    embedder = _MeddlingEmbedder()
    parts = open_parts(tmp_path, embedder=embedder)
    parts.library.accept([numbered_article(0)])
    embedder.meddle = lambda: Library(parts.database).accept([numbered_article(1)])
    _build(parts)
    assert _snapshot(parts).manifest.num_articles == 2


def test_articles_removed_while_building_are_not_indexed(tmp_path: Path) -> None:
    embedder = _MeddlingEmbedder()
    parts = open_parts(tmp_path, embedder=embedder)
    parts.library.accept(numbered_articles(2))
    embedder.meddle = lambda: parts.library.remove([numbered_article(0).article_id])
    _build(parts)
    assert {p.article_id for p in _snapshot(parts).all_passages()} == {numbered_article(1).article_id}


def test_vectors_of_articles_removed_while_building_are_not_kept(tmp_path: Path) -> None:
    embedder = _MeddlingEmbedder()
    parts = open_parts(tmp_path, embedder=embedder)
    parts.library.accept(numbered_articles(2))
    embedder.meddle = lambda: parts.library.remove([numbered_article(0).article_id])
    _build(parts)
    with parts.database.read() as connection:
        owners = {row[0] for row in connection.execute("SELECT article_id FROM embeddings")}
    assert owners == {numbered_article(1).article_id}


def test_vectors_that_a_build_left_after_a_removal_go_with_the_next_one(tmp_path: Path) -> None:
    parts = open_parts(tmp_path)
    parts.library.accept(numbered_articles(2))
    _build(parts)
    parts.library.remove([numbered_article(0).article_id])
    with parts.database.write() as connection:
        connection.execute("UPDATE embeddings SET article_id = ?", (numbered_article(0).article_id,))
    _build(parts)
    with parts.database.read() as connection:
        assert connection.execute("SELECT COUNT(*) FROM embeddings").fetchone()[0] == 0


def test_a_second_builder_is_told_while_the_first_builds(tmp_path: Path) -> None:
    embedder = _MeddlingEmbedder()
    parts = open_parts(tmp_path, embedder=embedder)
    parts.library.accept([numbered_article(0)])
    told: list[str] = []

    def build_too() -> None:
        with pytest.raises(BuilderBusyError) as error:
            open_parts(tmp_path).builder.build()
        told.append(str(error.value))

    embedder.meddle = build_too
    _build(parts)
    assert len(told) == 1
    assert _snapshot(parts).num_passages == 3


# Failures


def _no_space(*_: Any, **__: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _no_space_in_faiss(*_: Any, **__: Any) -> Any:
    raise RuntimeError("Error in write_index: No space left on device")


def _no_space_in_tantivy(*_: Any, **__: Any) -> Any:
    raise ValueError("An IO error occurred: 'No space left on device'")


def _no_space_for(method: str, name: str) -> Callable[[pytest.MonkeyPatch], None]:
    """A Path method that fails when its file or its target has this name."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        original = getattr(Path, method)

        def fail(self: Path, *arguments: Any, **options: Any) -> Any:
            targets = [argument.name for argument in arguments if isinstance(argument, Path)]
            if self.name.startswith(name) or name in targets:
                _no_space()
            return original(self, *arguments, **options)

        monkeypatch.setattr(Path, method, fail)

    return patch


_DISK_ERRORS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "making the folder": _no_space_for("mkdir", ".building-"),
    "making the lexical folder": _no_space_for("mkdir", "lexical"),
    "copying segment lists": lambda patch: patch.setattr("shutil.copyfile", _no_space),
    "adding a passage": lambda patch: patch.setattr("index.lexical.LexicalWriter.add", _no_space_in_tantivy),
    "committing words": lambda patch: patch.setattr("index.lexical.LexicalWriter.commit", _no_space_in_tantivy),
    "writing vectors": lambda patch: patch.setattr("faiss.write_index", _no_space_in_faiss),
    "writing rows": lambda patch: patch.setattr("numpy.save", _no_space),
    "writing sources": _no_space_for("write_text", "sources.json"),
    "writing clusters": _no_space_for("write_text", "clusters.json"),
    "syncing": lambda patch: patch.setattr("os.fsync", _no_space),
    "writing the manifest": _no_space_for("replace", "manifest.json"),
    "writing the manifest's hash": _no_space_for("replace", "manifest.json.sha256"),
    "publishing": _no_space_for("rename", ".building-"),
    "replacing CURRENT": _no_space_for("replace", "CURRENT"),
}


@contextmanager
def _serving_the_old_one(parts: Parts) -> Iterator[None]:
    """Two articles are live, a third is accepted; the block fails to index it, and then a retry succeeds."""
    parts.collection.add(numbered_articles(2))
    parts.library.accept([numbered_article(2)])
    names = parts.generations.names()
    yield
    assert parts.generations.names() == names
    assert parts.generations.current() == names[-1]
    assert _litter(parts) == []
    for collection in (parts.collection, parts.reopened()):
        snapshot = collection.snapshot()
        assert snapshot is not None
        assert (snapshot.generation, snapshot.num_passages) == (names[-1], 6)
        assert collection.problem is None
        assert Retriever(parts.embedder).retrieve(snapshot, "subject1", 1)[0].passage.article_id == (
            numbered_article(1).article_id
        )
    _build(parts)
    assert _snapshot(parts).num_passages == 9
    assert _litter(parts) == []


@pytest.mark.parametrize("where", _DISK_ERRORS)
def test_a_full_disk_leaves_the_old_index_serving_and_no_litter(
    parts: Parts, embedder: HashEmbedder, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    with _serving_the_old_one(parts), monkeypatch.context() as patch:
        _DISK_ERRORS[where](patch)
        with pytest.raises(StorageError, match="No space left on device") as error:
            parts.builder.build()
        assert "\n" not in str(error.value)
    assert len(embedder.embedded) == len(set(embedder.embedded))


@contextmanager
def _largest_file(num_bytes: int) -> Iterator[None]:
    """Writes past this size fail, in every library alike, as they would on a full disk."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


# The file of vectors is by far the largest here, about 100 kB: the last two sizes cut off its end.
@pytest.mark.parametrize("num_bytes", [20, 200, 1_000, 2_000, 20_000, 80_000, 97_000])
def test_writes_that_really_fail_leave_the_old_index_serving(tmp_path: Path, num_bytes: int) -> None:
    parts = open_parts(tmp_path, embedder=HashEmbedder(dim=2_700))
    with _serving_the_old_one(parts):
        # Indexed elsewhere before, so that every vector is known and the library itself has nothing to write.
        _build(open_parts(tmp_path, embedder=parts.embedder, index_name="elsewhere"))
        with _largest_file(num_bytes), pytest.raises(StorageError) as error:
            parts.builder.build()
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, ZeroDivisionError])
def test_an_interrupted_build_leaves_no_litter_and_keeps_what_was_embedded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interruption: type[BaseException]
) -> None:
    monkeypatch.setattr("index.builder._PASSAGES_PER_BATCH", 3)  # an article a batch
    embedder = _MeddlingEmbedder()
    parts = open_parts(tmp_path, embedder=embedder)

    def interrupt() -> None:
        raise interruption

    def interrupt_the_second_time() -> None:
        embedder.meddle = interrupt

    with _serving_the_old_one(parts):
        parts.library.accept(numbered_articles(2, first=3))
        embedder.meddle = interrupt_the_second_time
        with pytest.raises(interruption):
            parts.builder.build()
        parts.library.remove([article.article_id for article in numbered_articles(2, first=3)])
    assert len(embedder.embedded) == len(set(embedder.embedded))


def test_an_article_damaged_in_the_library_is_named_and_the_old_index_serves(parts: Parts) -> None:
    with _serving_the_old_one(parts):
        with parts.database.write() as connection:
            connection.execute("UPDATE revisions SET text = 'x' WHERE revision_id = 3")
        with pytest.raises(StorageError, match=f"{numbered_article(2).article_id} is damaged.*add the article again"):
            parts.builder.build()
        parts.library.accept([replace(numbered_article(2))])
