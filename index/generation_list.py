"""Describes the generations there are and what changed between two; knows nothing of which is served or how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from index.errors import BadInputError, DamagedIndexError
from index.generations import Generations
from index.library import Library
from index.manifest import Manifest, read_manifest, verify_files
from index.protocols import PassageSnapshot
from index.snapshot import Snapshot
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


class History(Protocol):
    """The generations of an index whose models are not loaded."""

    @property
    def library(self) -> Library: ...

    def live(self) -> GenerationInfo | None:
        """The live generation, looked through; None when there is none."""
        ...

    def generations(self) -> list[GenerationInfo]:
        """All of them, oldest first, each looked through."""
        ...

    def diff(self, old: str, new: str) -> GenerationDiff:
        """What came, went and changed from ``old`` to ``new``.

        :raises BadInputError: If there is no such generation.
        """
        ...


class FolderHistory:
    """The generations in a folder; to look through one is to hash its files."""

    def __init__(self, library: Library, generations: Generations) -> None:
        self.library = library
        self._generations = generations

    def live(self) -> GenerationInfo | None:
        """:raises DamagedIndexError: If CURRENT names none there is."""
        name = self._generations.current()
        return None if name is None else _describe(self._generations.path(name), is_live=True)

    def generations(self) -> list[GenerationInfo]:
        try:
            live = self._generations.current()
        except DamagedIndexError:
            live = None
        names = self._generations.names()
        return [_describe(self._generations.path(name), is_live=name == live) for name in names]

    def diff(self, old: str, new: str) -> GenerationDiff:
        """:raises DamagedIndexError: If one is damaged."""
        names = self._generations.names()
        for name in (old, new):
            must_be_one_of(name, names)
        before, after = (Snapshot(self._generations.path(name), title_weight=0.0) for name in (old, new))
        return compare(self.library, before, after)


def must_be_one_of(name: str, names: Sequence[str]) -> None:
    """:raises BadInputError: If there is no generation of this name."""
    if name not in names:
        raise BadInputError(f"there is no generation {name!r}; there are {', '.join(names) or 'none'}")


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


def compare(library: Library, old: PassageSnapshot, new: PassageSnapshot) -> GenerationDiff:
    """What came, went and changed from ``old`` to ``new``, by article id."""
    before, after = old.revision_ids(), new.revision_ids()
    gone, come = _articles(old, before - after), _articles(new, after - before)
    # Only changed revisions were looked at: an article on both sides has another one on each.
    return GenerationDiff(
        old.generation,
        new.generation,
        _changed(library, come - gone),
        _changed(library, gone - come),
        _changed(library, gone & come),
    )


def _articles(snapshot: PassageSnapshot, revision_ids: set[int]) -> set[str]:
    first_passages = [revision_id * PASSAGES_PER_REVISION for revision_id in revision_ids]
    return {passage.article_id for passage in snapshot.fetch(first_passages)}


def _changed(library: Library, article_ids: set[str]) -> tuple[ChangedArticle, ...]:
    found = {article_id: library.article(article_id) for article_id in article_ids}
    changed = [ChangedArticle(i, None if known is None else known.article.title) for i, known in found.items()]
    return tuple(sorted(changed, key=lambda article: (article.title is None, article.title or "", article.article_id)))
