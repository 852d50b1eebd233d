"""The promises of the product, kept by the real models over one article: in the API and on the command line."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.end_to_end.conftest import RunningServer, run_cli

pytestmark = [pytest.mark.model, pytest.mark.timeout(900)]

ANSWERABLE = [
    ("Who has to grant Xiaomi the approval?", ["National Development and Reform Commission"]),
    ("Which authority has kept the carmaker waiting for months?", ["National Development and Reform Commission"]),
    ("What did BAIC say about the report?", ["no information"]),
    ("Which of Hyundai's plants is in Beijing?", ["No. 2"]),
    ("In which city is BAIC's factory?", ["Qingdao"]),
    ("Whom did NIO work with?", ["JAC"]),
    ("Which company did Jidu team up with?", ["Geely"]),
    ("Which two other brands had the same trouble?", ["Li Auto", "WM Motor"]),
]
UNANSWERABLE = [
    "What is the price of the car?",
    "What is the car's top speed?",
    "When did the car go on sale?",
    "How many vehicles did Tesla deliver in 2022?",
    "blue the of seven why banana?",
]


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Any:
    return server.client()


@pytest.mark.parametrize(("question", "expected"), ANSWERABLE)
def test_what_the_article_says_is_answered_with_quotes(client: Any, question: str, expected: list[str]) -> None:
    answer = client.predict(question, api_name="/ask")
    assert answer["outcome"] == "answered", answer
    for words in expected:
        assert words in answer["short_answer"], answer
    article = client.predict(answer["citations"][0]["article_id"], api_name="/article")
    for citation in answer["citations"]:
        assert article["text"][citation["char_start"] : citation["char_end"]] == citation["quote"]
        assert f"[{citation['marker']}]" in answer["answer"]


@pytest.mark.parametrize("question", UNANSWERABLE)
def test_what_the_article_does_not_say_is_refused_with_the_closest_passages(client: Any, question: str) -> None:
    answer = client.predict(question, api_name="/ask")
    assert answer["outcome"] == "not_in_articles", answer
    assert answer["short_answer"] is None
    assert answer["citations"] == []
    assert answer["passages"]


def test_a_pronoun_is_understood_from_the_conversation(client: Any) -> None:
    history = [
        {"role": "user", "content": "Whom did NIO work with?"},
        {"role": "assistant", "content": "NIO turned to JAC."},
    ]
    answer = client.predict("And with whom did Jidu do that?", None, history, api_name="/ask")
    assert answer["outcome"] == "answered", answer
    assert "Geely" in answer["short_answer"]


def test_fast_mode_quotes_without_the_writing_model(client: Any) -> None:
    answer = client.predict("Whom did NIO turn to?", None, None, "fast", api_name="/ask")
    assert answer["models"]["generator"] is None
    assert answer["seconds"]["first_token"] is None
    assert "JAC" in answer["answer"]


def test_an_added_article_is_answered_from_without_a_restart_and_gone_when_removed(client: Any) -> None:
    text = (
        "The village of Oberbach opened its new timber bridge on Friday. The bridge was designed by the architect "
        "Lena Hofbauer and cost 1.4 million euros. It replaces a ferry that had run since 1921."
    )
    article = {"text": text, "title": "Oberbach opens a timber bridge", "url": "https://example.org/oberbach"}
    before = client.predict(api_name="/status")["generation"]
    report = client.predict([article], api_name="/add_articles")
    assert (report["added"], report["rejected"]) == (1, [])
    assert report["generation"] != before
    answer = client.predict("Who designed the bridge in Oberbach?", api_name="/ask")
    assert answer["generation"] == report["generation"]
    assert "Hofbauer" in (answer["short_answer"] or ""), answer
    assert client.predict([article], api_name="/add_articles")["unchanged"] == 1
    client.predict(answer["citations"][0]["article_id"], api_name="/remove_article")
    again = client.predict("Who designed the bridge in Oberbach?", api_name="/ask")
    assert again["outcome"] == "not_in_articles", again


def test_an_article_added_by_another_process_reaches_the_running_app(client: Any, server: RunningServer) -> None:
    file = server.data_dir.parent / "ferry.txt"
    file.write_text("The ferry Maribel sank in the harbour of Port Ellis on Monday.\n\nAll 31 aboard were saved.")
    assert run_cli("add", str(file), data_dir=server.data_dir).returncode == 0
    deadline = time.monotonic() + 60
    while not any(
        "Maribel" in passage["text"] + passage["title"]
        for passage in client.predict("ferry Maribel", api_name="/search")["passages"]
    ):
        assert time.monotonic() < deadline, "the app did not pick up the new article"
        time.sleep(0.5)


def test_the_command_line_answers_like_the_api(server: RunningServer, client: Any) -> None:
    result = run_cli("ask", "Whom did NIO work with?", "--json", data_dir=server.data_dir)
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    assert answer["short_answer"] == client.predict("Whom did NIO work with?", api_name="/ask")["short_answer"]
    assert set(answer) == {
        "question", "standalone_question", "outcome", "short_answer", "answer", "confidence", "citations", "passages",
        "generation", "models", "seconds", "date_window", "notes",
    }  # fmt: skip
