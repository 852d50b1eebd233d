"""Describes the generations there are and what changed between two; knows nothing of which is served or how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from index.errors import DamagedIndexError
from index.generations import Generations
from index.library import Library
from index.manifest import Manifest, read_manifest, verify_files
from index.snapshot import ROWS, Snapshot
from index.types import PASSAGES_PER_REVISION


@dataclass(frozen=True, slots=True)
class GenerationInfo:
    """One generation. What is unknown of a damaged one is None; ``damage`` is None when it is whole."""

    generation: str
    is_live: bool
    created_at: str | None
    num_articles: int | None
    num_passages: int | None
    embedder: str | None
    damage: str | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ChangedArticle:
    """``title`` is None when the library no longer has the article."""

    article_id: str
    title: str | None


@dataclass(frozen=True, slots=True)
class GenerationDiff:
    """What is in ``new`` and not in ``old``, the other way round, and in both with another text."""

    old: str
    new: str
    articles_in: tuple[ChangedArticle, ...]
    articles_out: tuple[ChangedArticle, ...]
    revised: tuple[ChangedArticle, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def list_generations(generations: Generations) -> list[GenerationInfo]:
    """All of them, oldest first, each read and hashed."""
    try:
        live = generations.current()
    except DamagedIndexError:
        live = None
    return [_describe(generations.path(name), is_live=name == live) for name in generations.names()]


def _describe(folder: Path, *, is_live: bool) -> GenerationInfo:
    try:
        manifest = read_manifest(folder)
    except DamagedIndexError as error:
        return GenerationInfo(folder.name, is_live, None, None, None, None, str(error))
    damage = None
    try:
        verify_files(folder, manifest)
    except DamagedIndexError as error:
        damage = str(error)
    return GenerationInfo(
        folder.name,
        is_live,
        manifest.created_at,
        manifest.num_articles,
        manifest.num_passages,
        manifest.embedder,
        damage,
    )


def why_not_back_to(name: str, manifest: Manifest, *, embedder_id: str, text_left_in: Sequence[str]) -> str | None:
    """Why a generation must not be gone back to; None when it may be."""
    if name in text_left_in:
        return f"{name} holds text that was removed since; run `article-qa rebuild`, which deletes it"
    if manifest.embedder != embedder_id:
        return (
            f"{name} was built with the embedder {manifest.embedder}, and {embedder_id} is "
            "configured; configure that one to go back to it"
        )
    return None


def compare(library: Library, old: Snapshot, new: Snapshot) -> GenerationDiff:
    """What came, went and changed from ``old`` to ``new``, by article id."""
    before, after = _first_passages(old), _first_passages(new)
    gone = _articles(old, [before[some] for some in before.keys() - after.keys()])
    come = _articles(new, [after[some] for some in after.keys() - before.keys()])
    # Only changed revisions were looked at: an article on both sides has another one on each.
    return GenerationDiff(
        old.generation,
        new.generation,
        _changed(library, come - gone),
        _changed(library, gone - come),
        _changed(library, gone & come),
    )


def _first_passages(snapshot: Snapshot) -> Mapping[int, int]:
    """The id of one passage of each revision that is found."""
    ids = np.load(snapshot.folder / ROWS, allow_pickle=False)["passage_id"]
    live = np.sort(ids[ids >= 0])[::-1]
    return dict(zip((live // PASSAGES_PER_REVISION).tolist(), live.tolist(), strict=True))


def _articles(snapshot: Snapshot, passage_ids: list[int]) -> set[str]:
    return {passage.article_id for passage in snapshot.fetch(passage_ids)}


def _changed(library: Library, article_ids: set[str]) -> tuple[ChangedArticle, ...]:
    found = {article_id: library.article(article_id) for article_id in article_ids}
    changed = [ChangedArticle(i, None if known is None else known.article.title) for i, known in found.items()]
    return tuple(sorted(changed, key=lambda article: (article.title is None, article.title or "", article.article_id)))
