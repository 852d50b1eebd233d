"""What was removed is in no file any more: not in the library, not in any generation, whatever was killed meanwhile."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import index.dense
from index.builder import Builder
from index.chunker import ChunkerSettings
from index.collection import Collection
from index.errors import BadInputError, VerificationError
from index.generations import Generations
from index.lexical_segments import StoredSegments
from index.manifest import read_manifest, verify_files
from index.passage_feed import embedding_input
from index.types import PASSAGES_PER_REVISION, Article, make_article
from tests.fakes import TITLE_WEIGHT, Parts, numbered_article, numbered_articles, open_parts, text_vector

_ROOT = Path(__file__).parents[2]
# Not to be compressed, so it stands in tantivy's stored text as it is.
_SECRET = "q7f3a9c1e5b8d2046kzw"
_LATER_SECRET = "m4x8n2v6b1c5z9l3j7hg"
_SOURCE = "The Lone Gazette"


def _secret_article(secret: str = _SECRET) -> Article:
    return make_article(
        f"Nobody but us knows {secret} and nobody else should. It was told to us on Friday by a friend of ours.",
        title="A private matter",
        url="https://lone.example/secret",
        source=_SOURCE,
        published_at="2024-02-01",
    )


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return open_parts(tmp_path, keep=4)


def _files_with(folder: Path, sought: bytes) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and sought in p.read_bytes()}


def _secret_vector(parts: Parts) -> bytes:
    snapshot = parts.collection.snapshot()
    assert snapshot is not None
    (passage,) = [p for p in snapshot.all_passages() if _SECRET in p.text]
    return np.ascontiguousarray(text_vector(embedding_input(passage))).tobytes()


def _stored_revisions(parts: Parts, name: str) -> set[int]:
    """Of every document in tantivy's files, deleted or not."""
    segments = StoredSegments(parts.generations.path(name) / "lexical")
    ids = [segments.passage_ids(number) for number in range(len(segments))]
    return set((np.concatenate(ids) // PASSAGES_PER_REVISION).tolist())


def _assert_nothing_is_left(parts: Parts) -> None:
    for sought in (_SECRET, _LATER_SECRET, "lone.example", _SOURCE):
        assert _files_with(parts.folder, sought.encode()) == set()
    with parts.database.read() as connection:
        stored = {int(row[0]) for row in connection.execute("SELECT revision_id FROM revisions")}
    for name in parts.generations.names():
        verify_files(parts.generations.path(name), read_manifest(parts.generations.path(name)))
        assert _stored_revisions(parts, name) <= stored
    assert parts.collection.status()["removal"]["text_left_in"] == []


def test_a_removed_article_is_in_no_file_any_more(parts: Parts) -> None:
    parts.collection.add(numbered_articles(4))
    parts.collection.add([_secret_article(), *numbered_articles(3, first=4)])
    parts.collection.add(numbered_articles(2, first=7))
    vector = _secret_vector(parts)
    in_files = _files_with(parts.folder, _SECRET.encode())
    assert "library.sqlite" in in_files
    assert any(name.endswith(".store") for name in in_files)
    assert {"library.sqlite", "index/gen-000003/dense.faiss"} <= _files_with(parts.folder, vector)
    assert "index/gen-000003/sources.json" in _files_with(parts.folder, _SOURCE.encode())

    parts.collection.remove([_secret_article().article_id])
    _assert_nothing_is_left(parts)
    assert _files_with(parts.folder, vector) == set()
    snapshot = parts.collection.snapshot()
    assert snapshot is not None
    assert {p.article_id for p in snapshot.all_passages()} == {a.article_id for a in numbered_articles(9)}


def test_generations_that_never_held_the_text_stay_for_rollback(parts: Parts) -> None:
    parts.collection.add(numbered_articles(4))
    parts.collection.add([_secret_article()])
    parts.collection.remove([_secret_article().article_id])
    assert parts.generations.names() == ["gen-000001", "gen-000003"]
    assert parts.collection.rollback() == "gen-000001"


def test_segments_without_the_text_stay_shared(parts: Parts) -> None:
    parts.collection.add(numbered_articles(4))
    shared = {p.name for p in (parts.live_folder / "lexical").glob("*.store")}
    parts.collection.add([_secret_article()])
    secret = {p.name for p in (parts.live_folder / "lexical").glob("*.store")} - shared
    parts.collection.remove([_secret_article().article_id])
    now = {p.name for p in (parts.live_folder / "lexical").glob("*.store")}
    assert shared <= now
    assert not secret & now


def test_texts_of_earlier_revisions_go_too(parts: Parts) -> None:
    parts.collection.add([_secret_article(), *numbered_articles(3)])
    parts.collection.add([_secret_article(_LATER_SECRET)])
    # By design: the history keeps the first text, and the segment that held it was not written anew.
    assert list(read_manifest(parts.live_folder).superseded or ()) == [1]
    assert _files_with(parts.live_folder, _SECRET.encode())
    parts.collection.remove([_secret_article().article_id])
    _assert_nothing_is_left(parts)
    assert list(read_manifest(parts.live_folder).superseded or ()) == []


def test_other_superseded_texts_in_the_same_segment_are_not_found_again(parts: Parts) -> None:
    parts.collection.add([_secret_article(), *numbered_articles(3)])
    parts.collection.add([numbered_article(1, version=2)])
    parts.collection.remove([_secret_article().article_id])
    _assert_nothing_is_left(parts)
    snapshot = parts.collection.snapshot()
    assert snapshot is not None
    texts = [p.text for p in snapshot.all_passages() if p.article_id == numbered_article(1).article_id]
    assert len(texts) == 3
    assert not any("Version1" in text for text in texts)


def test_a_duplicate_that_was_never_indexed_leaves_no_name_behind(parts: Parts) -> None:
    original = numbered_article(0)
    copy = make_article(original.text, title="Copied", url="https://lone.example/copy", source=_SOURCE)
    parts.collection.add([original, copy])
    parts.collection.remove([copy.article_id])
    _assert_nothing_is_left(parts)


def test_vectors_go_from_parts_that_would_have_stayed(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index.dense, "_MIN_PART_ROWS", 1)
    parts.collection.add([_secret_article(), *numbered_articles(20)])
    parts.collection.add([numbered_article(20)])
    assert (parts.live_folder / "dense-1.faiss").exists()
    vector = _secret_vector(parts)
    parts.collection.add([_secret_article(_LATER_SECRET)])
    assert "dense.faiss" in _files_with(parts.live_folder, vector)  # dead, and still there
    parts.collection.remove([_secret_article().article_id])
    assert _files_with(parts.folder, vector) == set()
    _assert_nothing_is_left(parts)


def test_vectors_go_from_an_approximate_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index.dense, "_MIN_PART_ROWS", 1)
    parts = open_parts(tmp_path, flat_limit=100)
    parts.collection.add([_secret_article(), *numbered_articles(40)])
    assert read_manifest(parts.live_folder).dense["kind"].startswith("ivf")
    vector = _secret_vector(parts)
    in_index = np.frombuffer(vector, dtype=np.float32).astype(np.float16).tobytes()
    parts.collection.add([_secret_article(_LATER_SECRET)])
    assert _files_with(parts.live_folder, in_index) == {"dense.faiss"}
    parts.collection.remove([_secret_article().article_id])
    assert _files_with(parts.folder, vector) == set()
    assert _files_with(parts.folder, in_index) == set()
    _assert_nothing_is_left(parts)


# What is interrupted is done by the next build


def test_status_names_the_generations_that_still_hold_removed_text(parts: Parts) -> None:
    parts.collection.add(numbered_articles(2))
    parts.collection.add([_secret_article()])
    parts.library.remove([_secret_article().article_id])  # as far as a remove gets whose build fails
    assert parts.collection.status()["removal"] == {"num_removed": 1, "text_left_in": ["gen-000002"]}
    assert parts.collection.update() == "gen-000003"
    assert parts.collection.status()["removal"] == {"num_removed": 1, "text_left_in": []}
    _assert_nothing_is_left(parts)


def test_an_article_that_comes_back_does_not_hide_that_its_old_text_is_left(parts: Parts) -> None:
    parts.collection.add([_secret_article()])
    parts.library.remove([_secret_article().article_id])
    parts.library.accept([_secret_article(_LATER_SECRET)])
    assert parts.collection.status()["removal"] == {"num_removed": 0, "text_left_in": ["gen-000001"]}
    parts.collection.update()
    assert parts.collection.status()["removal"]["text_left_in"] == []
    assert _files_with(parts.folder / "index", _SECRET.encode()) == set()


def test_going_back_to_removed_text_is_refused(parts: Parts) -> None:
    parts.collection.add([_secret_article()])
    parts.collection.add(numbered_articles(2))
    parts.library.remove([_secret_article().article_id])
    with pytest.raises(BadInputError, match="gen-000001 holds text that was removed"):
        parts.collection.rollback("gen-000001")
    with pytest.raises(BadInputError, match="no whole generation older"):
        parts.collection.rollback()


def test_old_generations_left_by_an_interruption_go_with_the_next_build(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts.collection.add([_secret_article(), *numbered_articles(2)])

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Generations, "discard", interrupted)
        with pytest.raises(KeyboardInterrupt):
            parts.collection.remove([_secret_article().article_id])
    assert parts.collection.status()["removal"]["text_left_in"] == ["gen-000001"]
    assert parts.collection.update() == "gen-000002"  # nothing to build, and still something to discard
    _assert_nothing_is_left(parts)


def test_folders_that_could_not_be_deleted_count_until_they_are(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    parts.collection.add([_secret_article(), *numbered_articles(2)])
    with monkeypatch.context() as patch:
        patch.setattr("index.generations.shutil.rmtree", lambda *_, **__: None)
        parts.collection.remove([_secret_article().article_id])
    assert parts.collection.status()["removal"]["text_left_in"] == [".building-gen-000001-pruned"]
    parts.collection.update()
    _assert_nothing_is_left(parts)


def test_what_another_generation_of_the_same_name_held_is_not_taken_for_what_this_one_holds(parts: Parts) -> None:
    parts.collection.add(numbered_articles(2))
    parts.collection.add([numbered_article(2)])
    parts.collection.add([_secret_article()])
    parts.library.remove([numbered_article(2).article_id])
    assert parts.collection.status()["removal"]["text_left_in"] == ["gen-000002", "gen-000003"]
    shutil.rmtree(parts.generations.path("gen-000002"))
    shutil.copytree(parts.generations.path("gen-000001"), parts.generations.path("gen-000002"))
    assert parts.collection.status()["removal"]["text_left_in"] == ["gen-000003"]


def test_a_damaged_generation_that_may_hold_removed_text_goes(parts: Parts) -> None:
    parts.collection.add([_secret_article()])
    parts.collection.add(numbered_articles(2))
    (parts.generations.path("gen-000001") / "rows.npy").write_bytes(b"damaged")
    assert parts.collection.status()["removal"]["text_left_in"] == []  # nothing was ever removed
    parts.collection.remove([_secret_article().article_id])
    assert parts.generations.names() == ["gen-000003"]


def test_a_generation_from_before_superseded_texts_were_noted_is_searched_for_them(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        plain = Builder._manifest

        def without_note(self: Builder, *arguments: object) -> object:
            return plain(self, *arguments[:-1], None)  # type: ignore[arg-type, call-arg]

        patch.setattr(Builder, "_manifest", without_note)
        parts.collection.add([_secret_article(), *numbered_articles(3)])
        parts.collection.add([_secret_article(_LATER_SECRET)])
        assert read_manifest(parts.live_folder).superseded is None
    parts.collection.remove([_secret_article().article_id])
    _assert_nothing_is_left(parts)


# A removal goes before the check of an index that was derived anew


def _with_other_chunker(parts: Parts, failures: list[str]) -> Collection:
    """The same folder with other settings, where every new index fails the check."""
    other = open_parts(parts.folder, settings=ChunkerSettings(min_tokens=12, max_tokens=24), keep=4)
    return Collection(
        other.library, other.generations, other.builder, title_weight=TITLE_WEIGHT, verify=lambda _: failures
    )


def test_a_removal_is_not_blocked_by_the_check(parts: Parts, caplog: pytest.LogCaptureFixture) -> None:
    parts.collection.add([_secret_article(), *numbered_articles(2)])
    other = _with_other_chunker(parts, ["a probe found nothing"])
    assert other.remove([_secret_article().article_id]) == [_secret_article().article_id]
    _assert_nothing_is_left(parts)
    assert parts.generations.names() == ["gen-000002"]
    assert "gen-000002 is published without the check" in caplog.text


def test_without_a_removal_the_check_still_counts(parts: Parts) -> None:
    parts.collection.add([_secret_article(), *numbered_articles(2)])
    with pytest.raises(VerificationError, match="a probe found nothing"):
        _with_other_chunker(parts, ["a probe found nothing"]).add([numbered_article(2)])
    assert parts.generations.current() == "gen-000001"


def test_older_generations_with_removed_text_go_even_if_the_check_fails(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts.collection.add([_secret_article(), *numbered_articles(2)])
    with monkeypatch.context() as patch:
        patch.setattr(Generations, "discard", lambda *_: None)
        parts.collection.remove([_secret_article().article_id])
    assert parts.collection.status()["removal"]["text_left_in"] == ["gen-000001"]
    with pytest.raises(VerificationError):
        _with_other_chunker(parts, ["a probe found nothing"]).update()
    assert parts.generations.names() == ["gen-000002"]
    _assert_nothing_is_left(parts)


_KILLED_REMOVAL = """
import os, signal, sys
from pathlib import Path
from index.builder import Builder
from index.generations import Generations
from index.library import Library
from tests.fakes import open_parts

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

place = sys.argv[3]
if place == "after the library":
    Builder.build = die
elif place == "before publishing":
    Generations.publish = die
elif place == "before CURRENT":
    Generations.make_current = die
elif place == "before discarding":
    Generations.discard = die
open_parts(Path(sys.argv[1]), keep=4).collection.remove([sys.argv[2]])
"""


@pytest.mark.slow
@pytest.mark.parametrize("place", ["after the library", "before publishing", "before CURRENT", "before discarding"])
def test_a_removal_that_is_killed_is_finished_by_the_next_build(parts: Parts, place: str) -> None:
    parts.collection.add([_secret_article(), *numbered_articles(2)])
    parts.collection.add([_secret_article(_LATER_SECRET)])
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED_REMOVAL, str(parts.folder), _secret_article().article_id, place],
        cwd=_ROOT,
        env=os.environ | {"PYTHONPATH": str(_ROOT), "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert parts.collection.status()["removal"]["text_left_in"] != []
    parts.collection.update()
    _assert_nothing_is_left(parts)
    snapshot = parts.collection.snapshot()
    assert snapshot is not None
    assert snapshot.num_passages == 6
