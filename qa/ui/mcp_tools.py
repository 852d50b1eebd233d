"""Read-only tools over MCP: ask, search, articles, article; knows nothing of the page.

Gradio could serve its API over MCP itself, but then every endpoint can be called as a tool, the writing ones too (its
``tool`` marks only hide them from the list), and a result is the ``str()`` of a dictionary. Here are four, and no more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import anyio
import anyio.to_thread
from mcp.server.fastmcp import FastMCP
from mcp.server.fastmcp.exceptions import ToolError
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import ToolAnnotations
from pydantic import Field
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from index.errors import ArticleQAError
from qa.ui import text
from qa.ui.endpoints import Endpoints

_INSTRUCTIONS = (
    "Answers questions from a collection of news articles and quotes the sentences it rests on. "
    "Use ask for a question, search for passages, articles and article to read."
)
_MAX_WAITING = 32
MCP_PATH = "/gradio_api/mcp"

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
ArticleId = Annotated[str, Field(description="The article's id, as articles and search give it.")]


def make_mcp_server(endpoints: Endpoints, *, num_parallel: int) -> FastMCP:
    """The server with its four tools; stateless, so it keeps nothing between calls.

    :param num_parallel: How many calls run at once; some more may wait, and all beyond are refused.
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
    _add_tools(server, endpoints, _Calls(num_parallel))
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
        await self._manager.handle_request(scope, receive, send)


class _Calls:
    """Runs calls in threads, a few at once, and never lets more than a few wait."""

    def __init__(self, num_parallel: int) -> None:
        self._limiter = anyio.CapacityLimiter(num_parallel)

    async def run(self, call: Callable[[], Json]) -> Json:
        """:raises ToolError: With the one line of the project's own errors, or when too many calls wait."""
        if self._limiter.statistics().tasks_waiting >= _MAX_WAITING:
            raise ToolError("too many calls are waiting; try again in a few seconds")
        try:
            return await anyio.to_thread.run_sync(call, limiter=self._limiter)
        except ArticleQAError as error:
            raise ToolError(str(error)) from None


def _add_tools(server: FastMCP, endpoints: Endpoints, calls: _Calls) -> None:
    async def ask(question: Question, as_of: AsOf = None) -> Json:
        """Answer a question from the articles, with quoted evidence, or say that they do not hold the answer."""
        return await calls.run(lambda: endpoints.ask(question, as_of, None, "full"))

    async def search(
        query: Query,
        k: Count = 10,
        published_after: After = None,
        published_before: Before = None,
        source: SourceName = None,
    ) -> Json:
        """Find the passages nearest to a query, best first."""
        return await calls.run(lambda: endpoints.search(query, k, published_after, published_before, source))

    async def articles(offset: Offset = 0, limit: Limit = 50) -> Json:
        """List the articles, newest first, without their texts."""
        return await calls.run(lambda: endpoints.articles(offset, limit))

    async def article(article_id: ArticleId) -> Json:
        """Return one article with its whole text."""
        return await calls.run(lambda: endpoints.article(article_id))

    for function in (ask, search, articles, article):
        server.add_tool(function, annotations=ToolAnnotations(readOnlyHint=True, openWorldHint=False))
