"""Adds files, texts and web addresses one by one, saying what became of each; knows nothing of pages or requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from index.errors import ArticleQAError
from index.readers import article_from_mapping
from index.types import AddReport
from qa.ui import text_articles as words
from qa.ui.articles_html import Verdict
from qa.ui.background import Finished, Step, steps
from qa.ui.endpoints import read_upload
from qa.ui.ports import ArticleStore, Progress, WebAddresses

Stored = tuple[AddReport, tuple[str, ...]]
"""What became of one source, and notes on it."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file, text or address to add, read into a store only when its turn comes."""

    name: str
    store: Callable[[ArticleStore, Progress], Stored]


@dataclass(frozen=True, slots=True)
class Adding:
    """How far adding is: ``names`` are all, in order, of which the first have their verdicts. ``problem`` says why
    stored articles could not be made searchable."""

    names: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    step: Step | None = None
    is_done: bool = False
    problem: str | None = None


def file_source(path: Path, name: str) -> Source:
    """An uploaded file."""
    return Source(name, lambda store, progress: (store.accept(read_upload(path, name), progress=progress), ()))


def text_source(name: str, title: str, body: str) -> Source:
    def stored(store: ArticleStore, progress: Progress) -> Stored:
        return store.accept([article_from_mapping({"title": title, "text": body}, name)], progress=progress), ()

    return Source(name, stored)


def address_source(addresses: WebAddresses, address: str, *, every_minutes: int = 0) -> Source:
    """A page, feed or sitemap; read again every so often, unless that is 0 or it could not be read at all."""

    def stored(store: ArticleStore, progress: Progress) -> Stored:
        taken = addresses.take(address, progress=progress)
        notes = taken.notes
        if every_minutes and taken.error is None:
            notes = (*notes, _kept(addresses, address, every_minutes))
        return taken.report, notes

    return Source(address, stored)


def _kept(addresses: WebAddresses, address: str, every_minutes: int) -> str:
    try:
        addresses.keep(address, minutes=every_minutes)
    except ArticleQAError as error:
        return words.AGAIN_FAILED.format(error=error)
    return words.AGAIN_NOTED.format(often=words.AGAIN.get(every_minutes, f"every {every_minutes} minutes"))


def add_sources(collection: ArticleStore, sources: Sequence[Source]) -> Iterator[Adding]:
    """Store each source's articles, then bring the index up to date, yielding the state after every step.

    Stored means safe: should the index not be updated now, the last state says so, and nothing is lost.

    :raises ArticleQAError: If articles could not be stored.
    """
    state = Adding(tuple(source.name for source in sources))
    for source in sources:
        yield state
        for step in steps(partial(source.store, collection)):
            if isinstance(step, Finished):
                state = replace(state, verdicts=(*state.verdicts, Verdict(source.name, *step.result)), step=None)
            else:
                state = replace(state, step=step)
            yield state
    yield from _make_searchable(collection, state)


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
