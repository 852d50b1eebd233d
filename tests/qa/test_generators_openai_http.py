"""The HTTP engine against a local server that answers well, badly, slowly or not at all."""

from __future__ import annotations

import json
import math
import socket
import threading
from collections.abc import Iterator
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

MESSAGES: list[Message] = [{"role": "user", "content": "Who must grant the licence?"}]
KEY = "a key that no message may show"
DONE = "data: [DONE]"


def delta(text: str | None, finish_reason: str | None = None) -> str:
    choice = {"index": 0, "delta": {"content": text} if text else {"role": "assistant"}, "finish_reason": finish_reason}
    return "data: " + json.dumps({"choices": [choice]})


def send(handler: BaseHTTPRequestHandler, status: int, body: str) -> None:
    handler.send_response(status)
    handler.end_headers()
    handler.wfile.write(body.encode())


@contextmanager
def opened(url: str, model: str = "m", **options: Any) -> Iterator[OpenAICompatibleGenerator]:
    made = OpenAICompatibleGenerator(url, model, balancing=BalancerSettings(health_seconds=0), **options)
    yield made
    made.close()


@pytest.fixture
def generator(chat_server: Any) -> Iterator[OpenAICompatibleGenerator]:
    with opened(chat_server.url, "some-model", api_key=KEY, timeouts=Timeouts(5, 5, 5), context_tokens=512) as made:
        yield made


def test_the_request_is_greedy_and_carries_model_and_key(
    generator: OpenAICompatibleGenerator, chat_server: Any
) -> None:
    list(generator.stream(MESSAGES, 4))
    path, headers, body = chat_server.requests[0]
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert (body["model"], body["temperature"], body["max_tokens"], body["stream"]) == ("some-model", 0, 4, True)
    assert body["messages"] == MESSAGES


def test_without_a_key_none_is_sent(chat_server: Any) -> None:
    with opened(chat_server.url) as generator:
        list(generator.stream(MESSAGES, 2))
    assert "Authorization" not in chat_server.requests[0][1]


def test_a_proxy_in_the_environment_is_not_used(chat_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with opened(chat_server.url) as generator:
        assert list(generator.stream(MESSAGES, 2))


def test_text_comes_through_whole(generator: OpenAICompatibleGenerator, chat_server: Any) -> None:
    chat_server.respond = lambda handler, body: send(
        handler,
        200,
        "\r\n\r\n".join(
            [": a comment", "event: message", delta(None), delta("naïve "), delta("中文 "), delta("“q”"), DONE]
        ).replace(DONE, delta(None, "length") + "\r\n\r\n" + DONE + "\r\n\r\n"),
    )
    assert "".join(generator.stream(MESSAGES, 9)) == "naïve 中文 “q”"


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\x85"])
def test_a_line_ends_at_a_line_feed_only(
    generator: OpenAICompatibleGenerator, chat_server: Any, character: str
) -> None:
    choice = {"delta": {"content": f"one{character}two"}, "finish_reason": "stop"}
    event = "data: " + json.dumps({"choices": [choice]}, ensure_ascii=False)
    chat_server.respond = lambda handler, body: send(handler, 200, f"{event}\n\n")
    assert "".join(generator.stream(MESSAGES, 9)) == f"one{character}two"


def test_what_the_model_thinks_is_not_what_it_writes(generator: OpenAICompatibleGenerator, chat_server: Any) -> None:
    thought = 'data: {"choices": [{"delta": {"reasoning_content": "Hm."}}]}'
    events = "\n\n".join([thought, delta("text", "stop"), DONE, ""])
    chat_server.respond = lambda handler, body: send(handler, 200, events)
    assert list(generator.stream(MESSAGES, 9)) == ["text"]


def test_an_end_without_done_is_an_end_when_the_server_gave_its_reason(
    generator: OpenAICompatibleGenerator, chat_server: Any
) -> None:
    events = f"{delta('text')}\n\n{delta(None, 'stop')}\n\n"
    chat_server.respond = lambda handler, body: send(handler, 200, events)
    assert list(generator.stream(MESSAGES, 9)) == ["text"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(f"{delta('text')}\n\n", "broke off", id="connection ends early"),
        pytest.param("", "broke off", id="nothing at all"),
        pytest.param(": waiting\n\n", "broke off", id="a comment only"),
        pytest.param("data: " + "x" * (2 << 20), "more than 1,048,576 bytes", id="a line without end"),
        pytest.param(f"{delta('text')}\n\ndata: {{broken\n\n", "other than JSON: {broken", id="malformed chunk"),
        pytest.param("data: [1, 2]\n\n", "other than JSON", id="a list"),
        pytest.param('data: {"error": {"message": "out of memory"}}\n\n', "out of memory", id="error in the stream"),
        pytest.param('data: {"error": "overloaded"}\n\n', "overloaded", id="error as text"),
    ],
)
def test_a_stream_that_goes_wrong_is_a_clear_error(
    generator: OpenAICompatibleGenerator, chat_server: Any, body: str, message: str
) -> None:
    chat_server.respond = lambda handler, _: send(handler, 200, body)
    with pytest.raises(ModelError, match=message) as error:
        list(generator.stream(MESSAGES, 9))
    assert chat_server.url in str(error.value)


