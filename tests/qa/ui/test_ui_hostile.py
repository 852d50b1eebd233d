"""Hosts, origins and paths that nobody has any business with; and raw requests that no library would send."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from itertools import product
from urllib.parse import urlsplit

import httpx
import pytest

from qa.ui.access.hosts import TrustedHosts, is_same_origin
from qa.ui.access.paths import is_served, is_write
from qa.ui.access.proxies import TrustedProxies, client_key
from tests.qa.ui.fakes import FakeService
from tests.qa.ui.serving import served
from tests.qa.ui.test_ui_guard import request

NAMES = ("News.example", "xn--bcher-kva.example")
PORTS = ("", ":80", ":443", ":7860", ":1", ":65535")
FORGED_PORTS = (
    ":",
    ":0x50",
    ":-1",
    ":99999",
    ":８０",
    ":80:80",
    ":080",
    ": 80",
    ":80 ",
    ":80/",
    ":80#",
    ":80@x",
    ":%38",
)
REBINDING = (
    "evil.example", "a.127.0.0.1.nip.io", "127.0.0.1.nip.io", "localtest.me", "rebind.network", "7f000001.rbndr.us",
    "localhost.evil.example", "127.0.0.1.evil.example", "news.example.evil.example", "evilnews.example",
    "news.example-evil.example", "xn--news-example.evil", "localhost.localdomain", "local", "localhost4", "wpad",
)  # fmt: skip
DISGUISES = (
    "news.example.", "localhost.", "127.0.0.1.", "news..example", ".news.example", "newsexample", "news.example\x00",
    "news.example\\@evil.example", "evil.example@news.example", "news.example/evil", "news.example?x", "news.example#x",
    "news.example evil.example", "news.example,evil.example", "news.example\tevil.example", "http://news.example",
    "news%2eexample", "news。example", "ｎews.example", "bücher.example", "BÜCHER.example", "nеws.example",
    "localhost\u200b", "ⅼocalhost", "", " ", "\t", "*", "news.*", "_", "[news.example]", "[127.0.0.1]",
)  # fmt: skip
ADDRESSES = (
    "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "127.0.0.01", "127.000.000.001", "0",
    "0.0.0.0",
    "127.0.0.2", "10.0.0.1", "192.168.1.7", "169.254.169.254", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[0:0:0:0:0:0:0:1]", "[::1", "::1]", "::1", "[::1%eth0]", "[::1%25lo]", "[fe80::1]", "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[]", "[::1].evil.example", "[::1]x:80",
)  # fmt: skip


@pytest.mark.parametrize("host", [*NAMES, "NEWS.EXAMPLE", "XN--BCHER-KVA.example", "LocalHost", "127.0.0.1", "[::1]"])
@pytest.mark.parametrize("port", PORTS)
def test_the_names_of_this_server_are_known_on_any_port(host: str, port: str) -> None:
    assert request(headers={"host": f"{host}{port}"}, names=NAMES)[0] == 200


@pytest.mark.parametrize("host", [*REBINDING, *DISGUISES, *ADDRESSES])
@pytest.mark.parametrize("port", ["", ":7860"])
def test_all_others_are_not(host: str, port: str) -> None:
    assert f"{host}{port}" not in TrustedHosts("127.0.0.1", NAMES)
    raw = f"{host}{port}".encode().decode("latin-1")  # as the bytes of a request arrive
    assert request(headers={"host": raw}, names=NAMES)[0] == 421


@pytest.mark.parametrize(("host", "port"), product(["localhost", "news.example", "[::1]"], FORGED_PORTS))
def test_a_port_that_is_none_is_no_part_of_a_name(host: str, port: str) -> None:
    assert f"{host}{port}" not in TrustedHosts("127.0.0.1", NAMES)


@pytest.mark.parametrize("first", ["localhost", "evil.example"])
@pytest.mark.parametrize("second", ["localhost", "evil.example", ""])
def test_two_host_headers_are_one_too_many(first: str, second: str) -> None:
    assert request(headers=[("host", first), ("host", second)])[0] == 421
    assert request(headers=[("accept", "*/*")])[0] == 421


@pytest.mark.parametrize("bound", ["0.0.0.0", "::"])
def test_on_all_addresses_only_addresses_are_right(bound: str) -> None:
    for host in REBINDING:
        assert host not in TrustedHosts(bound)
    for address in ("192.168.1.7", "10.0.0.1:7860", "[fe80::1]:80"):
        assert address in TrustedHosts(bound)
    for disguise in ("127.1", "2130706433", "0x7f.1", "[::1%eth0]"):
        assert disguise not in TrustedHosts(bound)


ORIGINS = (
    "null", "NULL", "", " ", "http://", "https://", "x", "//news.example", "news.example", "file://",
    "file://news.example",
    "http://evil.example", "https://evil.example", "http://news.example.evil.example", "http://news.example.",
    "http://news.example:81", "http://news.example:80", "http://user@news.example", "http://news.example/",
    "http://news.example/x",
    "http://news.example#", "http://news.example?", "http://news.example\\", "ftp://news.example",
    "chrome-extension://abc",
    "moz-extension://abc", "http:news.example", "http:/news.example", "http:///news.example", "ws://news.example",
    "http://[::1]", "http://127.0.0.1", "http://localhost", "http://xn--news.example",
    "https://news.example, https://evil.example",
    "http://news.example http://evil.example", "data:", "blob:http://news.example/1", "about:blank",
    "http://nеws.example",
)  # fmt: skip


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
def test_pages_of_other_sites_are_refused(origin: str, method: str) -> None:
    headers = {"host": "news.example", "origin": origin.encode().decode("latin-1")}
    for path in ("/gradio_api/queue/join", "/v1/articles", "/gradio_api/mcp", "/"):
        assert request(path, headers=headers, method=method, names=NAMES)[0] == 403


def test_pages_of_this_site_may_ask_and_two_origins_may_not() -> None:
    for origin in ("http://news.example", "https://news.example", "http://NEWS.example"):
        assert request(headers={"host": "news.example", "origin": origin}, names=NAMES)[0] == 200
    twice = [("host", "news.example"), ("origin", "http://news.example"), ("origin", "http://news.example")]
    assert request(headers=twice, names=NAMES)[0] == 403
    assert not is_same_origin(["http://news.example"], "news.example", "https")


# Behind a proxy


def test_a_trusted_proxy_says_where_a_request_comes_from() -> None:
    forwarded = {
        "x-forwarded-for": "1.1.1.1, 203.0.113.5",
        "x-forwarded-host": "news.example",
        "x-forwarded-proto": "https",
    }
    status, _, seen = request(headers={"host": "backend", **forwarded}, names=NAMES, proxies=("10.0.0.0/8",))
    assert status == 200
    assert "(b'x-article-qa-client', b'203.0.113.5')" in seen
    assert "(b'host', b'news.example')" in seen
    assert "1.1.1.1" not in seen
    assert request(headers={"host": "backend", **forwarded}, names=NAMES)[0] == 421
    assert request(headers={"host": "backend", **forwarded}, names=NAMES, proxies=("10.1.0.0/16",))[0] == 421


@pytest.mark.parametrize(
    ("claimed", "client"),
    [
        ("203.0.113.5", "203.0.113.5"),
        ("127.0.0.1, 203.0.113.5", "203.0.113.5"),
        ("203.0.113.5, 10.0.0.7", "203.0.113.5"),
        ("203.0.113.5, x", "10.0.0.9"),
        ("", "10.0.0.9"),
        ("10.0.0.7", "10.0.0.7"),
        ("::ffff:203.0.113.5", "203.0.113.5"),
        ("2001:db8::1", "2001:db8::1"),
        ("203.0.113.5:80", "10.0.0.9"),
    ],
)
def test_only_the_last_address_that_is_no_proxys_counts(claimed: str, client: str) -> None:
    _, _, seen = request(headers={"host": "localhost", "x-forwarded-for": claimed}, proxies=("10.0.0.0/8",))
    assert f"(b'x-article-qa-client', b'{client}')" in seen


@pytest.mark.parametrize("host", ["evil.example", "news.example, evil.example", "news.example.", ""])
def test_the_host_that_a_proxy_forwards_is_checked_too(host: str) -> None:
    headers = {"host": "news.example", "x-forwarded-host": host}
    assert request(headers=headers, names=NAMES, proxies=("10.0.0.9",))[0] == 421


def test_one_person_has_a_whole_ipv6_network() -> None:
    assert client_key("2001:db8::1") == client_key("2001:db8::ffff:1") != client_key("2001:db8:0:1::1")
    assert client_key("203.0.113.5") == client_key("::ffff:203.0.113.5") != client_key("203.0.113.6")


# Paths

TRICKS = [
    f"/gradio_api/{trick}"
    for trick in (
        "file=/etc/passwd", "file=https://evil.example/x", "file=http:%2f%2f169.254.169.254/", "file/etc/passwd",
        "file",
        "proxy=https://evil.example", "proxy=", "stream/x/y/z/playlist.m3u8", "component_server", "deep_link",
        "login", "vibe-code/x",
        "call/../file=/etc/passwd", "call/..%2ffile=/etc/passwd", "call/..%5cfile=x", "call/%2e%2e/file=x",
        "upload/../file=x",
        "call\\..\\file=x", "queue/join/../../file=x", "mcp/../file=x", "run/../proxy=x",
        "call/%252e%252e/file=/etc/passwd",
        "FILE=/etc/passwd", "//file=/etc/passwd", "./file=/etc/passwd", "custom_component/a/client/b", "dev/reload",
        "token", "runs",
    )
]  # fmt: skip
TRICKS += [
    *(
        "/../etc/passwd",
        "/assets/../../etc/passwd",
        "/assets/..%2f..%2fetc/passwd",
        "/assets/%2e%2e/x",
        "/assets/%252e%252e/x",
    ),
    *(
        "/assets/..\\..\\x",
        "/assets/%5c..%5cx",
        "/static/../app.py",
        "/static/%2e%2e%2fapp.py",
        "/assets/x%00.js",
        "/static/....//x",
    ),
    *(
        "/file=/etc/passwd",
        "/proxy=https://evil.example",
        "//evil.example/",
        "/\\evil.example",
        "/config/../monitoring",
    ),
    *("/var/library.sqlite", "/users.json", "/audit.jsonl", "/monitoring", "/docs", "/redoc", "/.env", "/.git/config"),
]


@pytest.mark.parametrize("path", TRICKS)
def test_tricks_with_paths_lead_nowhere(path: str) -> None:
    # Encoded once by the client and decoded once by the server: both ways must be refused.
    assert not is_served(path)
    assert not is_served(httpx.URL("http://x" + path.replace("%", "%25")).path)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(FakeService()) as url:
        yield url


def raw(url: str, request_line: str, *headers: str) -> tuple[int, str]:
    """Status and reply to a request sent as it stands."""
    parts = urlsplit(url)
    lines = [request_line, *headers, "Connection: close", "", ""]
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as connection:  # type: ignore[arg-type]
        connection.sendall("\r\n".join(lines).encode("utf-8", "surrogateescape"))
        reply = b"".join(iter(lambda: connection.recv(65536), b"")).decode("utf-8", "replace")
    return int(reply.split(" ", 2)[1]), reply


@pytest.mark.parametrize("path", [*TRICKS, "/gradio_api/file%3D/etc/passwd", "/gradio_api/fil%65=/etc/passwd"])
def test_a_real_server_gives_no_file_for_them(url: str, path: str) -> None:
    for target in (path, path.replace("/", "%2f").replace("%2f", "/", 1)):
        status, reply = raw(url, f"GET {target} HTTP/1.1", f"Host: {urlsplit(url).netloc}")
        assert 400 <= status < 500, reply
        assert "root:" not in reply


@pytest.mark.parametrize(
    ("target", "hosts"),
    [
        ("http://evil.example/config", ["localhost"]),
        ("http://evil.example/config", ["evil.example"]),
        ("//evil.example/config", ["localhost"]),
        ("/config", ["evil.example"]),
        ("/config", ["localhost", "evil.example"]),
        ("/config", ["localhost", "localhost"]),
        ("/config", ["localhost:7860:1"]),
        ("/config", ["localhost."]),
        ("/config", [""]),
        ("*", ["localhost"]),
        ("evil.example:443", ["localhost"]),
    ],
)
def test_raw_requests_for_other_hosts_are_refused(url: str, target: str, hosts: list[str]) -> None:
    for method in ("GET", "POST", "CONNECT", "OPTIONS"):
        status, _ = raw(url, f"{method} {target} HTTP/1.1", *(f"Host: {host}" for host in hosts))
        assert 400 <= status < 500


def test_requests_without_a_host_are_refused(url: str) -> None:
    assert raw(url, "GET /config HTTP/1.0")[0] in (400, 421)


def test_claims_of_a_proxy_that_nobody_trusts_count_for_nothing(url: str) -> None:
    host = f"Host: {urlsplit(url).netloc}"
    for claim in ("X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https", "X-Gradio-Server: http://evil.example"):
        status, reply = raw(url, "GET /config HTTP/1.1", host, claim)
        root = json.loads(reply.split("\r\n\r\n", 1)[1])["root"]
        assert (status, root) == (200, url)


# Which requests obviously write


@pytest.mark.parametrize(
    ("method", "path", "writes"),
    [
        ("POST", "/gradio_api/upload", True),
        ("POST", "/gradio_api/call/add_articles", True),
        ("POST", "/gradio_api/call/v2/remove_article", True),
        ("POST", "/gradio_api/call/ask", False),
        ("GET", "/gradio_api/call/rebuild/123", False),
        ("POST", "/v1/articles", True),
        ("DELETE", "/v1/articles/a/b", True),
        ("GET", "/v1/articles", False),
        ("POST", "/v1/ask", False),
        ("POST", "/v1/chat/completions", False),
        ("POST", "/v1/files", True),
    ],
)
def test_obvious_writes_are_known(method: str, path: str, writes: bool) -> None:
    assert is_write(method, path) == writes


def test_readable_addresses_of_proxies_are_required() -> None:
    assert not TrustedProxies()
    assert TrustedProxies(["127.0.0.1", "10.0.0.0/8", "::1"])
