"""Every generation holds the clusters of its articles, proved like its other files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from index.clusters import CLUSTERS, near_duplicates_of
from index.errors import DamagedIndexError
from index.manifest import MANIFEST, MANIFEST_HASH, read_manifest, write_manifest
from index.snapshot import Snapshot
from index.types import AddReport
from tests.fakes import TITLE_WEIGHT, Parts, numbered_articles, open_parts
from tests.index.stories import outlet_article, story

WIRE = outlet_article(story(1), "The Wire")
POST = outlet_article(f"From the wire.\n\n{story(1)}", "Evening Post")
COPYCAT = outlet_article(story(1), "Copycat")


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return open_parts(tmp_path)


def _snapshot(parts: Parts) -> Snapshot:
    snapshot = parts.collection.snapshot()
    assert snapshot is not None
    return snapshot


def _outlets(parts: Parts) -> list[set[str | None]]:
    return [{member.source for member in cluster} for cluster in _snapshot(parts).clusters]


def test_the_file_is_in_the_manifest(parts: Parts) -> None:
    parts.collection.add([WIRE, POST])
    assert CLUSTERS in _snapshot(parts).manifest.files
    (parts.live_folder / CLUSTERS).write_text("[]")
    with pytest.raises(DamagedIndexError, match=r"clusters\.json"):
        Snapshot(parts.live_folder, title_weight=TITLE_WEIGHT)


def test_a_near_duplicate_counts_as_added(parts: Parts) -> None:
    report = parts.collection.add([WIRE, POST, COPYCAT, *numbered_articles(2)])
    assert (report.added, report.duplicates) == (4, 1)
    assert set(AddReport().to_json()) == {"added", "revised", "unchanged", "duplicates", "rejected", "generation"}
    found = near_duplicates_of(_snapshot(parts).clusters, [POST.article_id, numbered_articles(1)[0].article_id])
    assert {article_id: {m.source for m in others} for article_id, others in found.items()} == {
        POST.article_id: {"The Wire", "Copycat"}
    }


def test_a_duplicate_that_is_not_indexed_makes_a_generation_that_knows_of_it(parts: Parts) -> None:
    first = parts.collection.add([WIRE]).generation
    second = parts.collection.add([COPYCAT]).generation
    assert first != second
    assert _outlets(parts) == [{"The Wire", "Copycat"}]
    assert _snapshot(parts).manifest.num_articles == 1
    assert parts.collection.add([COPYCAT]).generation == second


def test_members_go_and_come_with_their_articles(parts: Parts) -> None:
    parts.collection.add([WIRE])
    assert _outlets(parts) == []
    parts.collection.add([POST])
    assert _outlets(parts) == [{"The Wire", "Evening Post"}]
    parts.collection.remove([WIRE.article_id])
    assert _outlets(parts) == []


def test_a_full_rebuild_has_the_same_clusters(parts: Parts) -> None:
    parts.collection.add([WIRE, COPYCAT])
    parts.collection.add([POST])
    before = _snapshot(parts).clusters
    parts.collection.rebuild(full=True)
    assert _snapshot(parts).clusters == before
    assert len(before) == 1


def test_the_collection_says_where_else_an_article_is(parts: Parts) -> None:
    assert parts.collection.also_in(1) == ()
    parts.collection.add([WIRE, POST, COPYCAT])
    for article in (WIRE, POST, COPYCAT):
        revision_id = parts.collection.article(article.article_id).revision_id
        others = {WIRE.source, POST.source, COPYCAT.source} - {article.source}
        assert {member.source for member in parts.collection.also_in(revision_id)} == others


def test_a_generation_from_before_there_were_clusters_opens_and_is_built_on(parts: Parts) -> None:
    parts.collection.add(numbered_articles(3))
    folder = parts.live_folder
    manifest = read_manifest(folder)
    (folder / CLUSTERS).unlink()
    files = {name: entry for name, entry in manifest.files.items() if name != CLUSTERS}
    for name in (MANIFEST, MANIFEST_HASH):
        (folder / name).unlink()
    write_manifest(folder, replace(manifest, files=files))
    reopened = open_parts(parts.folder)
    snapshot = reopened.collection.snapshot()
    assert snapshot is not None
    assert snapshot.num_passages == 9
    assert snapshot.also_in(1) == ()
    assert snapshot.cluster_of(1) == 1
    # Nothing to tell: no new generation.
    assert reopened.collection.update() == snapshot.generation
    reopened.collection.add([WIRE, POST])
    assert _outlets(reopened) == [{"The Wire", "Evening Post"}]


def test_the_file_holds_what_is_shown_and_no_text(parts: Parts) -> None:
    parts.collection.add([WIRE, POST])
    ((first, second),) = json.loads((parts.live_folder / CLUSTERS).read_text())
    assert set(first) == {"revision_id", "article_id", "title", "url", "source", "published_at"}
    assert (first["source"], second["source"]) == ("The Wire", "Evening Post")
