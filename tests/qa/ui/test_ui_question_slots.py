"""Questions take turns: a few at once, some in line, the rest refused with a time to come back."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from qa.types import Done, Event
from qa.ui import question_slots
from qa.ui.access.identity import BusyError
from qa.ui.question_slots import LimitedService, QuestionSlots
from tests.qa.ui.fakes import LICENCE_QUESTION, PRICE_QUESTION, FakeService

PATIENCE_SECONDS = 30


def wait_until(condition: object) -> None:
    pause = threading.Event()
    for _ in range(PATIENCE_SECONDS * 100):
        if condition():  # type: ignore[operator]
            return
        pause.wait(0.01)
    raise AssertionError("it never became true")


def test_a_question_passes_through() -> None:
    service = LimitedService(FakeService(), QuestionSlots(1, 0))
    events = list(service.ask(LICENCE_QUESTION, mode="fast", as_of="2024-01-01"))
    assert isinstance(events[-1], Done)
    assert service.status()["num_articles"] == 2


def test_beyond_the_line_questions_are_refused_with_a_time_to_come_back() -> None:
    slots = QuestionSlots(1, 1)

    def take() -> None:
        with slots.slot():
            pass

    with slots.slot():
        waiting = threading.Thread(target=take)
        waiting.start()
        wait_until(lambda: slots.num_waiting == 1)
        with pytest.raises(BusyError, match=r"busy, try in \d+ second") as raised:
            slots.slot().__enter__()
        assert 1 <= raised.value.retry_after_seconds <= 120
    waiting.join(PATIENCE_SECONDS)
    assert (slots.num_waiting, slots.num_answering) == (0, 0)


def test_those_who_wait_come_in_their_order() -> None:
    slots, order = QuestionSlots(1, 10), []

    def take(number: int) -> None:
        with slots.slot():
            order.append(number)

    threads = []
    with slots.slot():
        for number in range(5):
            threads.append(threading.Thread(target=take, args=[number]))
            threads[-1].start()
            wait_until(lambda expected=number + 1: slots.num_waiting == expected)
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert order == [0, 1, 2, 3, 4]
    assert slots.num_answering == 0


def test_a_question_that_is_left_or_fails_frees_its_slot() -> None:
    fake, slots = FakeService(), QuestionSlots(1, 0)
    service = LimitedService(fake, slots)
    events: Iterator[Event] = service.ask(LICENCE_QUESTION)
    next(events)
    assert slots.num_answering == 1
    events.close()  # type: ignore[attr-defined]  # it is a generator
    assert (slots.num_answering, fake.num_stopped) == (0, 1)
    fake.error = RuntimeError("broken")
    with pytest.raises(RuntimeError):
        list(service.ask(PRICE_QUESTION))
    assert slots.num_answering == 0


def test_who_leaves_the_line_makes_room_and_keeps_nobody_waiting() -> None:
    slots, came = QuestionSlots(1, 2), list[str]()
    first = slots.line_up(lambda: came.append("first"))
    second = slots.line_up(lambda: came.append("second"))
    slots.line_up(lambda: came.append("third"))
    slots.leave(second)
    slots.line_up(lambda: came.append("fourth"))  # in the room that the second made
    slots.leave(first)
    assert came == ["first", "third"]
    assert (slots.num_waiting, slots.num_answering) == (1, 1)


def test_refusals_are_counted_where_they_happen() -> None:
    refused = list[str]()
    slots = QuestionSlots(1, 0, lambda: refused.append("busy"))
    with slots.slot(), pytest.raises(BusyError):
        slots.line_up(lambda: None)
    assert refused == ["busy"]
    assert slots.num_answering == 0


def test_nobody_lines_up_who_would_wait_longer_than_two_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(question_slots.time, "monotonic", lambda: now[0])
    slots = QuestionSlots(2, 64)
    for _ in range(40):  # questions take 20 seconds here
        place = slots.line_up(lambda: None)
        now[0] += 20.0
        slots.leave(place)
    accepted = 0
    with pytest.raises(BusyError) as raised:
        while accepted < 64:
            slots.line_up(lambda: None)
            accepted += 1
    assert accepted == 2 + 12  # the last of twelve in line has its turn after 6 rounds of two
    assert raised.value.retry_after_seconds == 70
    with pytest.raises(BusyError):
        slots.refuse_if_full()
