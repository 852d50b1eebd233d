"""Coroutines for callers without a loop: results and items come through, and what is closed is cut off everywhere."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator
from itertools import islice

import pytest

from qa.generators.loop_thread import ClosedError, LoopThread


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    made = LoopThread("test")
    yield made
    made.close()


class Source:
    """Counts for ever, or up to an error; knows when it was let go."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.ended = threading.Event()
        self._fails_at = fails_at

    async def items(self) -> AsyncGenerator[int, None]:
        number = 0
        try:
            while number != self._fails_at:
                yield number
                number += 1
                await asyncio.sleep(0)
            raise ValueError("no more")
        finally:
            self.ended.set()

    async def nothing(self) -> AsyncGenerator[int, None]:
        try:
            await asyncio.sleep(3600)
            yield 0
        finally:
            self.ended.set()


async def seven() -> int:
    return 7


def test_a_result_comes_back(loop: LoopThread) -> None:
    assert loop.result(seven()) == 7


def test_an_error_comes_back(loop: LoopThread) -> None:
    async def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        loop.result(fail())


def test_items_come_in_order_and_then_the_error(loop: LoopThread) -> None:
    items = loop.items(Source(fails_at=3).items())
    assert list(islice(items, 3)) == [0, 1, 2]
    with pytest.raises(ValueError, match="no more"):
        next(items)


def test_closing_the_items_lets_the_source_go(loop: LoopThread) -> None:
    source = Source()
    items = loop.items(source.items())
    assert next(items) == 0
    items.close()
    assert source.ended.wait(10)


def test_closing_the_loop_cuts_off_who_waits_for_items() -> None:
    loop, source, told = LoopThread("test"), Source(), []

    def wait() -> None:
        try:
            next(loop.items(source.nothing()))
        except ClosedError:
            told.append("closed")

    thread = threading.Thread(target=wait)
    thread.start()
    loop.result(asyncio.sleep(0.05))
    loop.close()
    thread.join(10)
    assert told == ["closed"] and source.ended.is_set()


def test_the_last_thing_is_done_after_all_else_was_cut_off() -> None:
    loop, source, seen = LoopThread("test"), Source(), []
    items = loop.items(source.items())
    next(items)

    async def last() -> None:
        seen.append(source.ended.is_set())

    loop.close(last())
    assert seen == [True]


def test_a_closed_loop_takes_nothing() -> None:
    never_used, used = LoopThread("never used"), LoopThread("used")
    used.result(seven())
    for loop in (never_used, used):
        loop.close()
        loop.close()
        with pytest.raises(ClosedError):
            loop.result(seven())
        with pytest.raises(ClosedError):
            next(loop.items(Source().items()))


def test_what_fails_in_the_background_is_in_the_log(loop: LoopThread, caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise ValueError("nobody waits for this")

    loop.start(fail())
    loop.result(asyncio.sleep(0.01))
    assert "nobody waits for this" in caplog.text
