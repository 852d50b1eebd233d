"""The places of a result hold different evidence; what only one copy tells stays findable."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from index.different_passages import different_passages
from index.retriever import Retriever
from index.snapshot import Snapshot
from index.types import Article, Filters
from tests.fakes import HashEmbedder, numbered_articles, open_parts
from tests.index.stories import first_part, outlet_article, story

QUESTION = "Who opened the pier of Lindby?"
SENTENCE = "Mayor Ada Holm opened the new pier of Lindby on Monday morning."
UPDATE = "Mayor Ada Holm says the pier of Lindby has cost 14 million."


def _told(sentence: str) -> str:
    return f"{sentence}\n\n{story(1)}"


WIRE = outlet_article(_told(SENTENCE), "The Wire", title="Pier")
POST = outlet_article(f"Printed here as well.\n\n{_told(SENTENCE)}", "Evening Post", title="Pier")
OTHER = outlet_article(f"{SENTENCE}\n\n{story(2)}", "The Gazette", title="Pier")


def _snapshot(folder: Path, articles: Sequence[Article]) -> Snapshot:
    collection = open_parts(folder).collection
    collection.add(articles)
    snapshot = collection.snapshot()
    assert snapshot is not None
    return snapshot


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return _snapshot(tmp_path_factory.mktemp("copies"), [WIRE, POST, OTHER, *numbered_articles(5)])


def _sources(snapshot: Snapshot, k: int, filters: Filters | None = None) -> list[str | None]:
    found = Retriever(HashEmbedder()).retrieve(snapshot, QUESTION, k, filters=filters)
    return [some.passage.source for some in found if SENTENCE in some.passage.text]


def test_of_two_copies_of_a_passage_one_is_retrieved_and_says_where_else_it_is(snapshot: Snapshot) -> None:
    found = Retriever(HashEmbedder()).retrieve(snapshot, QUESTION, 4)
    (wire,) = [some for some in found if SENTENCE in some.passage.text and some.passage.source != "The Gazette"]
    assert wire.passage.source == "The Wire"  # of equals the older
    assert [member.source for member in wire.also_in] == ["Evening Post"]
    assert wire.cluster == wire.passage.revision_id


def test_the_same_sentence_in_another_story_is_other_evidence(snapshot: Snapshot) -> None:
    assert sorted(map(str, _sources(snapshot, 4))) == ["The Gazette", "The Wire"]
    gazette = next(
        some
        for some in Retriever(HashEmbedder()).retrieve(snapshot, QUESTION, 4)
        if some.passage.source == "The Gazette"
    )
    assert (gazette.also_in, gazette.cluster) == ((), None)


def test_the_places_left_go_to_others(snapshot: Snapshot) -> None:
    found = Retriever(HashEmbedder()).retrieve(snapshot, QUESTION, 10)
    assert len(found) == 10
    assert [some.rank for some in found] == list(range(1, 11))
    assert [some.score for some in found] == sorted((some.score for some in found), reverse=True)
    assert len({some.passage.text for some in found}) == 9  # the Gazette's sentence is the Wire's


def test_a_filter_finds_the_copy_of_its_outlet(snapshot: Snapshot) -> None:
    assert _sources(snapshot, 4, Filters(source="Evening Post")) == ["Evening Post"]


def test_everything_that_is_told_stays_findable(snapshot: Snapshot) -> None:
    ids = [passage.passage_id for passage in snapshot.all_passages()]
    told = " ".join(passage.text for passage in different_passages(snapshot, ids, len(ids)))
    for article in (WIRE, POST, OTHER):
        assert all(paragraph in told for paragraph in article.text.split("\n\n")[:1])
    assert len(different_passages(snapshot, ids, len(ids))) < len(ids)


def test_a_trimmed_copy_first_does_not_hide_the_rest_of_the_whole(tmp_path: Path) -> None:
    short = outlet_article(first_part(story(3), 0.5), "Morning Star")
    whole = outlet_article(story(3), "The Wire")
    snapshot = _snapshot(tmp_path, [short, whole])
    by_outlet = sorted(snapshot.all_passages(), key=lambda passage: passage.source != "Morning Star")
    kept = different_passages(snapshot, [passage.passage_id for passage in by_outlet], 100)
    from_whole = [passage.text for passage in kept if passage.source == "The Wire"]
    assert story(3).split(". ")[-1] in from_whole[-1]
    assert len(from_whole) < len([passage for passage in by_outlet if passage.source == "The Wire"])


def test_a_copy_with_another_number_is_an_update_and_stays(tmp_path: Path) -> None:
    newer = UPDATE.replace("14", "19")
    snapshot = _snapshot(
        tmp_path, [outlet_article(_told(UPDATE), "The Wire"), outlet_article(_told(newer), "Evening Post")]
    )
    found = Retriever(HashEmbedder()).retrieve(snapshot, "What has the pier of Lindby cost?", 2)
    assert sorted(some.passage.text for some in found) == [UPDATE, newer]


def test_without_clusters_the_passages_are_fetched_once(snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[int] = []
    original = snapshot.fetch

    def fetch(passage_ids: Sequence[int]) -> object:
        fetched.append(len(passage_ids))
        return original(passage_ids)

    monkeypatch.setattr(snapshot, "fetch", fetch)
    Retriever(HashEmbedder()).retrieve(snapshot, "Who objected to subject3?", 3)
    assert fetched == [3]
