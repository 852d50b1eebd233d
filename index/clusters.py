"""Clusters of articles that tell one story nearly word for word; knows not how they were found out.

A generation keeps its clusters in ``clusters.json``. A cluster has two members or more, earliest first; an article
that nobody repeats is in none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from index.errors import DamagedIndexError
from index.types import ClusterMember

CLUSTERS = "clusters.json"


class Clusters:
    """Immutable. Of equal members it is equal."""

    def __init__(self, clusters: Iterable[Sequence[ClusterMember]] = ()) -> None:
        self._clusters = tuple(tuple(sorted(cluster, key=_earliest)) for cluster in clusters)
        self._place = {member.revision_id: place for place, cluster in enumerate(self._clusters) for member in cluster}

    def __iter__(self) -> Iterator[tuple[ClusterMember, ...]]:
        return iter(self._clusters)

    def __len__(self) -> int:
        return len(self._clusters)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Clusters) and self._clusters == other._clusters

    def __hash__(self) -> int:
        return hash(self._clusters)

    def members_of(self, revision_id: int) -> tuple[ClusterMember, ...]:
        """Its whole cluster, earliest first; empty when it is in none."""
        place = self._place.get(revision_id)
        return () if place is None else self._clusters[place]

    def cluster_of(self, revision_id: int) -> int:
        """The smallest revision id of its cluster; its own when it is in none."""
        return min((member.revision_id for member in self.members_of(revision_id)), default=revision_id)

    def also_in(self, revision_id: int) -> tuple[ClusterMember, ...]:
        """The other members, earliest first, each outlet and address once."""
        members = self.members_of(revision_id)
        seen = {(member.source, member.url) for member in members if member.revision_id == revision_id}
        others = []
        for member in members:
            # Two texts without any address may still be two articles.
            where = (member.source, member.url or member.article_id)
            if member.revision_id != revision_id and where not in seen:
                seen.add(where)
                others.append(member)
        return tuple(others)

    def to_json(self) -> list[list[dict[str, object]]]:
        return [[asdict(member) for member in cluster] for cluster in self._clusters]


def near_duplicates_of(clusters: Clusters, article_ids: Iterable[str]) -> dict[str, tuple[ClusterMember, ...]]:
    """Of these articles those that tell a story which other articles tell too, each with the others."""
    members = {member.article_id: member.revision_id for cluster in clusters for member in cluster}
    found = {article_id: clusters.also_in(members[article_id]) for article_id in article_ids if article_id in members}
    return {article_id: others for article_id, others in found.items() if others}


def connected(pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Groups of two or more ids that are linked by pairs, directly or not; ids ascend, as do the groups' first ones."""
    parent: dict[int, int] = {}

    def root(some: int) -> int:
        parent.setdefault(some, some)
        while parent[some] != some:
            parent[some] = parent[parent[some]]
            some = parent[some]
        return some

    for one, other in pairs:
        first, second = sorted((root(one), root(other)))
        parent[second] = first
    groups: dict[int, list[int]] = {}
    for some in sorted(parent):
        groups.setdefault(root(some), []).append(some)
    return [group for _, group in sorted(groups.items()) if len(group) > 1]


def write_clusters(folder: Path, clusters: Clusters) -> None:
    """:raises OSError: If the disk refuses."""
    (folder / CLUSTERS).write_text(json.dumps(clusters.to_json(), ensure_ascii=False), encoding="utf-8")


def read_clusters(folder: Path) -> Clusters:
    """The clusters of a generation whose files were verified; none when it was built before there were any.

    :raises DamagedIndexError: If the file holds anything else.
    """
    path = folder / CLUSTERS
    if not path.exists():
        return Clusters()
    try:
        return Clusters([ClusterMember(**member) for member in cluster] for cluster in json.loads(path.read_bytes()))
    except (ValueError, TypeError) as error:
        raise DamagedIndexError(f"{folder.name}: {CLUSTERS} has other fields than expected ({error!r})") from error


def _earliest(member: ClusterMember) -> tuple[bool, str, int]:
    return member.published_at is None, member.published_at or "", member.revision_id
