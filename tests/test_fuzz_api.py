"""Malformed requests to every API cause no server error: a short version of ``scripts/fuzz_api.py``."""

from __future__ import annotations

import asyncio

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from tests.api_fuzzing.client import tried
from tests.api_fuzzing.requests import Sent, valid_requests
from tests.api_fuzzing.run import fuzz, request_of

REQUEST = Sent("http", "GET", "/v1/status")


def test_the_same_number_gives_the_same_request() -> None:
    assert [request_of(1, number) for number in range(50)] == [request_of(1, number) for number in range(50)]
    assert request_of(1, 0) != request_of(2, 0)


def test_requests_are_made_from_valid_ones_of_every_way_in() -> None:
    assert {request.way for request in valid_requests()} == {"http", "gradio", "mcp"}


@pytest.mark.parametrize(
    ("status", "body", "problem"),
    [
        (500, "", "status 500"),
        (502, "", "status 502"),
        (503, "busy", None),
        (404, "", None),
        (200, 'event: error\ndata: {"error": {"code": "internal", "message": "x"}}', "an unforeseen error"),
        (200, 'event: error\ndata: {"error": null}', "an unforeseen error"),
        (200, '{"error": {"code": -32603}}', "an unforeseen error"),
        (200, '{"error": {"code": "bad_input"}}', None),
    ],
)
def test_server_errors_are_noticed(status: int, body: str, problem: str | None) -> None:
    reply = asyncio.run(tried(PlainTextResponse(body, status), REQUEST))
    assert (reply.problem or "").startswith(problem or "")
    assert (reply.problem is None) == (problem is None)


def test_an_app_that_fails_is_noticed() -> None:
    async def fails(scope: Scope, receive: Receive, send: Send) -> None:
        raise KeyError("x")

    assert asyncio.run(tried(fails, REQUEST)).problem == "raised KeyError: 'x'"


def test_malformed_requests_cause_no_server_error() -> None:
    tally = fuzz(300, seed=11)
    assert tally.num_sent == 300
    assert [(f.number, f.request, f.reply) for f in tally.findings] == []
    assert {way for way, _ in tally.statuses} == {"http", "gradio", "mcp"}
    refused = sum(num for (_, status), num in tally.statuses.items() if 400 <= status < 500)
    assert refused > 50
