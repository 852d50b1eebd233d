"""Requests to one host keep their distance; other hosts do not wait."""

from __future__ import annotations

import pytest

from index.fetching.pacing import Pacer


class Clock:
    """A time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_the_second_request_waits_for_what_is_left_of_the_interval() -> None:
    clock = Clock()
    pacer = Pacer(2.0, clock, clock.sleep)
    pacer.wait("a.example")
    clock.now += 0.5
    pacer.wait("a.example")
    clock.now += 5
    pacer.wait("a.example")
    assert clock.slept == [1.5]


def test_other_hosts_do_not_wait() -> None:
    clock = Clock()
    pacer = Pacer(2.0, clock, clock.sleep)
    pacer.wait("a.example")
    pacer.wait("b.example")
    assert clock.slept == []


def test_those_who_wait_at_the_same_time_get_turns_one_after_another() -> None:
    clock = Clock()
    asked: list[float] = []
    pacer = Pacer(2.0, clock, asked.append)  # nobody's sleep moves the clock: all of them ask at once
    for _ in range(4):
        pacer.wait("a.example")
    assert asked == [2.0, 4.0, 6.0]


def test_a_host_can_want_a_longer_interval_but_not_a_shorter_one() -> None:
    clock = Clock()
    pacer = Pacer(2.0, clock, clock.sleep)
    pacer.wait("a.example")
    pacer.wait("a.example", 10.0)
    pacer.wait("a.example", 0.1)
    pacer.wait("a.example", 1e9)
    assert clock.slept == [10.0, 2.0, 60.0]


def test_hosts_not_asked_for_long_are_forgotten() -> None:
    clock = Clock()
    pacer = Pacer(2.0, clock, clock.sleep)
    for number in range(5000):
        pacer.wait(f"{number}.example")
        clock.now += 1
    assert len(pacer._last_asked) <= 1001


@pytest.mark.parametrize("seconds", [-1.0, 61.0, float("nan")])
def test_an_interval_out_of_range_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 60"):
        Pacer(seconds, Clock(), Clock().sleep)