@pytest.mark.parametrize(
    ("status", "body"),
    [(401, '{"error": "invalid key"}'), (404, "no such model"), (500, "oops"), (503, "Loading\nmodel"), (302, "moved")],
)
def test_an_error_status_is_told_with_the_servers_words(
    generator: OpenAICompatibleGenerator, chat_server: Any, status: int, body: str
) -> None:
    chat_server.respond = lambda handler, _: send(handler, status, body)
    for call in (lambda: list(generator.stream(MESSAGES, 9)), lambda: generator.score(MESSAGES, ["Yes"])):
        with pytest.raises(ModelError, match=str(status)) as error:
            call()
        assert " ".join(body.split()) in str(error.value)
        assert KEY not in str(error.value)


def test_a_long_error_page_is_cut_to_one_line(generator: OpenAICompatibleGenerator, chat_server: Any) -> None:
    chat_server.respond = lambda handler, _: send(handler, 502, "<p>bad gateway</p>\n" * 1000)
    with pytest.raises(ModelError, match="502") as error:
        list(generator.stream(MESSAGES, 9))
    assert len(str(error.value)) < 400
    assert "\n" not in str(error.value)


def test_a_silent_server_is_given_up(chat_server: Any) -> None:
    over = threading.Event()
    chat_server.respond = lambda handler, body: over.wait(10)
    try:
        with (
            opened(chat_server.url, timeouts=Timeouts(first_token_seconds=0.2)) as generator,
            pytest.raises(ModelError, match=r"wrote nothing for 0\.2 seconds"),
        ):
            list(generator.stream(MESSAGES, 9))
    finally:
        over.set()


def test_no_server_is_told_with_its_address() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (
        opened(f"http://127.0.0.1:{port}/v1") as generator,
        pytest.raises(ModelError, match=f"no model server answers at http://127.0.0.1:{port}/v1"),
    ):
        list(generator.stream(MESSAGES, 9))


@pytest.mark.parametrize("address", ["not an address", "ftp://127.0.0.1/v1", "http://[::bad/v1", ""])
def test_an_address_that_is_none_is_a_clear_error(address: str) -> None:
    with opened(address) as generator, pytest.raises(ModelError):
        list(generator.stream(MESSAGES, 9))


