"""The tools that assistants get: four, read-only, over the real mount."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anyio
import httpx
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from mcp.types import CallToolResult

from tests.qa.ui.fakes import LICENCE, LICENCE_QUESTION, FakeService
from tests.qa.ui.serving import served

READING = {"ask", "search", "articles", "article"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(FakeService()) as url:
        yield f"{url}/gradio_api/mcp"


def call(url: str, name: str, arguments: dict[str, Any], headers: dict[str, str] | None = None) -> CallToolResult:
    async def run() -> CallToolResult:
        async with (
            streamablehttp_client(url, headers=headers) as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            return await session.call_tool(name, arguments)

    return anyio.run(run)


def test_only_reading_tools_are_listed(url: str) -> None:
    async def run() -> list[Any]:
        async with streamablehttp_client(url) as (read, write, _), ClientSession(read, write) as session:
            await session.initialize()
            return (await session.list_tools()).tools

    tools = anyio.run(run)
    assert {tool.name for tool in tools} == READING
    for tool in tools:
        assert tool.description
        assert tool.annotations.readOnlyHint
        assert all(prop.get("description") for prop in tool.inputSchema["properties"].values())


@pytest.mark.parametrize("suffix", ["", "/"])
def test_ask_returns_the_answer_as_json(url: str, suffix: str) -> None:
    result = call(url + suffix, "ask", {"question": LICENCE_QUESTION})
    assert not result.isError
    assert result.structuredContent is not None
    assert result.structuredContent["short_answer"] == "The National Development and Reform Commission"
    assert json.loads(result.content[0].text) == result.structuredContent  # type: ignore[union-attr]


def test_articles_can_be_searched_listed_and_read(url: str) -> None:
    found = call(url, "search", {"query": "licence", "k": 2}).structuredContent
    assert found is not None
    assert len(found["passages"]) == 2
    listed = call(url, "articles", {}).structuredContent
    assert listed is not None
    assert listed["total"] == 2
    read = call(url, "article", {"article_id": LICENCE.article_id}).structuredContent
    assert read is not None
    assert read["text"] == LICENCE.text


@pytest.mark.parametrize("name", ["add_articles", "upload", "remove_article", "rebuild", "status", "start", "answer"])
def test_nothing_else_can_be_called(url: str, name: str) -> None:
    result = call(url, name, {"article_id": LICENCE.article_id, "articles": [{"text": "x"}]})
    assert result.isError
    assert call(url, "articles", {}).structuredContent["total"] == 2  # type: ignore[index]


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [("ask", {"question": ""}, "question is empty"), ("article", {"article_id": "x"}, "there is no article 'x'")],
)
def test_errors_are_one_line(url: str, name: str, arguments: dict[str, Any], message: str) -> None:
    result = call(url, name, arguments)
    assert result.isError
    assert message in result.content[0].text  # type: ignore[union-attr]
    assert "Traceback" not in result.content[0].text  # type: ignore[union-attr]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe{}", b'{"method": "\\ud800"}', b"[" * 100_000])
def test_what_is_no_json_is_the_callers_fault(url: str, body: bytes) -> None:
    """Found by fuzzing: half a surrogate pair, or bytes that are no UTF-8, were an internal error."""
    headers = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    reply = httpx.post(url, content=body, headers=headers)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, -32700)


def test_ask_takes_the_options_of_the_page(url: str) -> None:
    arguments = {"question": LICENCE_QUESTION, "mode": "fast", "source": "x", "published_after": "2024-01-01"}
    options = {"history": [{"role": "user", "content": "Who?"}], "as_of": "2024-01-01", "use_date_window": False}
    assert not call(url, "ask", {**arguments, **options}).isError
    result = call(url, "ask", {**arguments, "mode": "slow"})
    assert "bad_input: mode must be" in result.content[0].text  # type: ignore[union-attr]
    listed = call(url, "articles", {"sort": "oldest", "source": "Example News"}).structuredContent
    assert listed is not None
    assert listed["total"] == 1


def test_the_password_guards_the_tools() -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    accept = {"Accept": "application/json, text/event-stream"}
    with served(FakeService(), password="a secret") as url:
        address = f"{url}/gradio_api/mcp"
        assert httpx.post(address, json=body, headers=accept).status_code == 401
        authorized = {"Authorization": "Bearer a secret"}
        assert httpx.post(address, json=body, headers=accept | authorized).status_code == 200
        assert not call(address, "ask", {"question": LICENCE_QUESTION}, authorized).isError
