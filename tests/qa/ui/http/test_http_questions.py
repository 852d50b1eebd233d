"""Asking and searching by plain HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from index.errors import ModelError
from index.types import Filters
from qa.types import Event, EvidenceFound
from tests.qa.ui.fakes import LICENCE_QUESTION, PRICE_QUESTION, QUOTE, FakeLoading, FakeService
from tests.qa.ui.http.replies import error_of, events_in
from tests.qa.ui.serving import changed, served

PATIENCE_SECONDS = 60
FILTERS = {"source": "Example News", "published_after": "2022-01-01", "published_before": "31 December 2022"}


def test_ask_returns_the_public_answer(client: httpx.Client) -> None:
    answer = client.post("/v1/ask", json={"question": LICENCE_QUESTION}).json()
    assert list(answer) == [
        *("question", "standalone_question", "outcome", "short_answer", "answer", "confidence", "citations"),
        *("passages", "generation", "models", "seconds", "date_window", "notes"),
    ]
    assert answer["citations"][0]["quote"] == QUOTE


def test_ask_passes_everything_on(client: httpx.Client, service: FakeService) -> None:
    history = [{"role": "user", "content": "Who?", "id": 7}, {"role": "assistant", "content": "NIO."}]
    body = {"question": PRICE_QUESTION, "as_of": "28 March 2024", "history": history, "mode": "fast", **FILTERS}
    reply = client.post("/v1/ask", json=body | {"use_date_window": False})
    assert reply.json()["outcome"] == "not_in_articles"
    assert service.asked[-1] == {
        "question": PRICE_QUESTION,
        "as_of": "2024-03-28",
        "history": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "NIO."}],
        "mode": "fast",
        "use_date_window": False,
        "filters": Filters("2022-01-01", "2022-12-31", "Example News"),
    }


@pytest.mark.parametrize("path", ["/v1/ask", "/v1/ask_stream"])
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "question: Field required"),
        ({"question": ""}, "question: String should have at least 1 character"),
        ({"question": " "}, "question is empty"),
        ({"question": "x" * 2_001}, "question: String should have at most 2000 characters"),
        ({"question": 5}, "question: Input should be a valid string"),
        ({"question": "q", "mode": "slow"}, "mode: Input should be 'full' or 'fast'"),
        ({"question": "q", "as_of": "soon"}, "as_of:"),
        ({"question": "q", "history": [{"role": "system", "content": "x"}]}, "history[0].role:"),
        ({"question": "q", "use_date_window": 1}, "use_date_window:"),
        ({"question": "q", "moode": "fast"}, "moode: Extra inputs are not permitted"),
        ({"question": "q", "published_after": "2024-02-02", "published_before": "2024-01-01"}, "swap them"),
        (["q"], "Input should be a valid dictionary"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(client: httpx.Client, path: str, body: Any, message: str) -> None:
    status, code, said = error_of(client.post(path, json=body))
    assert (status, code) == (400, "bad_input")
    assert message in said
    assert "\n" not in said


def test_a_body_that_is_no_json_says_what_to_send(client: httpx.Client) -> None:
    assert "application/json" in error_of(client.post("/v1/ask", data={"question": "q"}))[2]
    headers = {"content-type": "application/json"}
    for content in (b"\xff\xfe{", b"{", b"", b'{"question": "\\ud800"}', b"[" * 100_000, b"9" * 10_000):
        assert error_of(client.post("/v1/ask", content=content, headers=headers))[:2] == (400, "bad_input")


def test_an_answer_streams_evidence_first_and_the_answer_last(client: httpx.Client) -> None:
    with client.stream("POST", "/v1/ask_stream", json={"question": LICENCE_QUESTION}) as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        events = events_in(reply.iter_lines())
    assert [name for name, _ in events] == ["evidence", *["token"] * 10, "done"]
    assert set(events[0][1]) == {"standalone_question", "passages", "answer"}
    assert "".join(data["text"] for name, data in events if name == "token") == events[-2][1]["draft"]
    assert events[-1][1] == client.post("/v1/ask", json={"question": LICENCE_QUESTION}).json()


def test_an_error_on_the_way_is_an_event(client: httpx.Client, service: FakeService) -> None:
    def fails(error: Exception) -> Iterator[Event]:
        yield EvidenceFound("q", ())
        raise error

    for error, code in ((ModelError("the model\nbroke"), "model_failed"), (RuntimeError("secret"), "internal")):
        with changed(service, script={"q": fails(error)}):
            events = events_in(client.post("/v1/ask_stream", json={"question": "q"}).text.splitlines())
        assert [name for name, _ in events] == ["evidence", "error"]
        assert events[1][1]["error"]["code"] == code
        assert "secret" not in str(events)


def test_an_unforeseen_error_tells_the_caller_nothing(client: httpx.Client, service: FakeService) -> None:
    with changed(service, error=RuntimeError("secret detail")):
        for path in ("/v1/ask", "/v1/ask_stream"):
            reply = client.post(path, json={"question": "q"})
            assert error_of(reply)[:2] == (500, "internal")
            assert "secret" not in reply.text


def test_a_client_that_leaves_stops_the_writing(client: httpx.Client, service: FakeService) -> None:
    before = service.num_stopped
    with changed(service, word_seconds=0.2):
        with client.stream("POST", "/v1/ask_stream", json={"question": LICENCE_QUESTION}) as reply:
            next(reply.iter_lines())
        with pytest.raises(httpx.ReadTimeout):
            client.post("/v1/ask", json={"question": LICENCE_QUESTION}, timeout=httpx.Timeout(60, read=0.3))
        pause = threading.Event()
        for _ in range(PATIENCE_SECONDS * 20):
            if service.num_stopped == before + 2:
                return
            pause.wait(0.05)
    raise AssertionError(f"{service.num_stopped - before} of 2 questions were stopped")


def test_beyond_the_line_questions_are_refused_with_a_time_to_come_back(
    client: httpx.Client, service: FakeService
) -> None:
    replies: list[httpx.Response] = []

    def ask() -> None:
        replies.append(client.post("/v1/ask", json={"question": LICENCE_QUESTION}))

    with changed(service, word_seconds=0.1):
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
    refused = [reply for reply in replies if reply.status_code == 503]
    assert sorted(reply.status_code for reply in replies) == [200] * (8 - len(refused)) + [503] * len(refused)
    assert len(refused) >= 1
    for reply in refused:
        assert error_of(reply)[1] == "busy"
        assert int(reply.headers["retry-after"]) >= 1


class Gated(FakeService):
    """Goes on after the evidence only when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()

    def ask(self, question: str, **options: Any) -> Iterator[Event]:
        for event in super().ask(question, **options):
            yield event
            self.gate.wait(PATIENCE_SECONDS)


