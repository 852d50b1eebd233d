"""Where the app listens, and what it serves, over real HTTP."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
from collections.abc import Iterator

import gradio as gr
import httpx
import pytest
from fastapi import FastAPI

from index.errors import ConfigError
from qa.ui.exposure import check_exposure, listen, page_address
from qa.ui.page import build_blocks
from qa.ui.served_page import rewritten
from tests.qa.ui.fakes import LICENCE_QUESTION, FakeService
from tests.qa.ui.serving import changed, served

PASSWORD = "a password"
EXTERNAL = re.compile(r"""(?:src|href|content|action)\s*=\s*["']?(?:https?:)?//""", re.IGNORECASE)


@pytest.fixture(scope="module")
def service() -> FakeService:
    return FakeService()


@pytest.fixture(scope="module")
def client(service: FakeService) -> Iterator[httpx.Client]:
    with served(service, max_upload_bytes=10_000) as url, httpx.Client(base_url=url) as client:
        yield client


def joined(client: httpx.Client, name: str, data: object) -> str:
    """The events of one call by plain HTTP, as ``curl`` would see them."""
    event_id = client.post(f"/gradio_api/call/{name}", json={"data": data}).json()["event_id"]
    return client.get(f"/gradio_api/call/{name}/{event_id}").text


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "news.example", ""])
def test_other_machines_need_a_password(host: str) -> None:
    with pytest.raises(ConfigError, match="password"):
        check_exposure(host, None)
    check_exposure(host, PASSWORD)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost", "LocalHost"])
def test_this_machine_needs_none(host: str) -> None:
    check_exposure(host, None)


def test_an_empty_password_is_refused() -> None:
    with pytest.raises(ConfigError, match="empty"):
        check_exposure("127.0.0.1", " ")


def test_a_port_in_use_is_a_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} of 127.0.0.1 is in use"):
            listen("127.0.0.1", port)


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70_000), ("192.0.2.1", 0), ("127.0.0.1", -1)])
def test_an_impossible_address_is_a_clear_error(host: str, port: int) -> None:
    with pytest.raises(ConfigError, match="listen"):
        listen(host, port)


@pytest.mark.parametrize(
    ("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("localhost", "127.0.0.1")]
)
def test_the_address_of_the_page_is_one_that_a_browser_here_can_open(host: str, shown: str) -> None:
    with listen(host, 0) as listener:
        listener.listen()
        assert page_address(listener) == f"http://{shown}:{listener.getsockname()[1]}"
        with socket.create_connection((shown, listener.getsockname()[1]), timeout=10):
            pass


@pytest.mark.parametrize(("bound", "shown"), [("::", "::1"), ("::1", "::1")])
def test_an_ipv6_address_stands_in_brackets(bound: str, shown: str) -> None:
    class Listener:
        family = socket.AF_INET6

        def getsockname(self) -> tuple[str, int, int, int]:
            return bound, 7860, 0, 0

    assert page_address(Listener()) == f"http://[{shown}]:7860"  # type: ignore[arg-type]  # all that is looked at


def test_the_page_names_no_other_site(client: httpx.Client) -> None:
    page = client.get("/").text
    assert "<title>Article QA</title>" in page
    assert not EXTERNAL.search(page)
    for style in [*re.findall(r'href="(\./assets/[^"]+\.css)"', page), "theme.css"]:
        assert "//fonts." not in client.get(f"/{style.removeprefix('./')}").text


def test_inline_scripts_are_allowed_by_hash_and_others_are_not(client: httpx.Client) -> None:
    reply = client.get("/")
    policy = reply.headers["content-security-policy"]
    scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert "'unsafe-inline'" not in scripts
    inline = re.findall(r"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", reply.text, re.DOTALL)
    assert inline
    for script in inline:
        assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in scripts
    assert "default-src 'self'" in policy
    assert "connect-src 'self'" in policy


def test_rewriting_changes_no_script() -> None:
    page = b'<meta charset="utf-8" /><meta property="og:image"\n content="https://x.example/i.png" /><script>a</script>'
    html, _ = rewritten(page)
    assert b"og:image" not in html
    assert b"<script>a</script>" in html


def test_with_a_password_nothing_is_served_without_it() -> None:
    with served(FakeService(), password=PASSWORD) as url, httpx.Client(base_url=url) as client:
        for path in ("/", "/config", "/gradio_api/info", "/gradio_api/mcp", "/assets/x.js", "/nothing"):
            assert client.get(path).status_code == 401
        assert client.post("/gradio_api/call/ask", json={"data": []}).status_code == 401
        assert client.get("/", auth=("anybody", PASSWORD)).status_code == 200
        assert client.get("/config", headers={"Authorization": f"Bearer {PASSWORD}"}).status_code == 200


def test_an_endpoint_answers_plain_http(client: httpx.Client) -> None:
    events = joined(client, "ask", [LICENCE_QUESTION, None, None, "full"])
    assert events.startswith("event: complete")
    assert "National Development and Reform Commission" in events


def test_arguments_at_the_end_may_be_left_out(client: httpx.Client) -> None:
    assert "National Development" in joined(client, "ask", [LICENCE_QUESTION])
    assert '"limit": 1' in joined(client, "articles", [0, 1])
    assert "question must be a string" in joined(client, "ask", [])
    assert joined(client, "ask", ["q", *[None] * 20]).startswith("event: error")


def test_arguments_by_name_may_be_left_out(client: httpx.Client) -> None:
    event_id = client.post("/gradio_api/call/v2/ask", json={"question": LICENCE_QUESTION}).json()["event_id"]
    assert "event: complete" in client.get(f"/gradio_api/call/ask/{event_id}").text


def test_errors_are_one_line_without_a_trace(client: httpx.Client) -> None:
    events = joined(client, "ask", ["", None, None, "full"])
    assert "question is empty" in events
    assert "Traceback" not in events
    assert ".py" not in events


def test_an_unforeseen_error_tells_the_caller_nothing(client: httpx.Client, service: FakeService) -> None:
    with changed(service, error=RuntimeError("secret detail")):
        events = joined(client, "ask", [LICENCE_QUESTION, None, None, "full"])
    assert events.startswith("event: error")
    assert "secret" not in events


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/gradio_api/call/nothing", {"data": []}),
        ("/gradio_api/call/v2/nothing", {}),
        ("/gradio_api/call/v2/ask", {"quest": "x"}),
        ("/gradio_api/run/predict", {"data": [], "fn_index": 99999}),
        ("/gradio_api/queue/join", {"data": [], "fn_index": 99999, "session_hash": "x"}),
        ("/gradio_api/queue/join", {"data": []}),
        ("/gradio_api/cancel", {}),
        ("/gradio_api/call/ask", []),
        ("/gradio_api/call/ask", {"data": "x"}),
    ],
)
def test_malformed_requests_are_the_callers_fault(client: httpx.Client, path: str, body: object) -> None:
    assert 400 <= client.post(path, json=body).status_code < 500


