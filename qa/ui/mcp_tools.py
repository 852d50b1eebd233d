"""Read-only tools over MCP: ask, search, articles, article; knows nothing of the page.

Gradio could serve its API over MCP itself, but then every endpoint can be called as a tool, the writing ones too (its
``tool`` marks only hide them from the list), and a result is the ``str()`` of a dictionary. Here are four, and no more.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any

from mcp.server.fastmcp import FastMCP
from mcp.server.fastmcp.exceptions import ToolError
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import ToolAnnotations
from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from index.errors import ArticleQAError
from qa.ui import text
from qa.ui.calls import Calls
from qa.ui.endpoints import SORTS, Endpoints
from qa.ui.problems import problem_of

_INSTRUCTIONS = (
    "Answers questions from a collection of news articles and quotes the sentences it rests on. "
    "Use ask for a question, search for passages, articles and article to read."
)
_MAX_WAITING = 32
MCP_PATH = "/gradio_api/mcp"
_NO_JSON = {"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "the body is no JSON in UTF-8"}}

Json = dict[str, Any]
Question = Annotated[str, Field(description="The question, 1 to 2,000 characters, in natural language.")]
AsOf = Annotated[str | None, Field(description='The date the question is asked on, such as "2024-03-28".')]
Query = Annotated[str, Field(description="Words or a question, 1 to 2,000 characters.")]
Count = Annotated[int, Field(description="How many passages to return, 1 to 100.")]
After = Annotated[str | None, Field(description="Only articles of this date or later.")]
Before = Annotated[str | None, Field(description="Only articles of this date or earlier.")]
SourceName = Annotated[str | None, Field(description="Only articles of this source.")]
Offset = Annotated[int, Field(description="How many articles to leave out.")]
Limit = Annotated[int, Field(description="How many articles to return at most, 1 to 1,000.")]
History = Annotated[
    list[Json] | None,
    Field(description='Earlier turns, oldest first, each {"role": "user" or "assistant", "content": text}.'),
]
AnswerMode = Annotated[
    str, Field(description='"full" writes an answer; "fast" returns evidence and short answer only.')
]
UseDateWindow = Annotated[
    bool, Field(description='Let articles of the days that the question names ("last week") count for more.')
]
ListQuery = Annotated[str | None, Field(description="Only articles with this in title, source or address.")]
SortBy = Annotated[str, Field(description=f"The order: {', '.join(SORTS)}.")]
ArticleId = Annotated[str, Field(description="The article's id, as articles and search give it.")]


def make_mcp_server(endpoints: Endpoints, *, num_parallel: int) -> FastMCP:
    """The server with its four tools; stateless, so it keeps nothing between calls.

    :param num_parallel: How many questions are answered at once, and how many other calls; some more may wait, and all
        beyond are refused.
    """
    server: FastMCP = FastMCP(
        text.PRODUCT,
        instructions=_INSTRUCTIONS,
        log_level="WARNING",
        stateless_http=True,
        json_response=True,
        # Hosts and origins are checked for all of the app in qa.ui.guard.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    # Apart, so that nobody who reads waits for answers.
    _add_tools(server, endpoints, Calls(num_parallel, _MAX_WAITING), Calls(num_parallel, _MAX_WAITING))
    return server


def mcp_routes(server: FastMCP) -> list[Route]:
    """Where the server answers, with and without a slash at the end. Its session manager must be running."""
    server.streamable_http_app()  # makes the session manager
    endpoint = _Endpoint(server.session_manager)
    return [Route(path, endpoint=endpoint) for path in (MCP_PATH, f"{MCP_PATH}/")]


class _Endpoint:
    """The server as an ASGI app; an object and not a function, so that Starlette hands it requests as they are."""

    def __init__(self, manager: StreamableHTTPSessionManager) -> None:
        self._manager = manager

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST":
            body = await Request(scope, receive).body()
            if not _is_json(body):
                await JSONResponse(_NO_JSON, 400)(scope, receive, send)
                return
            receive = _again(body, receive)
        await self._manager.handle_request(scope, receive, send)


def _is_json(body: bytes) -> bool:
    """Whether it can be read, and repeated in a reply: the library fails on bytes and on text that are no UTF-8."""
    try:
        json.dumps(json.loads(body.decode("utf-8")), ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        return False
    return True


def _again(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that gives a body that was read already, and then what comes after it."""
    is_given = False

    async def receive_again() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


async def _answered(calls: Calls, call: Callable[[], Json]) -> Json:
    """:raises ToolError: With the code and the one line of the project's own errors."""
    try:
        return await calls.run(call)
    except ArticleQAError as error:
        problem = problem_of(error)
        raise ToolError(f"{problem.code}: {problem.message}") from None


def _add_tools(server: FastMCP, endpoints: Endpoints, asking: Calls, reading: Calls) -> None:
    async def ask(
        question: Question,
        as_of: AsOf = None,
        history: History = None,
        mode: AnswerMode = "full",
        source: SourceName = None,
        published_after: After = None,
        published_before: Before = None,
        use_date_window: UseDateWindow = True,
    ) -> Json:
        """Answer a question from the articles, with quoted evidence, or say that they do not hold the answer."""
        options = (as_of, history, mode, source, published_after, published_before, use_date_window)
        return await _answered(asking, lambda: endpoints.ask(question, *options))

    async def search(
        query: Query,
        k: Count = 10,
        published_after: After = None,
        published_before: Before = None,
        source: SourceName = None,
    ) -> Json:
        """Find the passages nearest to a query, best first."""
        return await _answered(reading, lambda: endpoints.search(query, k, published_after, published_before, source))

    async def articles(
        offset: Offset = 0,
        limit: Limit = 50,
        query: ListQuery = None,
        source: SourceName = None,
        published_after: After = None,
        published_before: Before = None,
        sort: SortBy = "newest",
    ) -> Json:
        """List the articles, newest first, without their texts."""
        filters = (query, source, published_after, published_before, sort)
        return await _answered(reading, lambda: endpoints.articles(offset, limit, *filters))

    async def article(article_id: ArticleId) -> Json:
        """Return one article with its whole text."""
        return await _answered(reading, lambda: endpoints.article(article_id))

    for function in (ask, search, articles, article):
        server.add_tool(function, annotations=ToolAnnotations(readOnlyHint=True, openWorldHint=False))
