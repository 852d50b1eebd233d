"""Two real app processes on one index of three shards: what one takes in the other answers from, and limits are one."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from scripts.cluster.postgres_server import PostgresServer
from tests.fakes import numbered_article
from tests.postgres.fixtures import made_database

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
_READY_SECONDS = 120.0
_SEEN_SECONDS = 2.0
_QUESTIONS_PER_MINUTE = 5


@dataclass(frozen=True)
class Replica:
    """A served app; ``client`` speaks to it."""

    process: subprocess.Popen[bytes]
    client: httpx.Client

    def add(self, *numbers: int, key: str | None = None) -> dict[str, Any]:
        articles = [
            {name: getattr(numbered_article(number), name) for name in ("title", "text", "url", "source")}
            for number in numbers
        ]
        headers = {"Idempotency-Key": key} if key is not None else {}
        return self._json(self.client.post("/v1/articles", json={"articles": articles}, headers=headers))

    def finds(self, number: int) -> bool:
        found = self._json(self.client.post("/v1/search", json={"query": f"subject{number}", "k": 3}))
        return any(passage["title"].endswith(f"subject{number}") for passage in found["passages"])

    def ask(self) -> httpx.Response:
        return self.client.post("/v1/ask", json={"question": "What was read in place1?", "mode": "fast"})

    def _json(self, response: httpx.Response) -> dict[str, Any]:
        assert response.status_code == 200, response.text
        return dict(response.json())


@pytest.fixture(scope="module")
def start(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Replica]]:
    """Starts one more replica, with a data folder of its own."""
    with ExitStack() as made:
        main, *shards = [made.enter_context(made_database(postgres_server)) for _ in range(4)]
        yield from _starting(main, shards, tmp_path_factory)


def _starting(
    main: str, shards: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Replica]]:
    replicas: list[Replica] = []

    def one() -> Replica:
        folder = tmp_path_factory.mktemp("replica")
        config = folder / "article-qa.toml"
        config.write_text(
            f"[index]\nshards = {shards}\n[serve]\nquestions_per_minute = {_QUESTIONS_PER_MINUTE}\n"
            '[generator]\nengine = "none"\n'
        )
        log = folder / "log"
        environment = {
            **os.environ,
            "ARTICLE_QA_INDEX_URL": main,
            "ARTICLE_QA_CONFIG": str(config),
            "PYTHONPATH": str(ROOT),
        }
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.postgres.replica", "serve", "--port", "0", "--data-dir", folder / "var"],
                cwd=folder,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        replicas.append(Replica(process, httpx.Client(base_url=_address(process, log), trust_env=False, timeout=30)))
        return replicas[-1]

    yield one
    for replica in replicas:
        replica.client.close()
        replica.process.terminate()
    for replica in replicas:
        replica.process.wait(30)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Where it is served, as soon as it is ready."""
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        found = re.search(r"http://\S+", log.read_text())
        if found is not None:
            try:
                if httpx.get(f"{found[0]}/readyz", trust_env=False).status_code == 200:
                    return found[0]
            except httpx.TransportError:
                pass
        time.sleep(0.1)
    raise AssertionError(f"not ready after {_READY_SECONDS} s: {log.read_text()}")


def _seconds_until(is_so: Callable[[], bool]) -> float:
    started = time.monotonic()
    while not is_so():
        assert time.monotonic() - started < 30
        time.sleep(0.05)
    return time.monotonic() - started


@pytest.fixture(scope="module")
def pair(start: Callable[[], Replica]) -> tuple[Replica, Replica]:
    return start(), start()


def test_what_one_process_takes_in_the_other_finds_within_two_seconds(pair: tuple[Replica, Replica]) -> None:
    here, there = pair
    assert here.add(1)["added"] == 1
    assert _seconds_until(lambda: there.finds(1)) < _SEEN_SECONDS
    assert there.add(2)["generation"] == "gen-000002"
    assert _seconds_until(lambda: here.finds(2)) < _SEEN_SECONDS
    assert here.client.get("/v1/articles").json()["total"] == there.client.get("/v1/articles").json()["total"] == 2


def test_a_request_that_is_sent_again_to_the_other_process_is_done_once(pair: tuple[Replica, Replica]) -> None:
    here, there = pair
    report = here.add(3, key="once")
    assert report["added"] == 1
    assert there.add(3, key="once") == report
    assert there.add(3)["unchanged"] == 1


def test_what_one_process_removes_the_other_finds_no_longer(pair: tuple[Replica, Replica]) -> None:
    here, there = pair
    article_id = numbered_article(4).article_id
    here.add(4)
    _seconds_until(lambda: there.finds(4))
    assert there.client.delete(f"/v1/articles/{article_id}").status_code == 200
    assert _seconds_until(lambda: not here.finds(4)) < _SEEN_SECONDS
    assert here.client.get(f"/v1/articles/{article_id}").status_code == 404


def test_questions_of_a_client_are_limited_over_both_processes(pair: tuple[Replica, Replica]) -> None:
    statuses = [pair[number % 2].ask().status_code for number in range(2 * _QUESTIONS_PER_MINUTE)]
    assert statuses.count(200) in (_QUESTIONS_PER_MINUTE, _QUESTIONS_PER_MINUTE + 1)  # a new minute may have begun
    assert set(statuses) == {200, 429}


def test_both_may_take_in_articles_at_once(pair: tuple[Replica, Replica]) -> None:
    with ThreadPoolExecutor(2) as pool:
        jobs = [
            pool.submit(replica.add, *range(first, first + 20)) for replica, first in zip(pair, (10, 30), strict=True)
        ]
        assert [job.result(60)["added"] for job in jobs] == [20, 20]
    for replica in pair:
        _seconds_until(lambda replica=replica: all(replica.finds(number) for number in (10, 29, 30, 49)))


def test_a_killed_process_leaves_the_other_serving(pair: tuple[Replica, Replica], start: Callable[[], Replica]) -> None:
    here, _ = pair
    third = start()
    third.process.send_signal(signal.SIGKILL)
    third.process.wait(10)
    assert here.add(60)["added"] == 1
    assert here.finds(60)
