"""Whatever fits the published schema, and whatever does not, is answered as the schema says, by schemathesis.

In process, through the guard, over a fake service.
"""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    negative_data_rejection,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from starlette.types import ASGIApp, Receive, Scope, Send

from qa.ui.server import create_site
from tests.qa.ui.fakes import FakeService

pytestmark = pytest.mark.slow

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    unsupported_method,
]
# What is no article is rejected by name in a report, not by an error: /v1/articles takes any list, /v1/files any file.
# Chat clients send more than there is a schema for. Both are documented.
LENIENT = ("/v1/articles", "/v1/files", "/v1/chat/completions")
OPERATIONS = [
    *("ask", "ask_stream", "search", "articles", "article", "add_articles", "upload", "remove_article"),
    *("rebuild", "status", "chat_completions", "models", "schema"),
]


def without_lifespan(app: ASGIApp) -> ASGIApp:
    """The app for clients that start and stop it for each request; only MCP needs to be started, and only once."""

    async def each(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await app(scope, receive, send)
            return
        for step in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{step}.complete"})

    return each


@pytest.fixture(scope="module")
def published() -> Any:
    site = create_site(FakeService(), trusted_hosts=["testserver"])
    return schemathesis.openapi.from_asgi("/openapi.json", without_lifespan(site.app))


def check(case: Case) -> None:
    strict = [negative_data_rejection] if case.path not in LENIENT else []
    case.call_and_validate(checks=[*CHECKS, *strict])


def run(published: Any, operation_id: str, mode: GenerationMode, num_examples: int) -> None:
    operation = published.find_operation_by_id(operation_id)

    @settings(
        max_examples=num_examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def each(case: Case) -> None:
        check(case)

    try:
        each()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE, "nothing fits the schema"  # nothing can be wrong without parameters


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_every_operation_keeps_to_its_schema(published: Any, operation_id: str, mode: GenerationMode) -> None:
    run(published, operation_id, mode, 200)


def test_no_operation_is_left_out(published: Any) -> None:
    paths = published.raw_schema["paths"]
    assert {entry["operationId"] for path in paths.values() for entry in path.values()} == set(OPERATIONS)
