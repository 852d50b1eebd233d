"""The wire story in another outlet is found whenever it comes, once, and forgotten when it goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from index import near_duplicate_store
from index.cluster_finder import ClusterFinder
from index.clusters import Clusters
from index.library import Library
from index.near_duplicate_store import NearDuplicateStore
from index.sql import SqlDatabase
from index.types import Article, make_article
from tests.index.stories import first_part, outlet_article, story

WIRE = outlet_article(story(1), "The Wire")
POST = outlet_article("From the wire.\n\n" + story(1), "Evening Post", title="What others say")
STAR = outlet_article(first_part(story(1), 0.5), "Morning Star")
OTHER = outlet_article(story(2), "The Gazette")


@pytest.fixture
def library(sql_database: SqlDatabase) -> Library:
    return Library(sql_database)


def _find(library: Library) -> Clusters:
    return ClusterFinder(library).find(library.live_texts())


def _outlets(clusters: Clusters) -> list[list[str | None]]:
    return [[member.source for member in cluster] for cluster in clusters]


def _others(library: Library, article: Article) -> list[str | None]:
    revision = library.article(article.article_id)
    assert revision is not None
    return [member.source for member in _find(library).also_in(revision.revision_id)]


@pytest.mark.parametrize(
    "batches", [[[WIRE, OTHER, POST, STAR]], [[WIRE], [OTHER], [POST], [STAR]], [[STAR, POST], [WIRE]]]
)
def test_one_story_in_three_outlets_is_one_cluster_however_it_arrives(
    library: Library, batches: Sequence[Sequence[Article]]
) -> None:
    for batch in batches:
        library.accept(batch)
        clusters = _find(library)
    assert [sorted(map(str, outlets)) for outlets in _outlets(clusters)] == [
        ["Evening Post", "Morning Star", "The Wire"]
    ]


def test_a_member_says_what_is_shown_of_it(library: Library) -> None:
    library.accept([WIRE, POST])
    (cluster,) = _find(library)
    shown = cluster[1]
    assert (shown.article_id, shown.title, shown.url, shown.source, shown.published_at) == (
        POST.article_id,
        "What others say",
        "https://evening-post.example/a",
        "Evening Post",
        "2024-03-05",
    )


def test_different_stories_are_in_no_cluster(library: Library) -> None:
    library.accept([outlet_article(story(seed), f"Outlet {seed}") for seed in range(10)])
    assert len(_find(library)) == 0


def test_the_very_same_text_elsewhere_is_in_the_cluster_too(library: Library) -> None:
    assert library.accept([WIRE, outlet_article(story(1), "Copycat"), POST])[1] == "duplicate"
    assert sorted(map(str, _others(library, POST))) == ["Copycat", "The Wire"]


def test_copies_of_a_text_too_short_to_compare_are_a_cluster(library: Library) -> None:
    library.accept([outlet_article("Rain is expected.", "The Wire"), outlet_article("Rain is expected.", "Copycat")])
    assert len(_find(library)) == 1


def test_short_texts_that_differ_are_in_none(library: Library) -> None:
    brief = " ".join(story(1).split()[:38])
    library.accept([outlet_article(brief, "The Wire"), outlet_article(brief + " more", "Copycat")])
    assert len(_find(library)) == 0


def test_the_same_words_a_year_later_are_another_story(library: Library) -> None:
    library.accept([WIRE, outlet_article("Again.\n\n" + story(1), "Almanac", day="2025-03-05")])
    assert len(_find(library)) == 0


def test_two_revisions_of_one_article_are_no_cluster(library: Library) -> None:
    library.accept([WIRE])
    _find(library)
    revised = make_article(story(1) + " One more line.", title=WIRE.title, url=WIRE.url, source=WIRE.source)
    assert library.accept([revised]) == ["revised"]
    assert len(_find(library)) == 0
    library.accept([POST])
    assert _outlets(_find(library)) == [["Evening Post", "The Wire"]]


def test_a_copy_that_is_revised_into_another_story_leaves_the_cluster(library: Library) -> None:
    library.accept([WIRE, POST])
    assert len(_find(library)) == 1
    library.accept([make_article(story(7), title=POST.title, url=POST.url, source=POST.source)])
    assert len(_find(library)) == 0


def test_a_removed_article_leaves_the_cluster_and_nothing_of_it_stays(library: Library) -> None:
    library.accept([WIRE, POST, STAR])
    _find(library)
    library.remove([POST.article_id])
    assert sorted(map(str, _outlets(_find(library))[0])) == ["Morning Star", "The Wire"]
    with library.database.read() as connection:
        left = [
            {int(row[0]) for row in connection.execute(f"SELECT revision_id FROM {table}")}
            for table in ("signatures", "signature_bands", "near_duplicates")
        ]
    live = set(library.live_texts())
    assert all(ids <= live for ids in left)


def test_when_the_link_between_two_copies_goes_they_part(library: Library) -> None:
    def front(text: str) -> Article:
        return outlet_article(text, "The Wire")

    first, second = story(1, num_sentences=30), story(2, num_sentences=30)
    both = f"{first}\n\n{second}"
    library.accept([front(both), outlet_article(first, "A Paper"), outlet_article(second, "B Paper")])
    assert [len(cluster) for cluster in _find(library)] == [3]
    library.remove([front(both).article_id])
    assert len(_find(library)) == 0


def test_when_the_first_of_two_equal_texts_goes_the_other_takes_its_place(library: Library) -> None:
    library.accept([WIRE, outlet_article(story(1), "Copycat"), POST])
    _find(library)
    library.remove([WIRE.article_id])
    assert sorted(map(str, _outlets(_find(library))[0])) == ["Copycat", "Evening Post"]


# Cost


class _Counting(NearDuplicateStore):
    def __init__(self, database: SqlDatabase) -> None:
        super().__init__(database)
        self.num_read = 0

    def texts(self, revision_ids: Any) -> Any:
        for text in super().texts(revision_ids):
            self.num_read += 1
            yield text


def test_only_what_is_new_and_what_may_be_alike_is_read(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    stores: list[_Counting] = []

    def made(database: SqlDatabase) -> _Counting:
        stores.append(_Counting(database))
        return stores[-1]

    monkeypatch.setattr("index.cluster_finder.NearDuplicateStore", made)
    library.accept([WIRE, *(outlet_article(story(seed), f"Outlet {seed}") for seed in range(10, 60))])
    _find(library)
    assert stores[-1].num_read == 51
    _find(library)
    assert stores[-1].num_read == 0
    library.accept([POST, OTHER])
    assert len(_find(library)) == 1
    assert stores[-1].num_read == 3


def test_progress_counts_what_is_compared(library: Library) -> None:
    library.accept([outlet_article(story(seed), f"Outlet {seed}") for seed in range(70)])
    steps: list[tuple[str, int, int]] = []
    ClusterFinder(library).find(library.live_texts(), lambda *step: steps.append(step))
    assert steps == [("comparing articles", 0, 70), ("comparing articles", 64, 70)]


# What is stored


def test_a_library_from_before_there_were_signatures_is_compared_when_it_is_built(library: Library) -> None:
    library.accept([WIRE, POST])
    store = NearDuplicateStore(library.database)
    assert store.compared() == set()
    _find(library)
    assert store.compared() == set(library.live_texts())


def test_signatures_of_another_version_are_made_anew(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    library.accept([WIRE, POST, OTHER])
    monkeypatch.setattr(near_duplicate_store, "_HEAD", b"\xff\xff")
    before = _find(library)
    monkeypatch.undo()
    store = NearDuplicateStore(library.database)
    assert store.compared() == set()
    assert _find(library) == before
    assert len(before) == len(store.pairs()) == 1


def test_a_kill_in_the_middle_is_made_up_for(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    library.accept([WIRE, POST, STAR])
    monkeypatch.setattr("index.cluster_finder._REVISIONS_PER_TRANSACTION", 1)
    original = NearDuplicateStore.put

    def killed(self: NearDuplicateStore, batch: Any) -> None:
        if self.compared():
            raise KeyboardInterrupt
        original(self, batch)

    monkeypatch.setattr(NearDuplicateStore, "put", killed)
    with pytest.raises(KeyboardInterrupt):
        _find(library)
    monkeypatch.setattr(NearDuplicateStore, "put", original)
    assert [len(cluster) for cluster in _find(library)] == [3]


def test_an_article_removed_while_it_is_compared_leaves_nothing(library: Library) -> None:
    library.accept([WIRE, POST])
    live = library.live_texts()
    library.remove([POST.article_id])
    assert len(ClusterFinder(library).find(live)) == 0
    assert NearDuplicateStore(library.database).pairs() == []
