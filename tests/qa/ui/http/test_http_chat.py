"""Chat completions: what clients of OpenAI's API send and understand."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from index.types import Filters, make_article
from qa.ui.http.chat_models import Message
from qa.ui.http.chat_text import as_text, question_and_history, reply_text
from tests.qa.ui.fakes import (
    LICENCE_QUESTION,
    PRICE_QUESTION,
    FakeLoading,
    FakeService,
    answer,
    cited,
    retrieved,
)
from tests.qa.ui.http.replies import events_in
from tests.qa.ui.serving import changed


def completion(client: httpx.Client, *messages: dict[str, Any], **options: Any) -> httpx.Response:
    body = {"model": "article-qa", "messages": list(messages), **options}
    return client.post("/v1/chat/completions", json=body)


def user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def test_a_completion_holds_the_answer_its_sources_and_the_answer_for_programs(client: httpx.Client) -> None:
    reply = completion(client, user(LICENCE_QUESTION), temperature=0.2, max_tokens=5, tools=[]).json()
    assert (reply["object"], reply["model"]) == ("chat.completion", "article-qa")
    choice = reply["choices"][0]
    assert (choice["index"], choice["finish_reason"], choice["message"]["role"]) == (0, "stop", "assistant")
    text = choice["message"]["content"]
    assert text.startswith("The licence must come from the National Development and Reform Commission. [1]")
    assert (
        "\n\nSources:\n- [1] Xiaomi is still waiting for its car licence, Example News, 2022-08-26 "
        "(https://news.example/xiaomi-licence): “The licence must come from"
    ) in text
    assert reply["article_qa"] == client.post("/v1/ask", json={"question": LICENCE_QUESTION}).json()


def test_earlier_messages_are_the_history_and_options_bound_the_answer(
    client: httpx.Client, service: FakeService
) -> None:
    messages = [
        {"role": "system", "content": "You are a pirate."},
        user("Who?"),
        {"role": "assistant", "content": "NIO. [1]\n\nSources:\n- [1] A title, An outlet: “NIO”\n- [2] B\n"},
        {"role": "assistant", "content": None, "tool_calls": []},
        user([{"type": "text", "text": "And"}, {"type": "text", "text": "when?"}]),
    ]
    options = {"as_of": "2024-03-28", "source": "Reuters", "published_after": "2024-01-01", "use_date_window": False}
    assert completion(client, *messages, article_qa=options, model="article-qa-fast").status_code == 200
    assert service.asked[-1] == {
        "question": "And\nwhen?",
        "as_of": "2024-03-28",
        "history": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "NIO. [1]"}],
        "mode": "fast",
        "filters": Filters("2024-01-01", None, "Reuters"),
        "use_date_window": False,
    }


def test_a_streamed_completion_says_only_what_was_checked(client: httpx.Client) -> None:
    reply = completion(client, user(LICENCE_QUESTION), stream=True)
    chunks = [data for _, data in events_in(reply.text.splitlines())]
    assert chunks.pop() == "[DONE]"
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    whole = completion(client, user(LICENCE_QUESTION)).json()
    text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert text == whole["choices"][0]["message"]["content"]
    events = [chunk["article_qa"] for chunk in chunks if "article_qa" in chunk]
    assert [event["event"] for event in events] == ["evidence", *["token"] * 10, "done"]
    assert events[-1]["data"] == whole["article_qa"]


def test_what_the_articles_do_not_say_is_said_so_with_the_closest(client: httpx.Client) -> None:
    reply = completion(client, user(PRICE_QUESTION)).json()
    assert reply["article_qa"]["outcome"] == "not_in_articles"
    text = reply["choices"][0]["message"]["content"]
    assert "Closest articles:\n- Chandrayaan-3 lands near the Moon's south pole, Space Desk, 2023-08-23" in text


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"model": "gpt-4", "messages": [user("q")]}, 404, "not_found"),
        ({"model": "article-qa", "messages": []}, 400, "bad_input"),
        ({"model": "article-qa", "messages": [{"role": "assistant", "content": "x"}]}, 400, "bad_input"),
        ({"model": "article-qa", "messages": [user("q"), {"role": "system", "content": "x"}]}, 400, "bad_input"),
        ({"model": "article-qa", "messages": [user("")]}, 400, "bad_input"),
        ({"model": "article-qa", "messages": [user([{"type": "image_url", "image_url": {}}])]}, 400, "bad_input"),
        ({"model": "article-qa", "messages": [user("q")], "article_qa": {"sauce": "x"}}, 400, "bad_input"),
        ({"messages": [user("q")]}, 400, "bad_input"),
        (None, 400, "bad_input"),
    ],
)
def test_errors_have_the_shape_that_clients_know(client: httpx.Client, body: Any, status: int, code: str) -> None:
    reply = client.post("/v1/chat/completions", json=body)
    assert reply.status_code == status
    assert set(reply.json()["error"]) == {"code", "message", "type", "param"}
    assert (reply.json()["error"]["code"], reply.json()["error"]["type"]) == (code, "invalid_request_error")


def test_loading_is_a_server_error_to_come_back_from(client: httpx.Client, service: FakeService) -> None:
    with changed(service, state=FakeLoading(is_ready=False)):
        for stream in (True, False):
            reply = completion(client, user("q"), stream=stream)
            assert (reply.status_code, reply.json()["error"]["type"]) == (503, "server_error")


def test_the_models_are_listed(client: httpx.Client) -> None:
    models = client.get("/v1/models").json()
    assert [model["id"] for model in models["data"]] == ["article-qa", "article-qa-fast"]


@pytest.mark.parametrize(
    "hostile",
    ["![x](https://evil.example/x.png)", "[click](javascript:x)", "<img src=x>", "[1]: https://evil.example", "`x`"],
)
def test_what_articles_say_is_no_markup_in_a_reply(hostile: str) -> None:
    article = make_article(f"Some words. {hostile} More.", title=hostile, source=hostile, url="https://a.example/(x)")
    found = retrieved(article)
    whole = answer(
        "q", "answered", short_answer=hostile, answer=f"{hostile} [1]", citations=(cited(found, hostile),),
        passages=(found,),
    )  # fmt: skip
    for outcome in ("answered", "not_in_articles"):
        text = reply_text({**whole.to_json(), "outcome": outcome})
        assert "![" not in text
        assert "](" not in text
        assert "]: h" not in text
        assert text.count("<") == text.count("\\<")


def test_markers_stay_as_they_are() -> None:
    text = "It did. [1][2] It was (so) 3 > 2!"
    assert as_text(text) == text


def test_long_histories_keep_their_latest_turns() -> None:
    messages = [Message(role="user" if n % 2 == 0 else "assistant", content=f"turn {n}") for n in range(301)]
    question, history = question_and_history(messages)
    assert question == "turn 300"
    assert [turn["content"] for turn in history] == [f"turn {n}" for n in range(200, 300)]


def test_an_answer_without_sources_is_its_text_alone() -> None:
    assert reply_text(answer("q", "no_articles", answer="There are no articles yet.").to_json()) == (
        "There are no articles yet."
    )