def test_the_line_is_as_long_as_configured_and_refusals_wait_for_no_thread() -> None:
    service, statuses = Gated(), list[int]()
    with served(service, num_parallel=1, max_queue=3) as url, httpx.Client(base_url=url, timeout=60) as client:

        def ask() -> None:
            statuses.append(client.post("/v1/ask", json={"question": "q", "mode": "fast"}).status_code)

        threads = [threading.Thread(target=ask) for _ in range(12)]
        for thread in threads:
            thread.start()
        try:
            _until(lambda: len(statuses) == 8)  # one is answered and three wait, and none of them goes on
            unread = client.post("/v1/ask", json={"question": 5})  # refused before anything is done for it
            assert error_of(unread)[:2] == (503, "busy")
            assert "retry-after" in unread.headers
        finally:
            service.gate.set()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
    assert statuses == [503] * 8 + [200] * 4


def test_a_client_that_leaves_the_line_makes_room() -> None:
    service = Gated()
    with served(service, num_parallel=1, max_queue=1) as url, httpx.Client(base_url=url, timeout=60) as client:
        with client.stream("POST", "/v1/ask_stream", json={"question": LICENCE_QUESTION}) as reply:
            next(reply.iter_lines())
            for path in ("/v1/ask", "/v1/ask_stream", "/v1/ask"):
                with pytest.raises(httpx.ReadTimeout):
                    client.post(path, json={"question": PRICE_QUESTION}, timeout=httpx.Timeout(60, read=0.2))
                _until(lambda: "article_qa_queue_length 0.0" in client.get("/metrics").text)
            assert 'article_qa_refusals_total{reason="busy"}' not in client.get("/metrics").text
        service.gate.set()
    assert [asked["question"] for asked in service.asked] == [LICENCE_QUESTION]


def _until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(PATIENCE_SECONDS * 20):
        if condition():
            return
        pause.wait(0.05)
    raise AssertionError("it never became true")


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (FakeLoading("reading the model", 3, 10, is_ready=False), "not_ready"),
        (FakeLoading(error="the model is missing; run `article-qa doctor`", is_ready=False), "model_failed"),
    ],
)
def test_until_the_models_are_loaded_everything_says_so(
    client: httpx.Client, service: FakeService, state: FakeLoading, code: str
) -> None:
    calls = [
        ("POST", "/v1/ask", {"question": "q"}),
        ("POST", "/v1/ask_stream", {"question": "q"}),
        ("POST", "/v1/search", {"query": "q"}),
        ("GET", "/v1/articles", None),
        ("POST", "/v1/articles", {"articles": []}),
        ("GET", "/v1/status", None),
        ("POST", "/v1/chat/completions", {"model": "article-qa", "messages": [{"role": "user", "content": "q"}]}),
    ]
    with changed(service, state=state):
        for method, path, body in calls:
            reply = client.request(method, path, json=body)
            assert (reply.status_code, reply.json()["error"]["code"]) == (503, code), path
            assert ("retry-after" in reply.headers) == (code == "not_ready")


def test_search_passes_its_filters_on(client: httpx.Client, service: FakeService) -> None:
    found = client.post("/v1/search", json={"query": "licence", "k": 1, **FILTERS}).json()
    assert (found["query"], [passage["rank"] for passage in found["passages"]]) == ("licence", [1])
    assert service.asked[-1]["filters"] == Filters("2022-01-01", "2022-12-31", "Example News")
    for body in ({"query": "x", "k": 0}, {"query": "x", "k": "7"}, {"k": 3}):
        assert error_of(client.post("/v1/search", json=body))[:2] == (400, "bad_input")
