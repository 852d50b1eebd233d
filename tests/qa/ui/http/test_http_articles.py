"""Listing, reading, adding and removing articles by plain HTTP."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from index.errors import BuilderBusyError
from qa.ui.front_door import AccessSettings
from qa.users import Users
from tests.qa.ui.fakes import LANDING, LICENCE, FakeCollection, FakeService
from tests.qa.ui.http.replies import error_of
from tests.qa.ui.serving import changed, served

ONE = {"url": "https://a.example/1", "title": "One", "text": "A first text of some words."}


def titles(client: httpx.Client, **query: Any) -> list[str]:
    return [article["title"] for article in client.get("/v1/articles", params=query).json()["articles"]]


def test_articles_come_in_pages_with_their_total(client: httpx.Client) -> None:
    first = client.get("/v1/articles", params={"limit": 1}).json()
    assert (first["total"], first["offset"], first["limit"]) == (2, 0, 1)
    assert [article["title"] for article in first["articles"]] == [LANDING.title]
    assert "text" not in first["articles"][0]
    assert titles(client, offset=1, limit=1) == [LICENCE.title]


def test_articles_are_filtered_and_sorted(client: httpx.Client) -> None:
    assert titles(client, sort="oldest") == [LICENCE.title, LANDING.title]
    assert titles(client, query="MOON") == [LANDING.title]
    assert titles(client, source="Example News") == [LICENCE.title]
    assert titles(client, published_after="2023-01-01") == [LANDING.title]
    assert titles(client, published_before="1 January 2023") == [LICENCE.title]
    assert titles(client, published_after="2023-01-01", published_before="2023-01-02") == []


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "offset=-1", "offset=x", "sort=best", "limt=5", "published_after=soon"]
)
def test_pages_out_of_range_are_refused(client: httpx.Client, query: str) -> None:
    status, code, message = error_of(client.get(f"/v1/articles?{query}"))
    assert (status, code) == (400, "bad_input")
    assert query.partition("=")[0] in message


@pytest.mark.parametrize("article_id", ["plain", "https://a.example/1?x=1&y=ü", "../a b", "%2e%2e", "a/../b", "#é"])
def test_an_article_is_read_and_removed_whatever_its_id(
    client: httpx.Client, service: FakeService, article_id: str
) -> None:
    with changed(service, store=FakeCollection()):
        client.post("/v1/articles", json={"articles": [{**ONE, "article_id": article_id}]})
        address = f"/v1/articles/{quote(article_id, safe='')}"
        article = client.get(address).json()
        assert (article["article_id"], article["text"], article["num_revisions"]) == (article_id, ONE["text"], 1)
        assert client.delete(address).json() == {"removed": [article_id], "generation": "gen-000003"}
        assert error_of(client.get(address))[:2] == (404, "not_found")
        assert error_of(client.delete(address))[:2] == (404, "not_found")


def test_an_article_without_an_id_is_none(client: httpx.Client) -> None:
    assert error_of(client.get("/v1/articles/"))[:2] == (400, "bad_input")
    assert error_of(client.get(f"/v1/articles/{'x' * 600}"))[:2] == (400, "bad_input")


def test_articles_are_added_revised_and_refused_one_by_one(client: httpx.Client, service: FakeService) -> None:
    with changed(service, store=FakeCollection()):
        report = client.post("/v1/articles", json={"articles": [ONE, {"title": "no text"}, "x"]}).json()
        assert list(report) == ["added", "revised", "unchanged", "duplicates", "rejected", "generation"]
        assert (report["added"], [r["item"] for r in report["rejected"]]) == (1, ["articles[1]", "articles[2]"])
        assert client.post("/v1/articles", json={"articles": [ONE]}).json()["unchanged"] == 1
        revised = {"articles": [{**ONE, "text": "Another text."}]}
        assert client.post("/v1/articles", json=revised).json()["revised"] == 1
    assert error_of(client.post("/v1/articles", json={"articles": "x"}))[:2] == (400, "bad_input")
    assert error_of(client.post("/v1/articles", json={}))[:2] == (400, "bad_input")


def test_a_repeated_request_with_its_key_adds_nothing_again(client: httpx.Client, service: FakeService) -> None:
    with changed(service, store=FakeCollection()):
        key = {"Idempotency-Key": "monday"}
        first = client.post("/v1/articles", json={"articles": [ONE]}, headers=key).json()
        assert first["added"] == 1
        again = client.post("/v1/articles", json={"articles": [dict(reversed(ONE.items()))]}, headers=key)
        assert again.json() == first
        assert service.store.generation == first["generation"]
        other = client.post("/v1/articles", json={"articles": []}, headers=key)
        assert error_of(other)[:2] == (409, "conflict")
        file = {"files": ("a.txt", b"A headline\n\nSome words.")}
        assert error_of(client.post("/v1/files", files=file, headers=key))[:2] == (409, "conflict")
        assert error_of(client.post("/v1/articles", json={"articles": []}, headers={"Idempotency-Key": "k" * 300}))[
            :2
        ] == (400, "bad_input")


def test_two_requests_with_one_key_at_once_are_one(client: httpx.Client, service: FakeService) -> None:
    replies = []

    def add() -> None:
        body, key = {"articles": [ONE]}, {"Idempotency-Key": "twice"}
        replies.append(client.post("/v1/articles", json=body, headers=key).json())

    with changed(service, store=FakeCollection(build_seconds=0.3)):
        threads = [threading.Thread(target=add) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert [reply["added"] for reply in replies] == [1, 1, 1]


def test_what_failed_may_be_tried_again_with_its_key(client: httpx.Client, service: FakeService) -> None:
    store = FakeCollection()
    with changed(service, store=store):
        store.busy = BuilderBusyError("another builder works; the articles are stored")
        reply = client.post("/v1/articles", json={"articles": [ONE]}, headers={"Idempotency-Key": "again"})
        assert error_of(reply)[:2] == (503, "busy")
        assert int(reply.headers["retry-after"]) > 0
        store.busy = None
        reply = client.post("/v1/articles", json={"articles": [ONE]}, headers={"Idempotency-Key": "again"})
        assert reply.json()["unchanged"] == 1


def test_files_are_added_each_with_its_verdict(client: httpx.Client, service: FakeService) -> None:
    with changed(service, store=FakeCollection()):
        files = [("files", ("good news.txt", b"A headline\n\nSome words.")), ("files", ("picture.png", b"\x89PNG"))]
        headers = {"Idempotency-Key": "files"}
        report = client.post("/v1/files", files=files, headers=headers).json()
        assert (report["added"], [r["item"] for r in report["rejected"]]) == (1, ["picture.png"])
        assert titles(client) == ["A headline"]
        assert client.post("/v1/files", files=files, headers=headers).json() == report


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([("files", ("big.txt", b"x" * 10_001))], "at most 10,000"),
        ([("files", ("", b"x"))], "files"),
        ([("other", ("a.txt", b"x"))], "files: Field required"),
    ],
)
def test_uploads_that_are_none_are_refused(client: httpx.Client, files: Any, message: str) -> None:
    status, code, said = error_of(client.post("/v1/files", files=files))
    assert (status, code) == (400, "bad_input")
    assert message in said


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=x", "text/plain"])
def test_a_broken_upload_is_the_callers_fault(client: httpx.Client, kind: str) -> None:
    reply = client.post("/v1/files", content=b"--x\r\nnonsense", headers={"content-type": kind})
    assert error_of(reply)[:2] == (400, "bad_input")


def test_the_index_is_rebuilt(client: httpx.Client, service: FakeService) -> None:
    with changed(service, store=FakeCollection([LICENCE])):
        assert client.post("/v1/rebuild").json() == {"generation": "gen-000002"}
        assert client.post("/v1/rebuild", json={"full": True}).json() == {"generation": "gen-000003"}
        assert error_of(client.post("/v1/rebuild", json={"full": "yes"}))[:2] == (400, "bad_input")


def test_status_names_generation_counts_and_models(client: httpx.Client) -> None:
    status = client.get("/v1/status").json()
    assert {"generation", "num_articles", "num_passages", "newest_published_at", "models"} <= set(status)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/v1/", 404, "not_found"),
        ("PUT", "/v1/articles", 405, "method_not_allowed"),
        ("GET", "/v1/ask", 405, "method_not_allowed"),
        ("POST", "/v1/ask/", 404, "not_found"),
    ],
)
def test_what_does_not_exist_says_so_in_json(
    client: httpx.Client, method: str, path: str, status: int, code: str
) -> None:
    assert error_of(client.request(method, path))[:2] == (status, code)


def test_a_reader_reads_and_asks_but_changes_nothing(tmp_path: Path) -> None:
    users = Users(tmp_path / "users.json")
    token = users.add("rita", "reader")
    headers = {"Authorization": f"Bearer {token}"}
    service = FakeService()
    with (
        served(service, access=AccessSettings(users_file=tmp_path / "users.json")) as url,
        httpx.Client(base_url=url, headers=headers) as client,
    ):
        assert client.get("/v1/articles").json()["total"] == 2
        assert client.post("/v1/ask", json={"question": "q"}).status_code == 200
        for method, path, body in [
            ("POST", "/v1/articles", {"articles": [ONE]}),
            ("DELETE", f"/v1/articles/{LICENCE.article_id}", None),
            ("POST", "/v1/rebuild", None),
        ]:
            assert error_of(client.request(method, path, json=body))[:2] == (403, "forbidden")
        assert error_of(client.post("/v1/files", files={"files": ("a.txt", b"x")}))[:2] == (403, "forbidden")
        assert error_of(httpx.get(f"{url}/v1/articles"))[:2] == (401, "unauthorized")
    assert service.store.articles()[1] == 2
