"""The HTTP engine against a local server that answers well, badly, slowly or not at all."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from index.errors import ModelError
from qa.generators.openai_http import OpenAICompatibleGenerator, estimate_tokens
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


@pytest.fixture
def generator(chat_server: Any) -> Iterator[OpenAICompatibleGenerator]:
    made = OpenAICompatibleGenerator(chat_server.url, "some-model", api_key=KEY, timeout_seconds=5, context_tokens=512)
    yield made
    made.close()


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
    list(OpenAICompatibleGenerator(chat_server.url, "m").stream(MESSAGES, 2))
    assert "Authorization" not in chat_server.requests[0][1]


def test_a_proxy_in_the_environment_is_not_used(chat_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert list(OpenAICompatibleGenerator(chat_server.url, "m").stream(MESSAGES, 2))


def test_text_comes_through_whole(generator: OpenAICompatibleGenerator, chat_server: Any) -> None:
    chat_server.respond = lambda handler, body: send(
        handler,
        200,
        "\r\n\r\n".join(
            [": a comment", "event: message", delta(None), delta("naïve "), delta("中文 "), delta("“q”"), DONE]
        ).replace(DONE, delta(None, "length") + "\r\n\r\n" + DONE + "\r\n\r\n"),
    )
    assert "".join(generator.stream(MESSAGES, 9)) == "naïve 中文 “q”"


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
    assert generator._base_url in str(error.value)


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
        with pytest.raises(ModelError, match=r"silent for 0\.2 seconds"):
            list(OpenAICompatibleGenerator(chat_server.url, "m", timeout_seconds=0.2).stream(MESSAGES, 9))
    finally:
        over.set()


def test_no_server_is_told_with_its_address() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ModelError, match=f"no model server answers at http://127.0.0.1:{port}/v1"):
        list(OpenAICompatibleGenerator(f"http://127.0.0.1:{port}/v1", "m").stream(MESSAGES, 9))


@pytest.mark.parametrize("address", ["not an address", "ftp://127.0.0.1/v1", "http://[::bad/v1", ""])
def test_an_address_that_is_none_is_a_clear_error(address: str) -> None:
    with pytest.raises(ModelError):
        list(OpenAICompatibleGenerator(address, "m").stream(MESSAGES, 9))


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


@pytest.mark.parametrize(
    "body",
    [
        '{"choices": [{"message": {"content": "Yes"}}]}',
        '{"choices": [{"logprobs": null}]}',
        '{"choices": []}',
        reply_with_logprobs(),
        '{"choices": [{"logprobs": {"content": [{"top_logprobs": [{"token": "Yes"}]}]}}]}',
    ],
)
def test_a_server_without_log_probabilities_is_a_clear_error(
    generator: OpenAICompatibleGenerator, chat_server: Any, body: str
) -> None:
    chat_server.respond = lambda handler, _: send(handler, 200, body)
    with pytest.raises(ModelError, match="reports no log-probabilities"):
        generator.score(MESSAGES, ["Yes", "No"])


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


@pytest.fixture
def llama_server(packaged_gguf: Path) -> Iterator[tuple[str, str]]:
    """llama.cpp's own HTTP server on a loopback port: its address and its key."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(packaged_gguf)
    parameters.n_ctx = 1024
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [KEY]
    parameters.verbosity = 0
    server = xllamacpp.Server(parameters)
    yield f"{server.listening_address}/v1", KEY
    del server


@pytest.mark.model
def test_it_works_with_llama_cpps_own_server(llama_server: tuple[str, str]) -> None:
    url, key = llama_server
    generator = OpenAICompatibleGenerator(url, "packaged", api_key=key, context_tokens=1024)
    question: list[Message] = [{"role": "user", "content": "Is Paris the capital of France? Answer Yes or No."}]
    assert "".join(generator.stream(question, 5)).startswith("Yes")
    yes, no = generator.score(question, ["Yes", "No"])
    assert yes > no
    assert generator.count_tokens("Paris is the capital") == 4
    with pytest.raises(ModelError, match="context"):
        list(generator.stream([{"role": "user", "content": "word " * 2000}], 5))
    with pytest.raises(ModelError, match="401"):
        list(OpenAICompatibleGenerator(url, "packaged", api_key="wrong").stream(question, 5))
