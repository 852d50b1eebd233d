"""Removed articles are held for a moment and not a moment longer."""

from __future__ import annotations

import time

from index.library import Revision
from qa.ui.removals import Removals
from tests.qa.ui.fakes import LANDING, LICENCE

REVISIONS = [Revision(1, LICENCE, "2024-05-01T10:00:00+00:00"), Revision(2, LANDING, "2024-05-02T10:00:00+00:00")]


def test_what_is_held_comes_back_as_often_as_it_is_asked_for() -> None:
    removals = Removals()
    token = removals.hold(REVISIONS)
    assert removals.held(token) == REVISIONS
    assert removals.held(token) == REVISIONS
    removals.forget(token)
    assert removals.held(token) is None


def test_each_removal_has_a_token_that_cannot_be_guessed() -> None:
    removals = Removals()
    tokens = {removals.hold(REVISIONS) for _ in range(20)}
    assert len(tokens) == 20
    assert all(len(token) > 20 for token in tokens)
    assert removals.held("") is None


def test_it_is_forgotten_in_time_though_nobody_asks() -> None:
    removals = Removals(seconds=0.05)
    token = removals.hold(REVISIONS)
    deadline = time.monotonic() + 20
    while removals.held(token) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_of_very_many_the_oldest_go_first() -> None:
    removals = Removals()
    first, *_, last = [removals.hold(REVISIONS) for _ in range(51)]
    assert removals.held(first) is None
    assert removals.held(last) == REVISIONS
