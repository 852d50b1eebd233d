"""The load test notices what it is there to notice."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from qa.types import Done, Event
from scripts.load_test import run
from tests.qa.ui.fakes import answer
from tests.qa.ui.serving import served
from tests.qa.ui.stub_server import MarkedService

pytestmark = pytest.mark.slow


class MixedUp(MarkedService):
    """Gives everybody the same answer."""

    def ask(self, question: str, **options: Any) -> Iterator[Event]:
        yield Done(answer(question, "answered", short_answer="mark-0"))


def report(service: MarkedService, **options: Any) -> dict[str, Any]:
    values = {"mode": "fast", "stub": True, "users": 3, "minutes": 0.03, "pause": 0.2, "overload": 0, "token": None}
    with served(service, max_queue=4) as url:
        return asyncio.run(run(argparse.Namespace(**values | options), url))


@pytest.mark.parametrize("mode", ["fast", "full"])
def test_every_answer_is_timed_and_none_is_mixed_up(mode: str) -> None:
    steady = report(MarkedService(0.1), mode=mode)["steady"]
    assert steady["answered"] >= 3
    assert 0.0 < steady["p50"] <= steady["p95"] <= steady["slowest"]
    assert (steady["mixed"], steady["errors"], steady["refused"]) == (0, {}, 0)


def test_mixed_up_answers_are_noticed() -> None:
    steady = report(MixedUp(0.0))["steady"]
    assert steady["mixed"] == steady["answered"] > 0


def test_an_overload_is_refused_and_over_afterwards() -> None:
    found = report(MarkedService(5.0), overload=10, overload_seconds=2.0)
    assert found["overload"]["users"] == 30
    assert found["overload"]["refused"] > 0
    assert found["overload"]["retry_after"][0] >= 1
    assert found["overload"]["errors"] == {}
    assert found["recovery_seconds"] > 0
    assert found["memory_mib"]["after_overload"] > 10
