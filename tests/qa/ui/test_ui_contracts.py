"""Signatures stay as promised, and what is sent fits the published schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
import pytest

from tests.qa.ui.contracts import PROMISED, contracts
from tests.qa.ui.fakes import LICENCE, LICENCE_QUESTION, PRICE_QUESTION, FakeService
from tests.qa.ui.http.replies import events_in
from tests.qa.ui.serving import served

REMEDY = "if this is meant and only adds, run `python -m tests.qa.ui.contracts` and look at the diff"


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with served(FakeService()) as url, httpx.Client(base_url=url, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def schema(client: httpx.Client) -> dict[str, Any]:
    schema: dict[str, Any] = client.get("/schema").json()
    jsonschema.Draft202012Validator.check_schema(schema)
    return schema


def fits(schema: dict[str, Any], name: str, value: Any) -> None:
    jsonschema.Draft202012Validator({**schema, "$ref": f"#/$defs/{name}"}).validate(value)


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return contracts()


@pytest.mark.parametrize("part", ["http", "schemas", "gradio", "mcp"])
def test_every_signature_is_as_promised(found: dict[str, Any], part: str) -> None:
    promised = json.loads(PROMISED.read_text(encoding="utf-8"))
    assert found[part] == promised[part], REMEDY


def test_openapi_describes_every_operation(client: httpx.Client) -> None:
    openapi = client.get("/openapi.json").json()
    assert openapi["openapi"].startswith("3.1")
    for path, entry in openapi["paths"].items():
        for method, operation in entry.items():
            assert operation["description"], (method, path)
            assert {"200", "400", "503", "default"} <= set(operation["responses"]), (method, path)
            assert "422" not in operation["responses"]


@pytest.mark.parametrize("question", [LICENCE_QUESTION, PRICE_QUESTION])
def test_answers_and_events_fit_their_schemas(client: httpx.Client, schema: dict[str, Any], question: str) -> None:
    for mode in ("full", "fast"):
        fits(schema, "Answer", client.post("/v1/ask", json={"question": question, "mode": mode}).json())
    for name, data in events_in(client.post("/v1/ask_stream", json={"question": question}).text.splitlines()):
        fits(schema, f"{name.title()}Event", {"event": name, "data": data})


def test_other_replies_fit_their_schemas(client: httpx.Client, schema: dict[str, Any]) -> None:
    fits(schema, "SearchReply", client.post("/v1/search", json={"query": "x"}).json())
    fits(schema, "ArticlePage", client.get("/v1/articles").json())
    fits(schema, "Article", client.get(f"/v1/articles/{LICENCE.article_id}").json())
    fits(schema, "Status", client.get("/v1/status").json())
    fits(schema, "ModelList", client.get("/v1/models").json())
    fits(schema, "AddReport", client.post("/v1/articles", json={"articles": [{"text": "Some words."}, 5]}).json())
    fits(schema, "Rebuilt", client.post("/v1/rebuild").json())
    fits(schema, "Error", client.get("/v1/articles/nothing").json())


def test_chat_replies_fit_their_schemas(client: httpx.Client, schema: dict[str, Any]) -> None:
    body = {"model": "article-qa", "messages": [{"role": "user", "content": LICENCE_QUESTION}]}
    fits(schema, "ChatRequest", body)
    fits(schema, "ChatCompletion", client.post("/v1/chat/completions", json=body).json())
    stream = client.post("/v1/chat/completions", json={**body, "stream": True})
    for _, chunk in events_in(stream.text.splitlines())[:-1]:
        fits(schema, "ChatCompletionChunk", chunk)
    fits(schema, "OpenAIError", client.post("/v1/chat/completions", json={**body, "model": "x"}).json())


@pytest.mark.parametrize("change", [{"outcome": "perhaps"}, {"confidence": 2}, {"citations": [{}]}, {"models": None}])
def test_the_schema_notices_what_is_wrong(client: httpx.Client, schema: dict[str, Any], change: dict[str, Any]) -> None:
    answer = client.post("/v1/ask", json={"question": LICENCE_QUESTION}).json()
    with pytest.raises(jsonschema.ValidationError):
        fits(schema, "Answer", {**answer, **change})
