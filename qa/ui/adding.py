"""Adds files and texts one by one, saying what became of each; knows nothing of pages or requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from index.errors import ArticleQAError
from index.readers import article_from_mapping
from index.types import AddReport, Article, Rejection
from qa.ui.articles_html import Verdict
from qa.ui.background import Finished, Step, steps
from qa.ui.endpoints import read_upload
from qa.ui.ports import ArticleStore, Progress

Items = Iterable[Article | Rejection]


@dataclass(frozen=True, slots=True)
class Source:
    """One file or text to add, read only when its turn comes."""

    name: str
    read: Callable[[], Items]


@dataclass(frozen=True, slots=True)
class Adding:
    """How far adding is. ``problem`` says why stored articles could not be made searchable."""

    verdicts: tuple[Verdict, ...] = ()
    step: Step | None = None
    is_done: bool = False
    problem: str | None = None


def file_source(path: Path, name: str) -> Source:
    """An uploaded file."""
    return Source(name, lambda: read_upload(path, name))


def text_source(name: str, title: str, body: str) -> Source:
    return Source(name, lambda: [article_from_mapping({"title": title, "text": body}, name)])


def add_sources(collection: ArticleStore, sources: Sequence[Source]) -> Iterator[Adding]:
    """Store each source's articles, then bring the index up to date, yielding the state after every step.

    Stored means safe: should the index not be updated now, the last state says so, and nothing is lost.

    :raises ArticleQAError: If articles could not be stored.
    """
    state = Adding()
    for source in sources:
        for step in steps(partial(_store, collection, source)):
            if isinstance(step, Finished):
                state = replace(state, verdicts=(*state.verdicts, Verdict(source.name, step.result)), step=None)
            else:
                state = replace(state, step=step)
            yield state
    yield from _make_searchable(collection, state)


def _store(collection: ArticleStore, source: Source, progress: Progress) -> AddReport:
    return collection.accept(source.read(), progress=progress)


def _make_searchable(collection: ArticleStore, state: Adding) -> Iterator[Adding]:
    if not any(verdict.report.added or verdict.report.revised for verdict in state.verdicts):
        yield replace(state, step=None, is_done=True)
        return
    try:
        for step in steps(lambda progress: collection.update(progress=progress)):
            if isinstance(step, Step):
                yield replace(state, step=step)
    except ArticleQAError as error:
        yield replace(state, is_done=True, problem=str(error))
        return
    yield replace(state, step=None, is_done=True)
