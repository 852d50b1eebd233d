"""The HTTP engine with llama.cpp's own server: two of them in processes of their own, one of which is killed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from index.errors import ModelError
from qa.generators.openai_balancer import BalancerSettings
from qa.generators.openai_endpoint import Timeouts
from qa.generators.openai_http import OpenAICompatibleGenerator
from qa.generators.protocol import Message
from qa.service import Service
from scripts.cluster.llama_server import LlamaServer
from scripts.cluster.writer_drill import judged, kill_writers
from tests.qa.helpers import PIER, make_collection, make_parts
from tests.qa.ui.serving import served

pytestmark = pytest.mark.model

KEY = "the key of the model servers"
QUICK = BalancerSettings(health_seconds=0.2, first_rest_seconds=0.1, longest_rest_seconds=0.2)
LONG = 7000


def about(topic: str) -> list[Message]:
    return [{"role": "user", "content": f"{topic}: {topic} " * 20}]


def soon(holds: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)
    return holds()


@contextmanager
def opened(*servers: LlamaServer, **options: Any) -> Iterator[OpenAICompatibleGenerator]:
    options.setdefault("balancing", QUICK)
    urls = [server.url for server in servers]
    with closing(OpenAICompatibleGenerator(urls, "tiny", api_key=KEY, context_tokens=8192, **options)) as made:
        yield made


@pytest.fixture
def servers(tiny_gguf: Path) -> Iterator[tuple[LlamaServer, LlamaServer]]:
    with LlamaServer(tiny_gguf, KEY) as first, LlamaServer(tiny_gguf, KEY) as second:
        yield first, second


def writing(generator: OpenAICompatibleGenerator, topic: str) -> Iterator[str]:
    """A long reply that has begun."""
    stream = generator.stream(about(topic), LONG)
    assert next(stream)
    return stream


def test_a_closed_reply_frees_the_servers_slot(servers: tuple[LlamaServer, LlamaServer]) -> None:
    first, second = servers
    with opened(first, second) as generator:
        streams = [writing(generator, topic) for topic in ("pier", "library")]
        time.sleep(0.3)
        assert [server.num_busy_slots() for server in servers] == [1, 1]
        for stream in streams:
            stream.close()  # type: ignore[attr-defined]  # It is a generator.
        start = time.monotonic()
        assert soon(lambda: first.num_busy_slots() + second.num_busy_slots() == 0)
        assert time.monotonic() - start < 2
        assert sum(writer.num_running for writer in generator.writers()) == 0


def test_closing_the_engine_frees_the_servers_slots(servers: tuple[LlamaServer, LlamaServer]) -> None:
    first, second = servers
    with opened(first, second) as generator:
        stream = writing(generator, "pier")
        generator.close()
        with pytest.raises(ModelError, match="was closed"):
            list(stream)
        assert soon(lambda: first.num_busy_slots() + second.num_busy_slots() == 0, 2)


def test_one_killed_in_the_middle_of_a_reply_is_a_clear_error_and_all_else_goes_to_the_other(
    servers: tuple[LlamaServer, LlamaServer], tmp_path: Path
) -> None:
    first, second = servers
    with opened(first, second) as generator:
        service = Service(lambda report: make_parts(make_collection(tmp_path, [PIER]), generator))
        service.start()
        with served(service) as url, httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
            assert soon(lambda: client.get("/readyz").json() == {"ready": True, "missing": [], "impaired": []})
            assert (up(client, first), up(client, second)) == (1, 1)

            stream = writing(generator, "pier")
            assert [writer.num_running for writer in generator.writers()] == [1, 0]
            first.kill()
            with pytest.raises(ModelError, match=f"{first.url} broke off in the middle of its reply .*ask again"):
                list(stream)

            assert all(list(generator.stream(about("pier"), 5)) for _ in range(4))
            assert [writer.num_requests for writer in generator.writers()] == [1, 4]
            assert client.get("/readyz").json() == {"ready": True, "missing": [], "impaired": ["writers"]}
            assert (up(client, first), up(client, second)) == (0, 1)
            with LlamaServer(first.model, KEY, port=first.port) as again:
                assert again.url == first.url
                assert soon(lambda: up(client, first) == 1)
                assert client.get("/readyz").json()["impaired"] == []
                assert list(generator.stream(about("library"), 5))
                assert [writer.num_requests for writer in generator.writers()] == [2, 4]
        service.close()


def test_one_that_is_killed_while_nobody_asks_and_one_that_stands_still_are_noticed(
    servers: tuple[LlamaServer, LlamaServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qa.generators.openai_endpoint._PROBE_SECONDS", 0.5)
    first, second = servers
    with opened(first, second, timeouts=Timeouts(2, 10, 10)) as generator:
        second.stop()
        assert soon(lambda: generator.writers()[1].problem is not None)
        assert list(generator.stream(about("pier"), 5)) and list(generator.stream(about("library"), 5))
        assert [writer.num_requests for writer in generator.writers()] == [2, 0]
        second.go_on()
        assert soon(lambda: generator.writers()[1].problem is None)
        first.kill()
        assert soon(lambda: generator.writers()[0].problem is not None)
        assert [writer.num_failures for writer in generator.writers()] == [0, 0]
        assert list(generator.stream(about("pier"), 5))


def test_a_stalled_server_loses_its_request_to_the_other(servers: tuple[LlamaServer, LlamaServer]) -> None:
    first, second = servers
    calm = BalancerSettings(health_seconds=0)
    with opened(first, second, timeouts=Timeouts(2, 0.5, 10), balancing=calm) as generator:
        first.stop()
        try:
            assert list(generator.stream(about("pier"), 5))
            assert "wrote nothing for 0.5 seconds" in str(generator.writers()[0].problem)
        finally:
            first.go_on()


def test_what_waits_on_a_server_that_stands_still_is_moved_when_that_is_noticed(
    servers: tuple[LlamaServer, LlamaServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qa.generators.openai_endpoint._PROBE_SECONDS", 0.5)
    first, second = servers
    with opened(first, second, timeouts=Timeouts(2, 600, 600)) as generator:
        first.stop()
        try:
            assert list(generator.stream(about("pier"), 5))
            assert generator.score(about("library"), ["Yes", "No"])
            assert "does not serve" in str(generator.writers()[0].problem)
        finally:
            first.go_on()


def test_readers_lose_only_what_was_being_written_by_the_server_that_was_killed(tiny_gguf: Path) -> None:
    requests, kills = kill_writers(tiny_gguf, num_kills=2, num_readers=4, max_tokens=200)
    report = judged(requests, kills)
    assert report["is_kept"], report
    assert len(kills) == 2 and len([request for request in requests if request.error is None]) > 8


def test_replies_scores_and_counts_of_the_real_server(packaged_gguf: Path) -> None:
    question: list[Message] = [{"role": "user", "content": "Is Paris the capital of France? Answer Yes or No."}]
    with LlamaServer(packaged_gguf, KEY, num_slots=1, context_tokens=1024) as server:
        with opened(server) as generator:
            assert "".join(generator.stream(question, 5)).startswith("Yes")
            yes, no = generator.score(question, ["Yes", "No"])
            assert yes > no
            assert generator.writers()[0].offers_logprobs
            assert generator.count_tokens("Paris is the capital") == 4
            with pytest.raises(ModelError, match="context"):
                list(generator.stream([{"role": "user", "content": "word " * 2000}], 5))
            assert generator.writers()[0].problem is None
        with opened(server, scores="word") as generator:
            yes, no = generator.score(question, ["Yes", "No"])
            assert yes > no
        with (
            closing(OpenAICompatibleGenerator(server.url, "packaged", api_key="wrong")) as generator,
            pytest.raises(ModelError, match="401"),
        ):
            list(generator.stream(question, 5))


def up(client: httpx.Client, server: LlamaServer) -> float:
    """What the figures say of a server."""
    name = re.escape(f'article_qa_writer_up{{endpoint="{server.url}"}}')
    (value,) = re.findall(rf"^{name} (\S+)$", client.get("/metrics").text, re.MULTILINE)
    return float(value)