def test_closing_the_stream_hangs_up(generator: OpenAICompatibleGenerator, chat_server: Any) -> None:
    def write_for_ever(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(f"{delta('word ')}\n\n".encode())

    chat_server.respond = write_for_ever
    stream = generator.stream(MESSAGES, 10**6)
    assert list(islice(stream, 3)) == ["word "] * 3
    stream.close()  # type: ignore[attr-defined]  # It is a generator.
    assert chat_server.broken_connections.acquire(timeout=5)


def reply_with_logprobs(*top: tuple[str, float]) -> str:
    entries = [{"token": token, "logprob": logprob} for token, logprob in top]
    return json.dumps({"choices": [{"logprobs": {"content": [{"token": "x", "top_logprobs": entries}]}}]})


@pytest.mark.parametrize(
    ("top", "expected"),
    [
        pytest.param([("Yes", -0.1), ("No", -3.0)], [-0.1, -3.0], id="as they are"),
        pytest.param([(" Yes", -0.2), (" No", -2.0)], [-0.2, -2.0], id="with a space in front"),
        pytest.param([("Y", -0.3), ("Yes", -0.9), ("N", -1.0)], [-0.9, -1.0], id="the longest beginning"),
        pytest.param([("Yes", -0.1), (" Yes", -4.0), ("The", -9.0)], [-0.1, -9.0], id="the likelier of two forms"),
        pytest.param([("Maybe", -0.1), ("", -5.0)], [-5.0, -5.0], id="neither is reported"),
    ],
)
def test_scores_are_found_by_the_texts_of_tokens(
    generator: OpenAICompatibleGenerator, chat_server: Any, top: list[tuple[str, float]], expected: list[float]
) -> None:
    chat_server.respond = lambda handler, body: send(handler, 200, reply_with_logprobs(*top))
    assert generator.score(MESSAGES, ["Yes", "No"]) == expected
    _, _, body = chat_server.requests[0]
    assert (body["max_tokens"], body["logprobs"], body["top_logprobs"]) == (1, True, 20)


NO_LOGPROBS = [
    '{"choices": [{"message": {"content": "Yes"}}]}',
    '{"choices": [{"logprobs": null}]}',
    '{"choices": []}',
    reply_with_logprobs(),
    '{"choices": [{"logprobs": {"content": [{"top_logprobs": [{"token": "Yes"}]}]}}]}',
]


@pytest.mark.parametrize("body", NO_LOGPROBS)
def test_log_probabilities_that_must_be_and_are_not_are_a_clear_error(chat_server: Any, body: str) -> None:
    chat_server.respond = lambda handler, _: send(handler, 200, body)
    with (
        opened(chat_server.url, scores="logprobs") as generator,
        pytest.raises(ModelError, match="reports no log-probabilities"),
    ):
        generator.score(MESSAGES, ["Yes", "No"])


def reply_in_words(text: str | None) -> str:
    return json.dumps({"choices": [{"message": {"content": text}}]})


@pytest.mark.parametrize(
    ("word", "yes", "no"),
    [
        ("Yes", 1.5, 0.5),
        ("No", 0.5, 1.5),
        (" yes, it is", 1.5, 0.5),
        ("\nNO.", 0.5, 1.5),
        ("N", 0.5, 1.5),  # the first token of "No" where it has two
        ("Perhaps", 0.5, 0.5),
        ("", 0.5, 0.5),
        (None, 0.5, 0.5),
    ],
)
def test_a_server_without_log_probabilities_is_asked_for_a_word(
    chat_server: Any, word: str | None, yes: float, no: float
) -> None:
    chat_server.respond = lambda handler, _: send(handler, 200, reply_in_words(word))
    with opened(chat_server.url) as generator:
        assert generator.score(MESSAGES, ["Yes", "No"]) == pytest.approx([math.log(yes / 2), math.log(no / 2)])
        assert [body.get("logprobs") for _, _, body in chat_server.requests] == [True, None]
        generator.score(MESSAGES, ["Yes", "No"])
        assert [body.get("logprobs") for _, _, body in chat_server.requests[2:]] == [None]  # it is known by now
        assert generator.writers()[0].offers_logprobs is False


def test_a_word_can_be_all_that_is_asked_for(chat_server: Any) -> None:
    chat_server.respond = lambda handler, _: send(handler, 200, reply_in_words("No"))
    with opened(chat_server.url, scores="word") as generator:
        yes, no = generator.score(MESSAGES, ["Yes", "No"])
    assert no - yes == pytest.approx(math.log(3))
    ((_, _, body),) = chat_server.requests
    assert "logprobs" not in body and body["max_tokens"] == 4


def test_a_server_that_refuses_the_option_is_asked_for_fewer_and_then_for_a_word(chat_server: Any) -> None:
    def refuse(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        if "logprobs" in body:
            send(handler, 400, '{"error": {"message": "top_logprobs is not supported", "code": 400}}')
        else:
            send(handler, 200, reply_in_words("Yes"))

    chat_server.respond = refuse
    with opened(chat_server.url) as generator:
        yes, no = generator.score(MESSAGES, ["Yes", "No"])
    assert yes > no
    assert [body.get("top_logprobs") for _, _, body in chat_server.requests] == [20, 5, None]


def test_a_server_that_tells_only_five_is_asked_for_five(chat_server: Any) -> None:
    def tell_five(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        if body["top_logprobs"] > 5:
            send(handler, 422, "top_logprobs must be at most 5")
        else:
            send(handler, 200, reply_with_logprobs(("Yes", -0.5), ("No", -1.5)))

    chat_server.respond = tell_five
    with opened(chat_server.url, scores="logprobs") as generator:
        assert generator.score(MESSAGES, ["Yes", "No"]) == [-0.5, -1.5]


def test_a_refusal_for_another_reason_is_no_lack_of_log_probabilities(
    generator: OpenAICompatibleGenerator, chat_server: Any
) -> None:
    chat_server.respond = lambda handler, _: send(handler, 400, "the prompt is longer than the context")
    with pytest.raises(ModelError, match="longer than the context"):
        generator.score(MESSAGES, ["Yes", "No"])
    assert len(chat_server.requests) == 1


def test_the_servers_tokenizer_counts_where_there_is_one(
    generator: OpenAICompatibleGenerator, chat_server: Any
) -> None:
    assert generator.count_tokens("three short words") == 3
    assert chat_server.requests[0][0] == "/tokenize"


def test_without_a_tokenizer_tokens_are_estimated_and_it_is_not_asked_again(
    generator: OpenAICompatibleGenerator, chat_server: Any
) -> None:
    chat_server.respond = lambda handler, body: send(handler, 404, "no such page")
    text = "The licence was granted in 2023."
    assert [generator.count_tokens(text) for _ in range(3)] == [estimate_tokens(text)] * 3
    assert len(chat_server.requests) == 1


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("abc", 1), ("abcd", 2), ("2023", 4), ("$1.5,", 5), ("中文", 2), ("\ud800", 1)]
)
def test_the_estimate_is_one_per_digit_or_mark_and_one_per_three_other_bytes(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens


@pytest.mark.model
def test_the_estimate_is_not_below_the_real_count_of_a_news_article(llama: Any) -> None:
    for text in (Path(__file__).read_text(), "In 2023, sales rose 14.7% to $1,234.50 million, said Li Auto. " * 5):
        assert llama.count_tokens(text) <= estimate_tokens(text)
