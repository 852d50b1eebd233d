"""On whose behalf changes are made, who may make them, and that no method of a store escapes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from index.errors import StorageError
from index.types import make_article
from qa.audit import AuditLog
from qa.ui import ports
from qa.ui.access.accounted import AccountedService
from qa.ui.access.actor import UNKNOWN, Actor, acting, current_actor
from qa.ui.access.audited import ADDRESSES, ARTICLES, Audited, Methods
from qa.ui.access.identity import BusyError, Identity, NotAllowedError
from qa.ui.access.limits import PerMinute
from qa.ui.access.metrics import Metrics
from qa.ui.background import Finished, steps
from tests.qa.ui.fakes import LICENCE, LICENCE_QUESTION, FakeService

ADA = Actor(Identity("ada", "editor"), "10.0.0.9")
BOB = Actor(Identity("bob", "reader"), "10.0.0.8")


@pytest.mark.parametrize(("protocol", "methods"), [(ports.ArticleStore, ARTICLES), (ports.WebAddresses, ADDRESSES)])
def test_every_method_is_said_to_read_or_to_write(protocol: type, methods: Methods) -> None:
    members = {name for name in vars(protocol) if not name.startswith("_")}
    assert members <= methods.reading | methods.writing
    assert not methods.reading & methods.writing


def audited(actor: Actor, folder: Path, store: Any = None) -> tuple[Any, Path]:
    log = AuditLog(folder / "audit.jsonl")
    return Audited(store or FakeService().collection, ARTICLES, actor, log, Metrics()), log.path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("actor", [BOB, UNKNOWN])
@pytest.mark.parametrize("method", sorted(ARTICLES.writing))
def test_only_editors_change_anything(actor: Actor, method: str, tmp_path: Path) -> None:
    class Untouchable:
        def __getattr__(self, name: str) -> Any:
            return lambda *args, **kwargs: pytest.fail(f"{name} was called")

    articles, path = audited(actor, tmp_path, Untouchable())
    with pytest.raises(NotAllowedError):
        getattr(articles, method)([])
    assert [(line["action"], line["outcome"]) for line in lines(path)] == [(method, "refused")]


def test_reading_is_everybodys_and_other_methods_are_nobodys(tmp_path: Path) -> None:
    articles, path = audited(BOB, tmp_path)
    assert articles.article(LICENCE.article_id).article == LICENCE
    with pytest.raises(AttributeError, match="reads or writes"):
        _ = articles.drop_everything
    assert not path.exists()


def test_what_fails_is_written_down_with_what_was_asked(tmp_path: Path) -> None:
    class Failing:
        def remove(self, article_ids: list[str]) -> None:
            raise StorageError("the disk is full of secrets")

        def add(self, items: object) -> None:
            raise KeyboardInterrupt

    articles, path = audited(ADA, tmp_path, Failing())
    with pytest.raises(StorageError):
        articles.remove(["0123456789abcdef", "a headline"])
    with pytest.raises(KeyboardInterrupt):
        articles.add([make_article("A text.", title="A title")])
    failed, interrupted = lines(path)
    assert (failed["outcome"], failed["error"], failed["num_ids"]) == ("failed", "StorageError", 2)
    assert interrupted["outcome"] == "interrupted"
    for text in ("secrets", "headline", "A text", "A title"):
        assert text not in path.read_text()


def test_what_runs_in_a_request_knows_who_it_is_for() -> None:
    assert current_actor() == UNKNOWN
    with acting(ADA):
        assert current_actor() == ADA
        finished = [step for step in steps(lambda progress: current_actor()) if isinstance(step, Finished)]
        assert finished == [Finished(ADA)]  # in a thread of its own
        with acting(BOB):
            assert current_actor() == BOB
        assert current_actor() == ADA
    assert current_actor() == UNKNOWN


def test_a_task_that_outlives_its_request_acts_for_nobody() -> None:
    async def run() -> tuple[Actor, Actor]:
        ended = asyncio.Event()

        async def outliving() -> tuple[Actor, Actor]:
            during = current_actor()
            await ended.wait()
            return during, current_actor()

        with acting(ADA):
            task = asyncio.create_task(outliving())
            await asyncio.sleep(0)
        ended.set()
        return await task

    assert asyncio.run(run()) == (ADA, UNKNOWN)


def test_limits_are_counted_by_user_or_by_address() -> None:
    service = AccountedService(FakeService(), Metrics(), questions=PerMinute(1))
    for actor in (ADA, BOB, Actor(Identity(None, "editor"), "10.0.0.9"), Actor(Identity(None, "editor"), "10.0.0.8")):
        with acting(actor):
            assert list(service.ask(LICENCE_QUESTION))
            with pytest.raises(BusyError, match="busy, try in"):
                service.ask(LICENCE_QUESTION)


def test_a_question_that_is_left_early_is_stopped_and_counted() -> None:
    metrics, fake = Metrics(), FakeService()
    events = AccountedService(fake, metrics, questions=PerMinute(0)).ask(LICENCE_QUESTION)
    next(events)
    assert b"article_qa_questions_in_progress 1.0" in metrics.text()
    events.close()  # type: ignore[attr-defined]  # a generator
    assert fake.num_stopped == 1
    assert b'article_qa_questions_total{mode="full",outcome="stopped"} 1.0' in metrics.text()
    assert b"article_qa_questions_in_progress 0.0" in metrics.text()
