"""The API as programs use it: by gradio_client, over a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from index.errors import BuilderBusyError, ModelError
from index.types import Filters
from qa.ui.guarded_blocks import upload_folder
from tests.qa.ui.fakes import LANDING, LICENCE, LICENCE_QUESTION, PRICE_QUESTION, QUOTE, FakeCollection, FakeService
from tests.qa.ui.serving import changed, served

ASKING = [
    ("question", False, None),
    ("as_of", True, None),
    ("history", True, None),
    ("mode", True, "full"),
    ("source", True, None),
    ("published_after", True, None),
    ("published_before", True, None),
    ("use_date_window", True, True),
]


@pytest.fixture(scope="module")
def service() -> FakeService:
    return FakeService()


@pytest.fixture(scope="module")
def client(service: FakeService) -> Iterator[Client]:
    with served(service) as url:
        client = Client(url, verbose=False, analytics_enabled=False)
        yield client
        client.close()


def test_every_endpoint_is_named_typed_and_described(client: Client) -> None:
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    parameters = {
        name: [
            (p["parameter_name"], p["parameter_has_default"], p.get("parameter_default")) for p in info["parameters"]
        ]
        for name, info in endpoints.items()
    }
    assert parameters == {
        "/ask": ASKING,
        "/ask_stream": ASKING,
        "/search": [
            ("query", False, None),
            ("k", True, 10),
            ("published_after", True, None),
            ("published_before", True, None),
            ("source", True, None),
        ],
        "/articles": [
            ("offset", True, 0),
            ("limit", True, 50),
            ("query", True, None),
            ("source", True, None),
            ("published_after", True, None),
            ("published_before", True, None),
            ("sort", True, "newest"),
        ],
        "/article": [("article_id", False, None)],
        "/add_articles": [("articles", False, None)],
        "/upload": [("files", False, None)],
        "/remove_article": [("article_id", False, None)],
        "/rebuild": [("full", True, False)],
        "/status": [],
    }
    assert all(info["description"] for info in endpoints.values())


def test_ask_returns_the_public_answer(client: Client) -> None:
    answer = client.predict(LICENCE_QUESTION, api_name="/ask")
    assert answer["outcome"] == "answered"
    assert answer["short_answer"] == "The National Development and Reform Commission"
    assert answer["citations"][0]["quote"] == QUOTE
    assert list(answer) == [
        *("question", "standalone_question", "outcome", "short_answer", "answer", "confidence", "citations"),
        *("passages", "generation", "models", "seconds", "date_window", "notes"),
    ]


def test_ask_passes_everything_on(client: Client, service: FakeService) -> None:
    history = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "NIO."}]
    answer = client.predict(
        question=PRICE_QUESTION, as_of="28 March 2024", history=history, mode="fast", api_name="/ask"
    )
    assert answer["outcome"] == "not_in_articles"
    expected = {"question": PRICE_QUESTION, "as_of": "2024-03-28", "history": history, "mode": "fast"}
    assert service.asked[-1] == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"question": ""}, "question is empty"),
        ({"question": "x" * 20_000}, "question has 20,000 characters"),
        ({"question": 5}, "question must be a string"),
        ({"question": "q", "mode": "slow"}, "mode must be"),
        ({"question": "q", "as_of": "soon"}, "as_of"),
        ({"question": "q", "history": "x"}, "history must be a list"),
    ],
)
def test_ask_refuses_wrong_arguments_in_one_line(client: Client, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(AppError, match=message):
        client.predict(**arguments, api_name="/ask")


def test_errors_of_the_service_keep_their_line(client: Client, service: FakeService) -> None:
    error = ModelError("the answering model is missing; run `article-qa doctor`")
    with changed(service, error=error), pytest.raises(AppError, match="is missing; run `article-qa doctor`"):
        client.predict(LICENCE_QUESTION, api_name="/ask")


def test_errors_carry_their_code_as_title(client: Client) -> None:
    with pytest.raises(AppError) as raised:
        client.predict("", api_name="/ask")
    assert (raised.value.title, raised.value.message.partition(";")[0]) == ("bad_input", "question is empty")
    with pytest.raises(AppError) as raised:
        client.predict("nothing", api_name="/article")
    assert raised.value.title == "not_found"


def test_ask_takes_the_filters_of_the_page(client: Client, service: FakeService) -> None:
    client.predict(
        LICENCE_QUESTION,
        source="Example News",
        published_after="2022-01-01",
        published_before="2022-12-31",
        use_date_window=False,
        api_name="/ask",
    )
    assert service.asked[-1]["filters"] == Filters("2022-01-01", "2022-12-31", "Example News")
    assert service.asked[-1]["use_date_window"] is False


def test_an_answer_comes_step_by_step(client: Client) -> None:
    events = list(client.submit(LICENCE_QUESTION, api_name="/ask_stream"))
    assert [event["event"] for event in events] == ["evidence", *["token"] * 10, "done"]
    assert events[0]["data"]["passages"][0]["rank"] == 1
    drafts = [event["data"] for event in events[1:-1]]
    assert "".join(draft["text"] for draft in drafts) == drafts[-1]["draft"]
    assert events[-1]["data"] == client.predict(LICENCE_QUESTION, api_name="/ask")


def test_a_stream_refuses_wrong_arguments(client: Client) -> None:
    with pytest.raises(AppError, match="mode must be"):
        client.predict("q", mode="slow", api_name="/ask_stream")


def test_articles_are_filtered_and_sorted(client: Client) -> None:
    def titles(**filters: Any) -> list[str]:
        return [article["title"] for article in client.predict(**filters, api_name="/articles")["articles"]]

    assert titles(sort="oldest") == [LICENCE.title, LANDING.title]
    assert titles(query="moon") == [LANDING.title]
    assert titles(source="Example News") == [LICENCE.title]
    assert titles(published_after="2023-01-01") == [LANDING.title]
    assert titles(published_before="2023-01-01") == [LICENCE.title]
    with pytest.raises(AppError, match="sort must be"):
        client.predict(sort="best", api_name="/articles")


def test_search_passes_its_filters_on(client: Client, service: FakeService) -> None:
    found = client.predict(
        "licence",
        k=1,
        published_after="2022-01-01",
        published_before="2022-12-31",
        source="Example News",
        api_name="/search",
    )
    assert [passage["rank"] for passage in found["passages"]] == [1]
    filters = Filters("2022-01-01", "2022-12-31", "Example News")
    assert service.asked[-1] == {"query": "licence", "k": 1, "filters": filters}


@pytest.mark.parametrize("arguments", [{"k": 0}, {"k": 101}, {"k": "many"}, {"published_after": "2024-02-30"}])
def test_search_refuses_wrong_arguments(client: Client, arguments: dict[str, Any]) -> None:
    with pytest.raises(AppError, match=next(iter(arguments))):
        client.predict("licence", **arguments, api_name="/search")


def test_articles_are_listed_newest_first_in_pages(client: Client) -> None:
    first = client.predict(limit=1, api_name="/articles")
    assert (first["total"], [a["title"] for a in first["articles"]]) == (2, [LANDING.title])
    second = client.predict(offset=1, limit=1, api_name="/articles")
    assert [a["title"] for a in second["articles"]] == [LICENCE.title]


@pytest.mark.parametrize("arguments", [{"limit": 0}, {"limit": 1001}, {"offset": -1}, {"offset": None}])
def test_pages_out_of_range_are_refused(client: Client, arguments: dict[str, Any]) -> None:
    with pytest.raises(AppError, match=next(iter(arguments))):
        client.predict(**arguments, api_name="/articles")


def test_an_article_comes_whole(client: Client) -> None:
    article = client.predict(LICENCE.article_id, api_name="/article")
    assert article["text"] == LICENCE.text
    assert (article["url"], article["published_at"]) == (LICENCE.url, LICENCE.published_at)


def test_an_unknown_article_is_an_error(client: Client) -> None:
    with pytest.raises(AppError, match="there is no article 'nothing'"):
        client.predict("nothing", api_name="/article")


def test_articles_are_added_revised_and_refused_one_by_one(client: Client, service: FakeService) -> None:
    with changed(service, store=FakeCollection()):
        new = {"url": "https://a.example/1", "title": "One", "text": "A first text of some words."}
        report = client.predict([new, {"title": "no text"}, "x"], api_name="/add_articles")
        assert (report["added"], [r["item"] for r in report["rejected"]]) == (1, ["articles[1]", "articles[2]"])
        assert client.predict([new], api_name="/add_articles")["unchanged"] == 1
        assert client.predict([{**new, "text": "Another text."}], api_name="/add_articles")["revised"] == 1
        with pytest.raises(AppError, match="articles must be a list"):
            client.predict("x", api_name="/add_articles")


def test_a_busy_index_says_that_the_articles_are_safe(client: Client, service: FakeService) -> None:
    store = FakeCollection()
    store.busy = BuilderBusyError("another builder works; the articles are stored")
    with changed(service, store=store), pytest.raises(AppError, match="are stored"):
        client.predict([{"text": "A text of some words."}], api_name="/add_articles")


def test_files_are_uploaded_and_deleted_once_read(client: Client, service: FakeService, tmp_path: Path) -> None:
    good, bad = tmp_path / "good news.txt", tmp_path / "picture.png"
    good.write_text("A headline\n\nA text of some words.")
    bad.write_bytes(b"\x89PNG")
    before = set(upload_folder().rglob("*.txt"))
    with changed(service, store=FakeCollection()):
        files = [handle_file(good), handle_file(bad), handle_file(good)]
        report = client.predict(files, api_name="/upload")
        assert (report["added"], report["unchanged"]) == (1, 1)
        assert [rejection["item"] for rejection in report["rejected"]] == ["picture.png"]
        titles = [a["title"] for a in client.predict(api_name="/articles")["articles"]]
        assert titles == ["A headline"]
    assert set(upload_folder().rglob("*.txt")) == before


def test_an_article_is_removed_once(client: Client, service: FakeService) -> None:
    with changed(service, store=FakeCollection([LICENCE])):
        removed = client.predict(LICENCE.article_id, api_name="/remove_article")
        assert (removed["removed"], removed["generation"]) == ([LICENCE.article_id], "gen-000002")
        with pytest.raises(AppError, match="nothing was removed"):
            client.predict(LICENCE.article_id, api_name="/remove_article")


def test_the_index_is_rebuilt(client: Client, service: FakeService) -> None:
    with changed(service, store=FakeCollection([LICENCE])):
        assert client.predict(full=True, api_name="/rebuild") == {"generation": "gen-000002"}
        with pytest.raises(AppError, match="full must be true or false"):
            client.predict(full="yes", api_name="/rebuild")


def test_status_names_generation_counts_and_models(client: Client) -> None:
    status = client.predict(api_name="/status")
    assert {"generation", "num_articles", "num_passages", "newest_published_at", "models"} <= set(status)


def test_a_client_with_the_password_gets_in() -> None:
    with served(FakeService(), password="a secret") as url:
        headers = {"Authorization": "Bearer a secret"}
        client = Client(url, headers=headers, verbose=False, analytics_enabled=False)
        assert client.predict(LICENCE_QUESTION, api_name="/ask")["outcome"] == "answered"
        client.close()
        with pytest.raises(Exception, match="credentials were not provided"):
            Client(url, verbose=False, analytics_enabled=False)
