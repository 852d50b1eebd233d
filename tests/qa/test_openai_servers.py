"""Several model servers that answer well, late, badly or not at all: which is asked, when another is, what is told."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from index.errors import ModelError
from qa.generators.openai_balancer import BalancerSettings
from qa.generators.openai_endpoint import Timeouts
from qa.generators.openai_http import OpenAICompatibleGenerator
from qa.generators.openai_replies import estimate_tokens
from qa.generators.protocol import Message
from qa.types import Event, EvidenceFound, TextWritten
from tests.qa.conftest import FakeChatServer, answer_in_words, delta, send, send_events
from tests.qa.helpers import PIER, make_collection, make_parts, task_of

MESSAGES: list[Message] = [{"role": "user", "content": "Who must grant the licence?"}]
SHORT = Timeouts(connect_seconds=2, first_token_seconds=0.4, silence_seconds=0.4)
DONE = [delta(None, "stop"), "data: [DONE]"]

Respond = Callable[[BaseHTTPRequestHandler, dict[str, Any]], None]


@contextmanager
def opened(*servers: FakeChatServer | str, **options: Any) -> Iterator[OpenAICompatibleGenerator]:
    """Over the servers, none of which is looked at by itself unless a test says so; one that failed rests for long."""
    options.setdefault("balancing", BalancerSettings(health_seconds=0, first_rest_seconds=60, longest_rest_seconds=60))
    urls = [server if isinstance(server, str) else server.url for server in servers]
    made = OpenAICompatibleGenerator(urls, "m", **options)
    yield made
    made.close()


def says(*words: str) -> Respond:
    return lambda handler, body: send_events(handler, [*map(delta, words), *DONE])


def fails(status: int, text: str = "no") -> Respond:
    return lambda handler, body: send(handler, status, text)


def written(generator: OpenAICompatibleGenerator, messages: list[Message] = MESSAGES) -> str:
    return "".join(generator.stream(messages, 9))


def soon(holds: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.01)
    return holds()


@contextmanager
def held() -> Iterator[threading.Event]:
    """Set at the end, so that a server that waits for it can be closed."""
    event = threading.Event()
    try:
        yield event
    finally:
        event.set()


@pytest.fixture
def first(chat_server: FakeChatServer) -> FakeChatServer:
    return chat_server


@pytest.fixture
def second(other_chat_server: FakeChatServer) -> FakeChatServer:
    other_chat_server.respond = says("from the second")
    return other_chat_server


def gone_address() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/v1"


# Before the first token


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 502, 503, 302])
def test_a_server_that_fails_is_replaced_and_left_alone(
    first: FakeChatServer, second: FakeChatServer, status: int
) -> None:
    first.respond = fails(status, "an excuse")
    with opened(first, second) as generator:
        assert [written(generator) for _ in range(3)] == ["from the second"] * 3
        assert (len(first.requests), len(second.requests)) == (1, 3)
        bad, good = generator.writers()
        assert bad.problem is not None and f"{status}: an excuse" in bad.problem
        assert (bad.num_failures, good.num_failures, good.problem) == (1, 0, None)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_request_that_is_refused_is_not_tried_elsewhere(
    first: FakeChatServer, second: FakeChatServer, status: int
) -> None:
    first.respond = fails(status, "the prompt is too long")
    with opened(first, second) as generator:
        with pytest.raises(ModelError, match=f"{status}: the prompt is too long"):
            written(generator)
        assert second.requests == []
        assert [writer.problem for writer in generator.writers()] == [None, None]


@pytest.mark.parametrize(
    "events",
    [
        [],
        [": waiting"],
        [delta(None)],
        ["data: {broken"],
        ['data: {"error": {"message": "out of memory", "code": 500}}'],
        [delta(None), 'data: {"error": "overloaded"}'],
    ],
)
def test_a_stream_that_ends_before_its_first_token_is_begun_elsewhere(
    first: FakeChatServer, second: FakeChatServer, events: list[str]
) -> None:
    first.respond = lambda handler, body: send_events(handler, events)
    with opened(first, second) as generator:
        assert written(generator) == "from the second"


def test_an_error_in_the_stream_that_is_the_requests_fault_is_told(
    first: FakeChatServer, second: FakeChatServer
) -> None:
    event = 'data: {"error": {"message": "the context is too small", "code": 400}}'
    first.respond = lambda handler, body: send_events(handler, [event])
    with opened(first, second) as generator, pytest.raises(ModelError, match="context is too small"):
        written(generator)
    assert second.requests == []


def test_a_server_that_is_gone_is_replaced(second: FakeChatServer) -> None:
    with opened(gone_address(), second) as generator:
        assert written(generator) == "from the second"
        assert "no model server answers" in str(generator.writers()[0].problem)


def test_a_server_that_takes_no_connection_is_given_up_after_the_time_for_that(second: FakeChatServer) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.create_connection(full.getsockname(), 5) for _ in range(1)]
        address = f"http://127.0.0.1:{full.getsockname()[1]}/v1"
        with opened(address, second, timeouts=Timeouts(connect_seconds=0.3)) as generator:
            start = time.monotonic()
            assert written(generator) == "from the second"
            assert time.monotonic() - start < 5
            assert "no connection in 0.3 seconds" in str(generator.writers()[0].problem)
        for connection in waiting:
            connection.close()


@pytest.mark.parametrize("sent", [[], [delta(None)], [": keep-alive"] * 500])
def test_no_first_token_in_time_is_begun_elsewhere(
    first: FakeChatServer, second: FakeChatServer, sent: list[str]
) -> None:
    with held() as over:

        def dawdle(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
            send_events(handler, sent, pause_seconds=0.05)
            over.wait(20)

        first.respond = dawdle
        with opened(first, second, timeouts=SHORT) as generator:
            start = time.monotonic()
            assert written(generator) == "from the second"
            assert time.monotonic() - start < 5
            assert "wrote nothing for 0.4 seconds" in str(generator.writers()[0].problem)


def test_a_score_that_takes_too_long_is_asked_for_elsewhere(first: FakeChatServer, second: FakeChatServer) -> None:
    second.respond = answer_in_words
    with held() as over:
        first.respond = lambda handler, body: over.wait(20)
        with opened(first, second, timeouts=SHORT) as generator:
            assert generator.score(MESSAGES, ["Yes", "No"]) == [-0.1, -2.5]


def test_when_all_fail_each_is_named(first: FakeChatServer) -> None:
    first.respond = fails(503, "loading")
    gone = gone_address()
    with opened(first, gone) as generator, pytest.raises(ModelError, match="none of 2 model servers answers") as error:
        written(generator)
    assert f"{first.url} answered 503: loading" in str(error.value)
    assert f"no model server answers at {gone}" in str(error.value)


def test_servers_that_are_all_left_alone_are_tried_all_the_same(first: FakeChatServer, second: FakeChatServer) -> None:
    first.respond = second.respond = fails(503)
    with opened(first, second) as generator:
        with pytest.raises(ModelError):
            written(generator)
        second.respond = says("again")
        assert written(generator) == "again"
        assert [writer.problem is None for writer in generator.writers()] == [False, True]


# After the first token


def test_a_reply_that_breaks_off_is_an_error_and_is_not_begun_elsewhere(
    first: FakeChatServer, second: FakeChatServer
) -> None:
    first.respond = lambda handler, body: send_events(handler, [delta("one "), delta("two ")])
    with opened(first, second) as generator:
        stream = generator.stream(MESSAGES, 9)
        assert list(islice(stream, 2)) == ["one ", "two "]
        with pytest.raises(ModelError, match=r"broke off in the middle of its reply .*ask again"):
            next(stream)
        assert second.requests == []
        assert written(generator) == "from the second"


def test_silence_after_a_token_is_an_error(first: FakeChatServer, second: FakeChatServer) -> None:
    with held() as over:

        def fall_silent(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
            send_events(handler, [delta("one ")])
            while not over.wait(0.1):
                handler.wfile.write(b": still here\n\n")

        first.respond = fall_silent
        with opened(first, second, timeouts=SHORT) as generator:
            stream = generator.stream(MESSAGES, 9)
            assert next(stream) == "one "
            with pytest.raises(ModelError, match=r"silent for 0\.4 seconds"):
                next(stream)
            assert second.requests == []


def test_a_slow_reader_is_no_silent_server(first: FakeChatServer) -> None:
    first.respond = lambda handler, body: send_events(handler, [*map(delta, "abcdef"), *DONE], pause_seconds=0.02)
    with opened(first, timeouts=SHORT) as generator:
        stream = generator.stream(MESSAGES, 9)
        assert next(stream) == "a"
        time.sleep(0.6)
        assert "".join(stream) == "bcdef"


def test_a_question_whose_server_breaks_off_ends_with_an_error_after_its_evidence(
    first: FakeChatServer, second: FakeChatServer, tmp_path: Path
) -> None:
    def break_off(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        if body.get("logprobs"):
            answer_in_words(handler, body)
        elif task_of(body["messages"]) == "short":
            says("12 million ", "euros")(handler, body)
        else:
            send_events(handler, [delta("The pier cost ")])

    first.respond = second.respond = break_off
    with opened(first, second) as generator:
        pipeline = make_parts(make_collection(tmp_path, [PIER]), generator).pipeline
        events: list[Event] = []
        with pytest.raises(ModelError, match="broke off in the middle of its reply"):
            for event in pipeline.ask("How much did the pier cost?"):
                events.append(event)
        assert isinstance(events[0], EvidenceFound)
        drafts = [event.draft for event in events if isinstance(event, TextWritten)]
        assert drafts[-1].endswith("\n\nThe pier cost ")


# Cancellation


def test_closing_the_engine_cuts_off_what_waits_for_a_first_token(first: FakeChatServer) -> None:
    with held() as over:
        entered = threading.Event()

        def wait(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
            entered.set()
            over.wait(20)

        first.respond = wait
        with opened(first) as generator, ThreadPoolExecutor(2) as pool:
            running = [pool.submit(written, generator), pool.submit(generator.score, MESSAGES, ["Yes", "No"])]
            assert entered.wait(10)
            assert soon(lambda: generator.writers()[0].num_running == 2)
            generator.close()
            for future in running:
                with pytest.raises(ModelError, match="was closed"):
                    future.result(10)


def test_a_closed_stream_no_longer_counts_as_running(first: FakeChatServer) -> None:
    first.respond = lambda handler, body: send_events(handler, [delta("word ")] * 10_000)
    with opened(first) as generator:
        stream = generator.stream(MESSAGES, 10_000)
        assert next(stream) == "word "
        assert generator.writers()[0].num_running == 1
        stream.close()  # type: ignore[attr-defined]  # It is a generator.
        assert soon(lambda: generator.writers()[0].num_running == 0)
        assert generator.writers()[0].num_failures == 0
    assert first.broken_connections.acquire(timeout=10)


def test_a_closed_engine_says_so(first: FakeChatServer) -> None:
    with opened(first) as generator:
        written(generator)
        generator.close()
        generator.close()
        for call in (lambda: written(generator), lambda: generator.score(MESSAGES, ["Yes"])):
            with pytest.raises(ModelError, match="was closed"):
                call()


# Which server is asked


def about(number: int) -> list[Message]:
    return [{"role": "user", "content": f"{number:04d} " * 200}]


def test_requests_one_after_another_are_spread(first: FakeChatServer, second: FakeChatServer) -> None:
    with opened(first, second) as generator:
        for number in range(10):
            written(generator, about(number))
    assert (len(first.requests), len(second.requests)) == (5, 5)


def test_requests_on_the_same_passages_go_where_they_were_read(first: FakeChatServer, second: FakeChatServer) -> None:
    with opened(first, second) as generator:
        for number in range(5):
            written(generator, about(number))
        for number in range(5):
            end = {"role": "user", "content": "And another question."}
            written(generator, [*about(number), end])  # type: ignore[list-item]  # It is a Message.
    for server in (first, second):
        beginnings = [body["messages"][0]["content"] for _, _, body in server.requests]
        assert beginnings[: len(beginnings) // 2] == beginnings[len(beginnings) // 2 :]


def test_the_least_busy_server_is_asked(first: FakeChatServer, second: FakeChatServer) -> None:
    with held() as over:

        def wait(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
            send_events(handler, [delta("one ")])
            over.wait(20)

        first.respond = wait
        with opened(first, second) as generator:
            stream = generator.stream(MESSAGES, 9)
            assert next(stream) == "one "
            for _ in range(3):  # the same beginning, yet the other server: it has nothing to do
                assert written(generator) == "from the second"
            stream.close()  # type: ignore[attr-defined]  # It is a generator.


def test_many_at_once_are_spread_evenly(first: FakeChatServer, second: FakeChatServer) -> None:
    barrier = threading.Barrier(8, timeout=10)

    def meet(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        barrier.wait()
        says("done")(handler, body)

    first.respond = second.respond = meet
    with opened(first, second) as generator, ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda number: written(generator, about(number)), range(8))) == {"done"}
    assert (len(first.requests), len(second.requests)) == (4, 4)


def test_servers_are_known_to_differ_in_what_they_tell(first: FakeChatServer, second: FakeChatServer) -> None:
    second.respond = lambda handler, body: send(handler, 200, json.dumps({"choices": [{"message": {"content": "No"}}]}))
    with opened(first, second) as generator:
        for number in range(4):
            generator.score(about(number), ["Yes", "No"])
        assert [writer.offers_logprobs for writer in generator.writers()] == [True, False]


# Health


def test_a_server_is_asked_again_once_it_lists_its_models(first: FakeChatServer, second: FakeChatServer) -> None:
    first.respond = fails(503, "loading")
    first.look = lambda handler: send(handler, 503, "loading")
    quick = BalancerSettings(health_seconds=0, first_rest_seconds=0.05, longest_rest_seconds=0.1)
    with opened(first, second, balancing=quick) as generator:
        assert written(generator) == "from the second"
        assert soon(lambda: len(first.looks) >= 3)
        assert generator.writers()[0].problem is not None
        assert set(first.looks) == {"/v1/models"}
        first.respond = says("from the first")
        first.look = lambda handler: send(handler, 200, '{"data": []}')
        assert soon(lambda: generator.writers()[0].problem is None)
        assert {written(generator, about(number)) for number in range(2)} == {"from the first", "from the second"}


def test_a_server_that_lists_no_models_gets_another_chance(first: FakeChatServer, second: FakeChatServer) -> None:
    first.respond, first.look = fails(500), lambda handler: send(handler, 404, "no such page")
    quick = BalancerSettings(health_seconds=0, first_rest_seconds=0.05, longest_rest_seconds=0.1)
    with opened(first, second, balancing=quick) as generator:
        written(generator)
        assert soon(lambda: generator.writers()[0].problem is None)


def test_one_that_looks_well_and_fails_rests_longer_each_time(first: FakeChatServer, second: FakeChatServer) -> None:
    first.respond = fails(500)
    quick = BalancerSettings(health_seconds=0, first_rest_seconds=0.05, longest_rest_seconds=10)
    with opened(first, second, balancing=quick) as generator:
        end, number = time.monotonic() + 2, 0
        while time.monotonic() < end:
            assert written(generator, about(number)) == "from the second"
            number += 1
    assert 2 <= len(first.requests) <= 7  # after .05, .1, .2, .4 and .8 seconds


def test_a_server_that_says_when_to_come_back_is_left_alone_until_then(
    first: FakeChatServer, second: FakeChatServer
) -> None:
    def busy(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        handler.send_response(429)
        handler.send_header("Retry-After", "1")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    first.respond = busy
    quick = BalancerSettings(health_seconds=0, first_rest_seconds=0.01, longest_rest_seconds=0.02)
    with opened(first, second, balancing=quick) as generator:
        start = time.monotonic()
        written(generator)
        assert soon(lambda: generator.writers()[0].problem is None)
        assert time.monotonic() - start >= 0.9


def test_a_server_that_goes_while_nobody_asks_is_noticed_and_so_is_its_return(second: FakeChatServer) -> None:
    first = FakeChatServer()
    watching = BalancerSettings(health_seconds=0.05, first_rest_seconds=0.05, longest_rest_seconds=0.05)
    with opened(first, second, balancing=watching) as generator:
        assert soon(lambda: len(first.looks) >= 2)
        assert [writer.problem for writer in generator.writers()] == [None, None]
        first.close()
        assert soon(lambda: generator.writers()[0].problem is not None)
        assert generator.writers()[1].problem is None
        back = FakeChatServer(first.port)
        assert soon(lambda: generator.writers()[0].problem is None)
        assert generator.writers()[0].num_requests == 0
        back.close()


def test_what_waits_on_a_server_found_silent_goes_to_one_that_is_well(
    first: FakeChatServer, second: FakeChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qa.generators.openai_endpoint._PROBE_SECONDS", 0.1)
    watching = BalancerSettings(health_seconds=0.05, first_rest_seconds=60, longest_rest_seconds=60)
    with held() as over:

        def hang(handler: BaseHTTPRequestHandler, body: dict[str, Any] | None = None) -> None:
            over.wait(20)

        first.respond = first.look = hang
        with opened(first, second, balancing=watching) as generator:
            assert written(generator) == "from the second"
            assert "does not serve" in str(generator.writers()[0].problem)


def test_what_waits_on_the_only_server_goes_on_waiting(first: FakeChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qa.generators.openai_endpoint._PROBE_SECONDS", 0.1)
    with held() as over:

        def late(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
            assert soon(lambda: generator.writers()[0].problem is not None)
            says("late")(handler, body)

        first.respond, first.look = late, lambda handler: over.wait(20)
        with opened(first, balancing=BalancerSettings(health_seconds=0.05)) as generator:
            assert written(generator) == "late"
            assert generator.writers()[0].problem is None


def test_a_server_that_does_not_list_its_models_at_all_is_none_the_worse(first: FakeChatServer) -> None:
    first.look = lambda handler: send(handler, 404, "no such page")
    with opened(first, balancing=BalancerSettings(health_seconds=0.02)) as generator:
        assert soon(lambda: len(first.looks) >= 3)
        assert generator.writers()[0].problem is None
        assert written(generator)


def test_tokens_are_counted_by_a_server_that_can_now(first: FakeChatServer, second: FakeChatServer) -> None:
    second.respond = answer_in_words
    with opened(first, second) as generator:
        for failure in (fails(503, "loading"), fails(429), fails(404)):
            first.respond = failure
            assert generator.count_tokens("three short words") == 3
        second.respond = fails(503)
        assert generator.count_tokens("three short words") == estimate_tokens("three short words")
        second.respond = answer_in_words
        assert generator.count_tokens("three short words") == 3
    # The 404 says that there is no such page: that one is not asked again.
    assert [path for path, _, _ in first.requests] == ["/tokenize"] * 3


def test_nothing_secret_is_shown(first: FakeChatServer) -> None:
    address = first.url.replace("http://", "http://ada:secret@")
    first.respond = fails(500)
    with opened(address, api_key="the key") as generator:
        with pytest.raises(ModelError) as error:
            written(generator)
        (writer,) = generator.writers()
        assert writer.endpoint == first.url
        assert "secret" not in f"{error.value}{writer}" and "the key" not in f"{error.value}{writer}"


@pytest.mark.parametrize("address", ["http://ada:secret/x@127.0.0.1:1", "http://127.0.0.1:1/?k=secret"])
def test_nothing_secret_of_a_wrong_address_is_shown(address: str) -> None:
    with opened(address) as generator:
        (writer,) = generator.writers()
        with pytest.raises(ModelError) as error:
            written(generator)
    assert "secret" not in f"{error.value}{writer}"
