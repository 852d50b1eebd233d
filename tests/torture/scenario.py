"""The operations that are tortured, and the proof that an index holds exactly one state of its library.

Knows nothing of how an operation is disturbed. An operation leads from one known state to another; whatever happens to
it, the library must stand at the one or the other, and so must every generation that can be opened.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import index.builder
from index.builder import embedding_input
from index.chunker import Chunker
from index.collection import Collection
from index.retriever import Retriever
from index.snapshot import Snapshot
from index.types import Article, FloatArray, Passage
from tests.fakes import SMALL_PASSAGES, HashEmbedder, Parts, numbered_article, open_parts, text_vector

KEEP = 2
_DIM = 16
_PASSAGES_PER_BATCH = 6
_SAME_VECTOR = 0.999
_HIDDEN_FILES = (".builder.lock", ".managed.json", ".tantivy-writer.lock", ".tantivy-meta.lock")
_LATER_ARTICLE = 99

State = Mapping[int, int]
"""Number of each live article, and its version."""


class PlainEmbedder(HashEmbedder):
    """Keeps no record, so that a long run shows the memory of the index alone."""

    def __init__(self) -> None:
        super().__init__(dim=_DIM)

    def embed_passages(self, texts: Sequence[str]) -> FloatArray:
        vectors = super().embed_passages(texts)
        self.embedded.clear()
        return vectors


def open_scenario(folder: Path, *, lock_timeout_seconds: float = 5.0, keep: int = KEEP) -> Parts:
    """Open an index as a restarted app would; small batches, so that one operation has many steps."""
    index.builder._PASSAGES_PER_BATCH = _PASSAGES_PER_BATCH
    return open_parts(folder, embedder=PlainEmbedder(), keep=keep, lock_timeout_seconds=lock_timeout_seconds)


def articles_of(state: State) -> list[Article]:
    return [numbered_article(number, version=version) for number, version in state.items()]


_NOTHING: State = {}
_BASE: State = dict.fromkeys(range(8), 1)


@dataclass(frozen=True, slots=True)
class Operation:
    """What is done to a prepared library, and what may be found afterwards.

    ``indexed`` is what the live generation holds before, ``before`` and ``after`` are states of the library. ``again``
    does what a person does after an error: the same once more.
    """

    name: str
    indexed: State
    before: State
    after: State
    run: Callable[[Collection], object]
    again: Callable[[Collection], object]


def _adding(name: str, before: State, change: State) -> Operation:
    def run(collection: Collection) -> object:
        return collection.add(articles_of(change))

    return Operation(name, before, before, {**before, **change}, run, run)


def _removing() -> Operation:
    gone = (4, 5)
    ids = [numbered_article(number).article_id for number in gone]

    def again(collection: Collection) -> object:
        live = {revision.article.article_id for revision in collection.articles(limit=1000)[0]}
        return collection.remove(ids) if live & set(ids) else collection.update()

    after = {number: version for number, version in _BASE.items() if number not in gone}
    return Operation("remove", _BASE, _BASE, after, lambda collection: collection.remove(ids), again)


def _rebuilding(name: str, *, full: bool) -> Operation:
    waiting = {**_BASE, 3: 2, 20: 1}

    def run(collection: Collection) -> object:
        return collection.rebuild(full=full)

    return Operation(name, _BASE, waiting, waiting, run, run)


OPERATIONS = {
    operation.name: operation
    for operation in (
        _adding("first", _NOTHING, dict.fromkeys(range(6), 1)),
        _adding("add", _BASE, dict.fromkeys(range(10, 14), 1)),
        _adding("revise", _BASE, {1: 2, 2: 2}),
        _removing(),
        _rebuilding("rebuild", full=False),
        _rebuilding("full-rebuild", full=True),
    )
}


def prepare(folder: Path, operation: Operation) -> None:
    """Make the state an operation starts from: two generations that share segments, where anything is indexed."""
    collection = open_scenario(folder).collection
    if operation.indexed:
        articles = articles_of(operation.indexed)
        collection.add(articles[:5])
        collection.add(articles[5:])
    changed = {n: v for n, v in operation.before.items() if operation.indexed.get(n) != v}
    collection.accept(articles_of(changed))


def copy_folder(source: Path, target: Path) -> None:
    """A copy to spoil; generations in it share no files with each other."""
    shutil.copytree(source, target)


def expected_passages(state: State) -> set[tuple[str, int, int, str]]:
    """What a generation built from this state, and no other, holds."""
    return {passage for number, version in state.items() for passage in _passages_of(number, version)}


@cache
def _passages_of(number: int, version: int) -> tuple[tuple[str, int, int, str], ...]:
    article = numbered_article(number, version=version)
    spans = Chunker(PlainEmbedder().count_tokens, SMALL_PASSAGES).chunk(article.text)
    return tuple((article.article_id, span.start, span.end, article.text[span.start : span.end]) for span in spans)


def snapshot_problems(
    snapshot: Snapshot | None, allowed: Sequence[State], asked: Sequence[int] | None = None
) -> list[str]:
    """Whether a snapshot is of exactly one of these states, and can be asked by words and by meaning.

    :param asked: Which articles are asked for; None for all.
    """
    if snapshot is None:
        return [] if any(not state for state in allowed) else ["there is no generation to serve"]
    passages = snapshot.all_passages()
    found = {(p.article_id, p.start, p.end, p.text) for p in passages}
    state = next((state for state in allowed if expected_passages(state) == found), None)
    if state is None or len(found) != len(passages):
        return [f"{snapshot.generation} is mixed: it holds {len(passages)} passages of no single state"]
    asked = list(state) if asked is None else asked
    ids = {numbered_article(number).article_id for number in asked}
    some = [passage for passage in passages if passage.article_id in ids]
    return [*_misplaced_vectors(snapshot, some), *_unfound(snapshot, asked)]


def _misplaced_vectors(snapshot: Snapshot, passages: Sequence[Passage]) -> list[str]:
    problems = []
    for passage in passages:
        text = embedding_input(passage)
        cosines = {c.passage_id: c.cosine for c in snapshot.search(text, text_vector(text, _DIM), 3)}
        if cosines.get(passage.passage_id, 0.0) < _SAME_VECTOR:
            problems.append(f"{snapshot.generation} has another vector at passage {passage.passage_id}")
    return problems


def _unfound(snapshot: Snapshot, asked: Sequence[int]) -> list[str]:
    retriever = Retriever(PlainEmbedder())
    problems = []
    for number in asked:
        best = retriever.retrieve(snapshot, f"Who objected to subject{number}?", 1)
        if not best or best[0].passage.article_id != numbered_article(number).article_id:
            problems.append(f"{snapshot.generation} does not find article {number} by its own words")
    return problems


def library_problems(collection: Collection, allowed: Sequence[State]) -> tuple[list[str], State | None]:
    """Which of these states the library stands at; a problem if at none."""
    live = {revision.article.article_id: revision.article for revision in collection.articles(limit=1000)[0]}
    for state in allowed:
        if live == {article.article_id: article for article in articles_of(state)}:
            return [], state
    return [f"the library holds {len(live)} articles of no single state: articles were lost or came back"], None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a restart found; ``ready_seconds`` is from opening until the repairing update had ended."""

    problems: tuple[str, ...]
    ready_seconds: float


