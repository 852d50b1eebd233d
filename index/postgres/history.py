"""The generations that a PostgreSQL index keeps, and what changed between two; knows nothing of models."""

from __future__ import annotations

from index.builder import Progress, no_progress
from index.errors import ArticleQAError
from index.generation_list import GenerationDiff, GenerationInfo, compare, must_be_one_of
from index.postgres.library import PostgresLibrary
from index.postgres.passages import PassageStore


class PostgresHistory:
    """An :class:`index.generation_list.History`; to look through a generation is to count what its shards hold."""

    def __init__(self, library: PostgresLibrary, store: PassageStore) -> None:
        self.library = library
        self._store = store

    def live(self) -> GenerationInfo | None:
        name = self._store.current()
        return None if name is None else self._described(name, is_live=True)

    def generations(self, progress: Progress = no_progress) -> list[GenerationInfo]:
        live, names = self._store.current(), self._store.names()
        infos = []
        for done, name in enumerate(names):
            progress("checking generations", done, len(names))
            infos.append(self._described(name, is_live=name == live))
        return infos

    def diff(self, old: str, new: str) -> GenerationDiff:
        names = self._store.names()
        for name in (old, new):
            must_be_one_of(name, names)
        return compare(self.library, self._store.open(old), self._store.open(new))

    def _described(self, name: str, *, is_live: bool) -> GenerationInfo:
        try:
            snapshot = self._store.open(name)
            num_articles = len(snapshot.revision_ids())
        except ArticleQAError as error:
            return GenerationInfo(name, is_live, None, None, None, None, str(error))
        manifest = snapshot.manifest
        is_whole = num_articles == manifest.num_articles
        damage = None if is_whole else f"{name}: {num_articles:,} of {manifest.num_articles:,} articles are found"
        return GenerationInfo(
            name,
            is_live,
            manifest.created_at,
            manifest.num_articles,
            manifest.num_passages,
            manifest.embedder,
            damage,
        )
