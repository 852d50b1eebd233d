"""Clusters as values: who is in which, in which order, and what a file of them may hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.clusters import CLUSTERS, Clusters, connected, near_duplicates_of, read_clusters, write_clusters
from index.errors import DamagedIndexError
from index.types import ClusterMember


def _member(
    revision_id: int, *, source: str | None = "Wire", url: str | None = None, day: str | None = None
) -> ClusterMember:
    url = url or f"https://news.example/{revision_id}"
    return ClusterMember(revision_id, f"article-{revision_id}", f"Title {revision_id}", url, source, day)


def _ids(members: tuple[ClusterMember, ...]) -> list[int]:
    return [member.revision_id for member in members]


def test_members_come_earliest_first_and_undated_ones_last() -> None:
    clusters = Clusters([[_member(1), _member(2, day="2024-03-02"), _member(3, day="2024-03-01"), _member(4)]])
    assert _ids(clusters.members_of(1)) == [3, 2, 1, 4]


def test_a_cluster_is_named_by_its_smallest_revision() -> None:
    clusters = Clusters([[_member(7), _member(5)], [_member(2), _member(9)]])
    assert [clusters.cluster_of(i) for i in (5, 7, 2, 9)] == [5, 5, 2, 2]


def test_an_article_of_its_own_is_its_own_cluster_and_in_no_other_outlet() -> None:
    clusters = Clusters([[_member(1), _member(2)]])
    assert clusters.cluster_of(3) == 3
    assert clusters.also_in(3) == clusters.members_of(3) == ()


def test_the_others_are_listed_without_itself() -> None:
    clusters = Clusters([[_member(1), _member(2), _member(3)]])
    assert _ids(clusters.also_in(2)) == [1, 3]


def test_each_outlet_and_address_is_listed_once() -> None:
    same = "https://news.example/a"
    clusters = Clusters([[_member(1, url=same), _member(2, url=same), _member(3, source="Post"), _member(4)]])
    assert _ids(clusters.also_in(1)) == [3, 4]
    assert _ids(clusters.also_in(4)) == [1, 3]


def test_articles_without_address_are_told_apart_by_their_ids() -> None:
    members = [ClusterMember(i, f"article-{i}", "T", None, None, None) for i in (1, 2, 3)]
    assert _ids(Clusters([members]).also_in(2)) == [1, 3]


def test_the_articles_of_a_report_that_others_tell_too() -> None:
    clusters = Clusters([[_member(1), _member(2)], [_member(3), _member(4)]])
    found = near_duplicates_of(clusters, ["article-2", "article-9", "article-3"])
    assert {article_id: _ids(others) for article_id, others in found.items()} == {"article-2": [1], "article-3": [4]}


# Connected pairs


def test_what_is_linked_by_others_is_one_group() -> None:
    assert connected([(5, 4), (1, 2), (2, 3), (9, 1)]) == [[1, 2, 3, 9], [4, 5]]
    assert connected([]) == []
    assert connected([(3, 3)]) == []


_PAIRS = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)))


@given(_PAIRS)
def test_groups_are_disjoint_and_hold_every_pair(pairs: list[tuple[int, int]]) -> None:
    groups = connected(pairs)
    everyone = [some for group in groups for some in group]
    assert len(everyone) == len(set(everyone))
    for one, other in pairs:
        assert one == other or any(one in group and other in group for group in groups)
    assert sorted(groups) == groups


@given(_PAIRS, st.randoms())
def test_groups_do_not_depend_on_the_order_of_pairs(pairs: list[tuple[int, int]], random: object) -> None:
    shuffled = list(pairs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    assert connected(shuffled) == connected(pairs)


# The file


def test_clusters_are_read_as_they_were_written(tmp_path: Path) -> None:
    clusters = Clusters([[_member(1, source="Ängström “Post”", day="2024-03-01"), _member(2, source=None)]])
    write_clusters(tmp_path, clusters)
    assert read_clusters(tmp_path) == clusters


def test_a_generation_from_before_there_were_clusters_has_none(tmp_path: Path) -> None:
    assert read_clusters(tmp_path) == Clusters()


@pytest.mark.parametrize("content", ["", "[", "[[{}]]", '[[{"revision_id": 1}]]', "7", '{"a": 1}', "[7]"])
def test_any_other_content_is_damage(tmp_path: Path, content: str) -> None:
    (tmp_path / CLUSTERS).write_text(content)
    with pytest.raises(DamagedIndexError, match=r"clusters\.json"):
        read_clusters(tmp_path)