def verify_restart(folder: Path, operation: Operation, *, is_acknowledged: bool) -> Verdict:
    """Open what was left as a restarted app does: as it is, after its repairing update, and after one more arrival.

    Litter is looked for after that arrival: whatever could not be removed before goes with the next build.
    """
    allowed = [operation.after] if is_acknowledged else [operation.before, operation.after]
    started = time.monotonic()
    parts = open_scenario(folder)
    collection = parts.collection
    snapshot = collection.snapshot()
    opened = time.monotonic()
    problems = [collection.problem] if collection.problem is not None else []
    problems += collection.check().problems
    must_hold = [operation.after] if is_acknowledged else [operation.indexed, operation.after]
    problems += snapshot_problems(snapshot, must_hold)
    lost, state = library_problems(collection, allowed)
    problems += lost
    before_update = time.monotonic()
    collection.update()
    ready_seconds = opened - started + time.monotonic() - before_update
    if state is not None:
        problems += snapshot_problems(collection.snapshot(), [state])
    collection.add([numbered_article(_LATER_ARTICLE)])
    if state is not None:
        problems += snapshot_problems(collection.snapshot(), [{**state, _LATER_ARTICLE: 1}])
    return Verdict((*problems, *litter(folder), *collection.check().problems), ready_seconds)


def litter(folder: Path) -> list[str]:
    """Whatever lies in the data folder after a build and does not belong there."""
    hidden = {path for path in folder.rglob(".*") if path.name not in _HIDDEN_FILES}
    found = hidden | set(folder.rglob("*.tmp"))
    found |= {path for path in folder.iterdir() if path.name not in ("library.sqlite", "index")}
    generations = len(list((folder / "index").glob("gen-*")))
    too_many = [f"{generations} generations lie about, {KEEP} are kept"] if generations > KEEP else []
    return [f"litter: {path.relative_to(folder)}" for path in sorted(found)] + too_many
