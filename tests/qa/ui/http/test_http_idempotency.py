"""Keys are remembered long enough, and no more of them than fit."""

from __future__ import annotations

import pytest

from qa.ui.access.identity import BusyError
from qa.ui.http.idempotency import IdempotentCalls, fingerprint_of
from qa.ui.problems import ConflictError


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Work:
    """Counts how often it is done."""

    def __init__(self) -> None:
        self.num_done = 0

    def __call__(self) -> dict[str, int]:
        self.num_done += 1
        return {"number": self.num_done}


def test_work_is_done_once_within_the_hour_and_again_after_it() -> None:
    clock, work = Clock(), Work()
    calls = IdempotentCalls(clock=clock)
    assert calls.run("", "k", b"a", work) == {"number": 1}
    clock.now = 3600
    assert calls.run("", "k", b"a", work) == {"number": 1}
    clock.now = 3601
    assert calls.run("", "k", b"a", work) == {"number": 2}


def test_a_key_stands_for_one_request() -> None:
    calls = IdempotentCalls()
    calls.run("", "k", b"a", Work())
    with pytest.raises(ConflictError, match="Idempotency-Key was used for another request"):
        calls.run("", "k", b"b", Work())


def test_one_users_keys_are_never_anothers() -> None:
    calls = IdempotentCalls()
    calls.run("ann", "k", b"a", Work())
    assert calls.run("bob", "k", b"b", Work()) == {"number": 1}


def test_full_is_full_until_the_oldest_may_go() -> None:
    clock = Clock()
    calls = IdempotentCalls(max_keys=2, clock=clock)
    calls.run("", "1", b"a", Work())
    clock.now = 100
    calls.run("", "2", b"a", Work())
    with pytest.raises(BusyError) as raised:
        calls.run("", "3", b"a", Work())
    assert raised.value.retry_after_seconds == 3501
    clock.now += raised.value.retry_after_seconds
    calls.run("", "3", b"a", Work())


def test_long_replies_fill_it_too() -> None:
    clock = Clock()
    calls = IdempotentCalls(max_bytes=100, clock=clock)
    assert calls.run("", "1", b"a", lambda: {"rejected": ["x" * 100]})["rejected"]
    with pytest.raises(BusyError):
        calls.run("", "2", b"a", Work())
    assert calls.run("", "1", b"a", Work())["rejected"]  # a retry is answered all the same
    clock.now = 3601
    assert [calls.run("", key, b"a", Work()) for key in ("2", "3")] == [{"number": 1}] * 2


def test_failed_work_is_not_remembered() -> None:
    calls = IdempotentCalls()

    def fails() -> dict[str, int]:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        calls.run("", "k", b"a", fails)
    assert calls.run("", "k", b"b", Work()) == {"number": 1}


def test_parts_do_not_run_into_each_other() -> None:
    assert fingerprint_of([b"a", b"bc"]) != fingerprint_of([b"ab", b"c"])