def test_bytes_that_are_no_json_are_the_callers_fault(client: httpx.Client) -> None:
    reply = client.post("/gradio_api/queue/join", content=b"\xff\xfe{", headers={"content-type": "application/json"})
    assert 400 <= reply.status_code < 500


def test_questions_may_not_go_round_the_queue(client: httpx.Client) -> None:
    assert client.post("/gradio_api/run/ask", json={"data": [LICENCE_QUESTION, None, None, "full"]}).status_code == 404


def test_no_file_of_the_server_can_be_added(client: httpx.Client) -> None:
    for path in ("/etc/passwd", "../../etc/passwd", "/tmp/gradio/../../etc/passwd", "\x00", 5, None):
        events = joined(client, "upload", [[{"path": path, "meta": {"_type": "gradio.FileData"}}]])
        assert events.startswith("event: error"), events
        assert ("files[0]" in events) or ("was not uploaded" in events)


def test_no_file_of_the_server_can_be_added_through_the_page(client: httpx.Client) -> None:
    config = client.get("/config").json()
    handler = next(d for d in config["dependencies"] if d["api_name"] == "add_files")
    file = {"path": "/etc/hostname", "meta": {"_type": "gradio.FileData"}}
    body = {"data": [[file]], "fn_index": handler["id"], "session_hash": "forged"}
    assert client.post("/gradio_api/queue/join", json=body).status_code == 200
    with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": "forged"}) as events:
        seen = "".join(line for line in events.iter_lines() if "process_" in line)
    assert '"success":false' in seen.replace(" ", "")


@pytest.mark.parametrize("path", ["/etc/hostname", "http://127.0.0.1:1/x", "https://evil.example/x", "x"])
def test_no_request_makes_gradio_fetch_or_copy_anything(client: httpx.Client, path: str) -> None:
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    for data in ([file], [[[file]]], [{"a": {"b": file}}]):
        events = joined(client, "ask", [*data, None, None, "full"])
        assert "was not uploaded" in events


def test_an_article_that_looks_like_a_file_is_text(client: httpx.Client) -> None:
    record = {"text": "Some words.", "article_id": "f", "x": {"path": "/etc/hostname", "meta": "y"}}
    assert "was not uploaded" in joined(client, "add_articles", [[record]])
    plain = {"text": "Some words.", "article_id": "f", "path": "/etc/hostname", "kind": {"_type": "gradio.FileData"}}
    assert '"added": 1' in joined(client, "add_articles", [[plain]])
    assert "Some words." in joined(client, "article", ["f"])


def test_a_file_beyond_the_limit_is_refused(client: httpx.Client) -> None:
    reply = client.post("/gradio_api/upload", files={"files": ("big.txt", b"x" * 10_001)})
    assert reply.status_code == 413


def test_handlers_of_the_page_are_no_endpoints(client: httpx.Client) -> None:
    names = set(client.get("/gradio_api/info").json()["named_endpoints"])
    reading = {"/ask", "/ask_stream", "/search", "/articles", "/article", "/status"}
    assert names == reading | {"/add_articles", "/upload", "/remove_article", "/rebuild"}


def test_sessions_are_forgotten_before_they_fill_the_memory() -> None:
    blocks = build_blocks(FakeService())
    gr.mount_gradio_app(FastAPI(), blocks, path="/")
    assert blocks.state_holder.capacity == 1_000  # of which each has 150 KB and more; Gradio's own limit is 10,000
