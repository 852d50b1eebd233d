"""Which requests reach the app, and what is added to its replies."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

from qa.ui.access.hosts import TrustedHosts
from qa.ui.access.limits import PerMinute
from qa.ui.access.login import Login
from qa.ui.access.metrics import Metrics
from qa.ui.access.proxies import TrustedProxies
from qa.ui.guard import Guard

PASSWORD = "correct horse é"
METRICS = Metrics()  # one for all: making them takes longer than a request


async def _app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": repr(sorted(scope["headers"])).encode()})


def request(
    path: str = "/",
    *,
    headers: dict[str, str] | list[tuple[str, str]] | None = None,
    method: str = "GET",
    password: str | None = None,
    bound: str = "127.0.0.1",
    names: tuple[str, ...] = (),
    proxies: tuple[str, ...] = (),
    scheme: str = "http",
) -> tuple[int, dict[str, str], str]:
    """Status, headers and body of the reply to one request."""
    guard = Guard(
        _app,
        hosts=TrustedHosts(bound, names),
        login=Login(password),
        proxies=TrustedProxies(proxies),
        requests=PerMinute(0),
        failed_logins=PerMinute(20),
        metrics=METRICS,
        max_body_bytes=100,
        max_upload_bytes=1000,
    )
    pairs = headers.items() if isinstance(headers, dict) else headers or [("host", "127.0.0.1:7860")]
    raw = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in pairs]
    if isinstance(headers, dict) and "host" not in headers:
        raw.append((b"host", b"127.0.0.1:7860"))
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "path": path, "method": method, "headers": raw, "query_string": b"", "scheme": scheme}
    scope["client"] = ("10.0.0.9", 5000)
    asyncio.run(guard(scope, receive, send))
    replied = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], replied, sent[1]["body"].decode()


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:7860", "localhost:1", "LOCALHOST", "[::1]:7860"])
def test_loopback_names_are_trusted(host: str) -> None:
    assert request(headers={"host": host})[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "",
        "127.0.0.1:x",
        "a@localhost",
        "127.1",
        "[::1",
        "localhost/",
        "2130706433",
        "0x7f.1",
        "192.168.1.7",
        "localhost:80:80",
        "[::ffff:127.0.0.1]",
        "localhost.",
    ],
)
def test_other_names_are_refused(host: str) -> None:
    assert request(headers={"host": host})[0] == 421


def test_a_second_host_header_is_refused() -> None:
    assert request(headers=[("host", "localhost"), ("host", "evil.example")])[0] == 421


def test_configured_names_are_trusted() -> None:
    assert request(headers={"host": "news.example:80"}, names=("News.example",))[0] == 200


def test_on_all_addresses_any_address_is_trusted_and_no_name() -> None:
    assert request(headers={"host": "192.168.1.7:7860"}, bound="0.0.0.0")[0] == 200
    assert request(headers={"host": "evil.example"}, bound="0.0.0.0")[0] == 421


@pytest.mark.parametrize("path", ["/", "/config", "/assets/index.js", "/gradio_api/call/ask", "/gradio_api/mcp"])
@pytest.mark.parametrize(
    "given",
    [None, "Basic", "Basic !!!", "Bearer", "Bearer wrong", basic("x", "wrong"), f"Digest {PASSWORD}", basic("x", "")],
)
def test_every_route_needs_the_password(path: str, given: str | None) -> None:
    headers = {} if given is None else {"authorization": given}
    status, replied, _ = request(path, headers=headers, password=PASSWORD)
    assert status == 401
    assert replied["www-authenticate"].startswith("Basic ")


@pytest.mark.parametrize("user", ["", "admin", "anybody"])
def test_any_user_name_does_with_the_password(user: str) -> None:
    assert request(headers={"authorization": basic(user, PASSWORD)}, password=PASSWORD)[0] == 200


def test_a_bearer_token_does() -> None:
    assert request(headers={"authorization": "Bearer secret"}, password="secret")[0] == 200


def test_two_authorizations_are_refused() -> None:
    headers = [("host", "localhost"), ("authorization", "Bearer x"), ("authorization", "Bearer secret")]
    assert request(headers=headers, password="secret")[0] == 401


@pytest.mark.parametrize(
    "path",
    ["/monitoring", "/monitoring/summary", "/login", "/logout", "/docs", "/v1", "/v1/../x", "/svelte/x", "/pwa_icon"]
    + [
        f"/gradio_api/{name}"
        for name in ("file=/etc/passwd", "file=https://evil.example/x", "file/x", "proxy=http://x")
    ]
    + [f"/gradio_api/{name}" for name in ("deep_link", "stream/x", "component_server", "api/ask", "dev/reload", "runs")]
    + ["/gradio_api/custom_component/a/client/b/c", "/gradio_api/vibe-code/", "/assets/../x", "/config/../login"],
)
def test_routes_that_nobody_needs_do_not_exist(path: str) -> None:
    assert request(path)[0] == 404


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:7861", "http://localhost:7860", "x"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_pages_of_other_origins_are_refused(origin: str, method: str) -> None:
    assert request("/gradio_api/queue/join", headers={"origin": origin}, method=method)[0] == 403


def test_the_page_itself_may_ask() -> None:
    assert request("/gradio_api/queue/join", headers={"origin": "http://127.0.0.1:7860"}, method="POST")[0] == 200


@pytest.mark.parametrize(
    ("path", "length", "status"),
    [
        ("/config", "100", 200),
        ("/config", "101", 413),
        ("/gradio_api/upload", "1000", 200),
        ("/gradio_api/upload", "1001", 413),
        ("/config", "-1", 400),
        ("/config", "9" * 30, 400),
    ],
)
def test_large_requests_are_refused_before_they_are_read(path: str, length: str, status: int) -> None:
    assert request(path, headers={"content-length": length}, method="POST")[0] == status


def test_a_body_of_unknown_length_is_refused() -> None:
    assert request("/config", headers={"transfer-encoding": "chunked"}, method="POST")[0] == 411


def test_claims_about_who_is_asking_are_dropped() -> None:
    _, _, seen = request(headers={"x-forwarded-host": "evil.example", "X-Forwarded-For": "1.2.3.4", "accept": "a/b"})
    assert "forwarded" not in seen
    assert "a/b" in seen


@pytest.mark.parametrize("name", ["x-article-qa-identity", "X-Article-QA-Identity", "x-gradio-server", "x-real-ip"])
def test_nobody_can_say_who_they_are_but_the_guard(name: str) -> None:
    _, _, seen = request(headers={name: "editor:boss"})
    assert "boss" not in seen
    assert "(b'x-article-qa-identity', b'editor')" in seen


@pytest.mark.parametrize("path", ["/", "/monitoring"])
def test_every_reply_carries_the_security_headers(path: str) -> None:
    _, replied, _ = request(path)
    assert replied["x-content-type-options"] == "nosniff"
    assert replied["x-frame-options"] == "DENY"
    assert replied["referrer-policy"] == "same-origin"
    assert "frame-ancestors 'none'" in replied["content-security-policy"]


@pytest.mark.parametrize("claim", ["editor:mallory", "reader", ""])
def test_the_guard_says_who_asks_and_the_client_does_not(claim: str) -> None:
    _, _, seen = request(headers=[("host", "localhost"), ("X-Article-QA-Identity", claim)])
    assert "(b'x-article-qa-identity', b'editor')" in seen
    assert "mallory" not in seen
    assert seen.count("x-article-qa-identity") == 1


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        ("/v1/ask", {"host": "evil.example"}, 421, "wrong_host"),
        ("/v1/ask", {}, 401, "unauthorized"),
        ("/v1/ask", {"authorization": "Bearer p", "origin": "http://evil.example"}, 403, "forbidden"),
        ("/v1/ask", {"authorization": "Bearer p", "content-length": "101"}, 413, "too_large"),
        ("/v1/ask", {"authorization": "Bearer p", "transfer-encoding": "chunked"}, 411, "length_required"),
        ("/v1/x/../y", {"authorization": "Bearer p"}, 404, "not_found"),
    ],
)
def test_programs_are_refused_in_json(path: str, headers: dict[str, str], status: int, code: str) -> None:
    replied_status, replied, body = request(path, headers=headers, password="p", method="POST")
    assert (replied_status, json.loads(body)["error"]["code"]) == (status, code)
    assert replied["content-type"] == "application/json"


@pytest.mark.parametrize("path", ["/v1/articles/a..b", "/v1/articles/../x", "/v1/articles/https://a.example/x"])
def test_article_ids_may_hold_anything(path: str) -> None:
    assert request(path)[0] == 200
