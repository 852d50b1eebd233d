"""Random histories of loads, deaths, going back, pruning and erasing, against a model: a set for each generation."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from index.postgres.passages import PassageStore
from tests.fakes import numbered_article
from tests.postgres.stores import EMBEDDER, FIELDS, open_store, put
from tests.postgres.test_passage_store import found_in, scores_in

pytestmark = pytest.mark.slow

_NUM_STEPS = 30
_NUM_REVISIONS = 14


class History:
    """Does the same to a store and to the model: which revisions each kept generation finds."""

    def __init__(self, store: PassageStore, seed: int) -> None:
        self.store = store
        self.random = random.Random(seed)
        self.kept: dict[str, set[int]] = {}
        self.erased: set[int] = set()
        self.current: str | None = None

    def step(self) -> None:
        ways: list[Callable[[], None]] = [
            self.load,
            self.load,
            self.load,
            self.die,
            self.go_back,
            self.prune,
            self.erase,
        ]
        self.random.choice(ways)()

    def load(self, erase: set[int] = frozenset(), *, dies: bool = False) -> None:  # type: ignore[assignment]
        parents = [self.current] if self.random.random() < 0.7 else [None, *self.kept]
        parent = self.random.choice(parents)
        before = self.kept[parent] if parent is not None else set()
        drop = set(self.random.sample(sorted(before), self.random.randint(0, len(before) // 2)))
        free = sorted(set(range(1, _NUM_REVISIONS)) - (before - drop) - erase - self.erased)
        new = set(self.random.sample(free, self.random.randint(0, min(4, len(free)))))
        with self.store.loading(parent, dim=EMBEDDER.dim) as load:
            load.drop(drop)
            load.erase(erase)
            for number in sorted(new):
                put(load, [(number, numbered_article(number))])
            if dies:
                return
            name = load.commit(FIELDS)
        self.kept = {some: held for some, held in self.kept.items() if not held & erase}
        self.kept[name], self.current = (before - drop - erase) | new, name

    def die(self) -> None:
        self.load(dies=True)

    def erase(self) -> None:
        self.erased |= (some := {self.random.randint(1, _NUM_REVISIONS - 1)})
        self.load(some)

    def go_back(self) -> None:
        if self.kept:
            self.current = self.random.choice(list(self.kept))
            self.store.rollback_to(self.current)

    def prune(self) -> None:
        names = sorted(self.kept)
        keep = self.random.randint(1, 4)
        gone = [name for name in names[: max(0, len(names) - keep)] if name != self.current]
        assert self.store.prune(keep) == gone
        for name in gone:
            del self.kept[name]

    def check(self) -> None:
        assert (self.store.current(), self.store.names()) == (self.current, sorted(self.kept))
        for name, held in self.kept.items():
            assert found_in(self.store.open(name)) == held, name
        assert not self.store.held_revision_ids() & self.erased


@pytest.mark.parametrize("seed", range(2))
def test_every_kept_generation_finds_what_it_was_published_with(
    new_database: Callable[[], str], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.postgres.upkeep._LOADS_PER_COMPACTION", 3)
    with open_store([new_database(), new_database()], grace_seconds=0) as store:
        history = History(store, seed)
        for _ in range(_NUM_STEPS):
            history.step()
            history.check()
        expected = {name: scores_in(store.open(name)) for name in history.kept}
        for name, held in history.kept.items():
            with store.loading(None, dim=EMBEDDER.dim) as load:
                put(load, [(number, numbered_article(number)) for number in sorted(held)])
                anew = store.open(load.commit(FIELDS))
            assert scores_in(anew) == expected[name], name
