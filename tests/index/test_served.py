"""What is served was made by the embedder that runs; another one's generation is searched by words, and says so."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from index.chunker import ChunkerSettings
from index.collection import Collection
from index.errors import BadInputError, DamagedIndexError
from index.retriever import Retriever
from index.snapshot import Snapshot
from tests.fakes import HashEmbedder, Parts, numbered_article, numbered_articles, open_parts

_OTHER = "other-words"


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    parts = open_parts(tmp_path, keep=3)
    parts.collection.add(numbered_articles(4))
    return parts


def _with_other_embedder(parts: Parts) -> Parts:
    """The same folder as a program with another embedder, of another dimension, opens it."""
    return open_parts(parts.folder, embedder=HashEmbedder(dim=32, model_id=_OTHER), keep=3)


def _snapshot(collection: Collection) -> Snapshot:
    snapshot = collection.snapshot()
    assert snapshot is not None
    return snapshot


def test_a_running_program_keeps_to_generations_of_its_own_embedder(parts: Parts) -> None:
    other = _with_other_embedder(parts)
    other.collection.add([numbered_article(4)])
    assert _snapshot(parts.collection).generation == "gen-000001"
    assert parts.collection.is_of_other_embedder
    assert parts.collection.problem == (
        "gen-000002 was built with the embedder other-words; restart to serve it; until then gen-000001 is served"
    )
    found = Retriever(parts.embedder).retrieve(_snapshot(parts.collection), "Who objected to subject3?", 1)
    assert found[0].passage.article_id == numbered_article(3).article_id
    assert found[0].cosine > 0


def test_it_goes_on_with_the_open_one_without_opening_it_again(parts: Parts) -> None:
    snapshot = _snapshot(parts.collection)
    _with_other_embedder(parts).collection.add([numbered_article(4)])
    assert parts.collection.snapshot() is snapshot


def test_a_program_with_another_embedder_searches_by_words_and_says_so(parts: Parts) -> None:
    other = _with_other_embedder(parts)
    snapshot = _snapshot(other.collection)
    assert snapshot.generation == "gen-000001"
    assert not snapshot.has_vectors_of(_OTHER)
    assert snapshot.has_vectors_of(parts.embedder.model_id)
    assert other.collection.is_of_other_embedder
    assert other.collection.problem == (
        "gen-000001 was built with the embedder hash-words, not other-words: "
        "questions are answered by words only until it is rebuilt"
    )
    found = Retriever(other.embedder).retrieve(snapshot, "Who objected to subject3?", 5)
    assert found[0].passage.article_id == numbered_article(3).article_id
    assert {retrieved.cosine for retrieved in found} == {0.0}


def test_rebuilding_makes_it_whole_again(parts: Parts) -> None:
    other = _with_other_embedder(parts)
    assert other.collection.rebuild() == "gen-000002"
    assert other.collection.problem is None
    assert not other.collection.is_of_other_embedder
    assert _snapshot(other.collection).manifest.parent is None
    found = Retriever(other.embedder).retrieve(_snapshot(other.collection), "Who objected to subject3?", 1)
    assert found[0].cosine > 0


def test_without_any_generation_of_its_own_the_newest_is_searched_by_words(parts: Parts) -> None:
    other = _with_other_embedder(parts)
    for number in (4, 5, 6):  # until the first one is pruned
        other.collection.add([numbered_article(number)])
    assert parts.generations.names() == ["gen-000002", "gen-000003", "gen-000004"]
    assert _snapshot(parts.collection).generation == "gen-000004"
    assert "by words only" in (parts.collection.problem or "")


def test_removed_text_is_not_served_on_by_a_program_with_another_embedder(parts: Parts) -> None:
    other = _with_other_embedder(parts)
    other.collection.rebuild()
    assert _snapshot(parts.collection).generation == "gen-000001"
    other.collection.remove([numbered_article(2).article_id])
    assert _snapshot(parts.collection).generation == "gen-000003"
    assert numbered_article(2).article_id not in {p.article_id for p in _snapshot(parts.collection).all_passages()}


def test_going_back_to_another_embedders_generation_is_refused(parts: Parts) -> None:
    other = _with_other_embedder(parts)
    other.collection.rebuild()
    with pytest.raises(BadInputError, match="gen-000001 was built with the embedder hash-words"):
        other.collection.rollback("gen-000001")
    with pytest.raises(BadInputError, match="no whole generation older"):
        other.collection.rollback()


def test_another_chunker_changes_nothing_but_the_next_build(parts: Parts) -> None:
    changed = open_parts(parts.folder, settings=ChunkerSettings(20, 60))
    assert _snapshot(changed.collection).generation == "gen-000001"
    assert changed.collection.problem is None
    assert changed.collection.rebuild() == "gen-000002"
    assert _snapshot(parts.collection).generation == "gen-000002"
    assert parts.collection.problem is None


def test_damage_and_another_embedder_are_both_told(parts: Parts) -> None:
    other = _with_other_embedder(parts)
    other.collection.rebuild()
    other.collection.add([numbered_article(4)])
    (parts.generations.path("gen-000003") / "rows.npy").write_bytes(b"damaged")
    reopened = parts.reopened()
    assert _snapshot(reopened).generation == "gen-000001"
    assert "gen-000003: rows.npy is damaged" in (reopened.problem or "")
    assert "gen-000002 was built with the embedder other-words" in (reopened.problem or "")
    assert not reopened.is_of_other_embedder  # the damage is mended by this program's next build


def test_another_generation_of_the_same_name_is_opened_anew(parts: Parts) -> None:
    parts.collection.add([numbered_article(4)])
    assert _snapshot(parts.collection).manifest.num_articles == 5
    folder = parts.generations.path("gen-000002")
    shutil.rmtree(folder)
    shutil.copytree(parts.generations.path("gen-000001"), folder)
    assert _snapshot(parts.collection).manifest.num_articles == 4


def test_the_only_generation_is_opened_again_after_the_disk_failed_for_a_moment(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = open_parts(parts.folder, keep=3).collection

    def failing(*_: object, **__: object) -> None:
        raise DamagedIndexError("gen-000001 cannot be opened: No space left on device")

    monkeypatch.setattr("index.served.Snapshot", failing)
    assert fresh.snapshot() is None
    assert "cannot be opened" in str(fresh.problem)
    monkeypatch.undo()
    assert _snapshot(fresh).generation == "gen-000001"
    assert fresh.problem is None
