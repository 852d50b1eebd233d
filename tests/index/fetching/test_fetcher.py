"""Fetching from a server that misbehaves on purpose ends soon, with the content or with a plain reason."""

from __future__ import annotations

import gzip
import ssl
import threading
import time
import tomllib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpcore
import pytest

from index.errors import BadInputError, FetchError, PermanentFetchError, TransientFetchError
from index.fetching import AddressPolicy, Fetcher, FetchLimits
from index.fetching.exchange import Wire
from index.fetching.fetcher import USER_AGENT
from tests.index.fetching.bad_server import WIRE, BadServer, Request, answer, drip, endless, raw, redirect
from tests.index.fetching.networks import ForwardingNetwork, Names, NoNetwork
from tests.index.fetching.test_pacing import Clock

PAGE = b"<html><body>The river rose by two metres.</body></html>"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
QUICK = FetchLimits(max_bytes=10_000, max_wire_bytes=20_000, max_header_bytes=4_000, total_seconds=3.0)


@pytest.fixture
def server() -> Iterator[BadServer]:
    with BadServer() as started:
        yield started


@pytest.fixture
def fetcher(server: BadServer) -> Fetcher:
    return fetcher_for(server)


def fetcher_for(server: BadServer, limits: FetchLimits = QUICK, **options: Any) -> Fetcher:
    return Fetcher(policy=server.policy, limits=limits, wire=WIRE, **{"min_interval_seconds": 0, **options})


def error_of(fetcher: Fetcher, url: str) -> FetchError:
    """The error, which must fit on one line."""
    with pytest.raises(FetchError) as caught:
        fetcher.fetch(url)
    assert str(caught.value).isprintable()
    return caught.value


# Proper answers


def test_a_page_comes_with_all_that_the_server_says_about_it(server: BadServer, fetcher: Fetcher) -> None:
    url = server.serve(
        "/page",
        PAGE,
        media_type="Text/HTML; charset=UTF-8",
        headers={"ETag": '"v1"', "Last-Modified": "Tue, 14 Nov 2023 22:13:20 GMT"},
    )
    fetched = fetcher.fetch(url + "#part")
    assert (fetched.url, fetched.requested_url, fetched.status, fetched.body) == (url, url, "fetched", PAGE)
    assert (fetched.media_type, fetched.charset, fetched.etag) == ("text/html", "utf-8", '"v1"')
    assert fetched.last_modified == "Tue, 14 Nov 2023 22:13:20 GMT"


def test_requests_say_who_asks_and_nothing_else(
    server: BadServer, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    url = server.serve("/page", PAGE, headers={"Set-Cookie": "a=b"})
    fetcher.fetch(url)
    fetcher.fetch(url)
    for request in server.requests:
        assert set(request.headers) == {"host", "user-agent", "accept", "accept-encoding", "connection"}
        assert request.headers["user-agent"] == USER_AGENT
        assert request.headers["accept-encoding"] == "gzip, deflate"
        assert request.headers["host"] == f"127.0.0.1:{server.port}"


def test_the_user_agent_names_the_version_of_the_project() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert USER_AGENT.startswith(f"ArticleQA/{project['version']} ")


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(PAGE)),
        ("deflate", zlib.compress(PAGE)),
        ("gzip", gzip.compress(PAGE[:9]) + gzip.compress(PAGE[9:])),
    ],
    ids=["gzip", "deflate", "gzip in two members"],
)
def test_compressed_pages_are_unpacked(server: BadServer, fetcher: Fetcher, encoding: str, packed: bytes) -> None:
    assert fetcher.fetch(server.serve("/", packed, headers={"Content-Encoding": encoding})).body == PAGE


def test_chunked_pages_are_put_together(server: BadServer, fetcher: Fetcher) -> None:
    chunks = b"".join(b"%x\r\n%b\r\n" % (1, PAGE[i : i + 1]) for i in range(len(PAGE)))
    url = server.on("/", raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", chunks, b"0\r\n\r\n"))
    assert fetcher.fetch(url).body == PAGE


def test_no_headers_at_all_is_a_page_of_unknown_type(server: BadServer, fetcher: Fetcher) -> None:
    fetched = fetcher.fetch(server.on("/", raw(b"HTTP/1.1 200 OK\r\n\r\n" + PAGE)))
    assert (fetched.body, fetched.media_type, fetched.charset) == (PAGE, None, None)
    assert (fetched.etag, fetched.last_modified) == (None, None)


def test_an_early_answer_before_the_real_one_is_passed_over(server: BadServer, fetcher: Fetcher) -> None:
    url = server.on("/", raw(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n", answer(PAGE)))
    assert fetcher.fetch(url).body == PAGE


def test_the_declared_type_is_told_as_declared(server: BadServer, fetcher: Fetcher) -> None:
    fetched = fetcher.fetch(server.serve("/", b"%PDF-1.7", media_type="image/png"))
    assert (fetched.body, fetched.media_type) == (b"%PDF-1.7", "image/png")


# Conditional requests


def test_an_unchanged_page_is_not_sent_again(server: BadServer, fetcher: Fetcher) -> None:
    def behave(request: Request) -> list[bytes]:
        is_known = request.headers.get("if-none-match") == '"v1"'
        return [b"HTTP/1.1 304 Not Modified\r\n\r\n" if is_known else answer(PAGE, headers={"ETag": '"v1"'})]

    url = server.on("/", behave)
    first = fetcher.fetch(url)
    second = fetcher.fetch(url, etag=first.etag, last_modified="Tue, 14 Nov 2023 22:13:20 GMT")
    assert (second.status, second.body, second.etag) == ("not_modified", b"", '"v1"')
    assert server.requests[1].headers["if-modified-since"] == "Tue, 14 Nov 2023 22:13:20 GMT"
    assert second.last_modified == "Tue, 14 Nov 2023 22:13:20 GMT"


def test_not_modified_behind_a_redirect_counts(server: BadServer, fetcher: Fetcher) -> None:
    server.on("/b", raw(b'HTTP/1.1 304 Not Modified\r\nETag: "v2"\r\n\r\n'))
    fetched = fetcher.fetch(server.on("/a", redirect("/b")), etag='"v1"')
    assert (fetched.url, fetched.status, fetched.etag) == (server.url("/b"), "not_modified", '"v2"')


def test_not_modified_without_a_condition_is_an_error(server: BadServer, fetcher: Fetcher) -> None:
    error = error_of(fetcher, server.on("/", raw(b"HTTP/1.1 304 Not Modified\r\n\r\n")))
    assert isinstance(error, PermanentFetchError)


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "", "é", "a" * 501])
def test_a_condition_that_no_server_sent_is_refused(server: BadServer, fetcher: Fetcher, value: str) -> None:
    with pytest.raises(BadInputError):
        fetcher.fetch(server.url(), etag=value)
    with pytest.raises(BadInputError):
        fetcher.fetch(server.url(), last_modified=value)
    assert server.requests == []


# Statuses


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "login"),
        (403, "may not be read"),
        (404, "does not exist"),
        (410, "removed for good"),
        (418, "gave no page"),
        (451, "legal"),
        (204, "empty"),
        (206, "gave no page"),
        (300, "gave no page"),
        (305, "gave no page"),
    ],
)
def test_permanent_refusals(server: BadServer, fetcher: Fetcher, status: int, words: str) -> None:
    error = error_of(fetcher, server.on("/", raw(answer(status=status, headers={"Retry-After": "5"}))))
    assert isinstance(error, PermanentFetchError)
    assert error.status == status
    assert words in str(error)


@pytest.mark.parametrize("status", [202, 408, 425, 429, 500, 502, 503, 504, 520, 599])
def test_transient_refusals_say_how_long_to_wait(server: BadServer, fetcher: Fetcher, status: int) -> None:
    asked = error_of(fetcher, server.on("/a", raw(answer(status=status, headers={"Retry-After": "120"}))))
    unasked = error_of(fetcher, server.on("/b", raw(answer(status=status))))
    assert isinstance(asked, TransientFetchError)
    assert asked.retry_after_seconds == 120
    assert isinstance(unasked, TransientFetchError)
    assert unasked.retry_after_seconds is None


def test_the_page_of_an_error_is_not_read(server: BadServer, fetcher: Fetcher) -> None:
    url = server.on("/", endless(b"HTTP/1.1 404 Not Found\r\n\r\n", bytes(1000)))
    assert "does not exist" in str(error_of(fetcher, url))


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_to_the_page(server: BadServer, fetcher: Fetcher, status: int) -> None:
    server.serve("/dir/c", PAGE)
    server.on("/dir/b", redirect("c", status))
    url = server.on("/a", redirect("/dir/b", status))
    fetched = fetcher.fetch(url)
    assert (fetched.url, fetched.requested_url, fetched.body) == (server.url("/dir/c"), url, PAGE)


@pytest.mark.parametrize("steps", [5, 6, 10])
def test_five_redirects_are_followed_and_no_more(server: BadServer, fetcher: Fetcher, steps: int) -> None:
    for step in range(steps):
        server.on(f"/{step}", redirect(f"/{step + 1}"))
    server.serve(f"/{steps}", PAGE)
    if steps <= 5:
        assert fetcher.fetch(server.url("/0")).body == PAGE
    else:
        error = error_of(fetcher, server.url("/0"))
        assert isinstance(error, PermanentFetchError)
        assert "more than 5 times" in str(error)
        assert server.paths == [f"/{step}" for step in range(6)]


@pytest.mark.parametrize("circle", [["/a"], ["/a", "/b"], ["/a", "/b", "/c"]])
def test_a_circle_of_redirects_is_named(server: BadServer, fetcher: Fetcher, circle: list[str]) -> None:
    for here, there in zip(circle, [*circle[1:], circle[0]], strict=True):
        server.on(here, redirect(there + "#again"))
    error = error_of(fetcher, server.url("/a"))
    assert isinstance(error, PermanentFetchError)
    assert "circle" in str(error)
    assert server.paths == circle


@pytest.mark.parametrize(
    "location",
    ["http://10.0.0.1/", "http://169.254.169.254/latest", "http://2130706433/", "//[::1]/", "http://localhost/"],
)
def test_a_redirect_to_a_private_address_is_not_followed(server: BadServer, location: str) -> None:
    network = ForwardingNetwork(server.port)
    names = Names(["93.184.215.14"])
    fetcher = Fetcher(resolve=names, wire=Wire(network, WIRE.ssl_context), min_interval_seconds=0)
    server.on("/", redirect(location))
    assert isinstance(error_of(fetcher, "http://news.example/"), PermanentFetchError)
    assert network.tried == [("93.184.215.14", 80)]
    assert names.asked == ["news.example"]


@pytest.mark.parametrize(
    "location",
    [
        b"",
        b"http://[",
        b"ftp://example.com/",
        b"javascript:alert(1)",
        b"http://a@b/",
        b"http://\xff\xfe/",
        b"http:///x",
    ],
)
def test_a_redirect_to_nothing_readable_is_refused(server: BadServer, fetcher: Fetcher, location: bytes) -> None:
    url = server.on("/", raw(b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\n\r\n"))
    assert isinstance(error_of(fetcher, url), PermanentFetchError)


def test_a_redirect_without_location_is_refused(server: BadServer, fetcher: Fetcher) -> None:
    assert "no readable address" in str(error_of(fetcher, server.on("/", raw(answer(status=302)))))


def test_the_page_of_a_redirect_is_not_read(server: BadServer, fetcher: Fetcher) -> None:
    server.serve("/b", PAGE)
    url = server.on("/a", endless(b"HTTP/1.1 302 Found\r\nLocation: /b\r\n\r\n", bytes(1000)))
    assert fetcher.fetch(url).body == PAGE


# Pinning


def test_a_name_is_looked_up_once_and_connected_to_where_it_was_checked(server: BadServer) -> None:
    network = ForwardingNetwork(server.port)
    names = Names(["93.184.215.14"], ["127.0.0.1"])
    fetcher = Fetcher(resolve=names, wire=Wire(network, WIRE.ssl_context), min_interval_seconds=0)
    server.serve("/", PAGE)
    assert fetcher.fetch("http://news.example/").body == PAGE
    assert names.asked == ["news.example"]
    assert network.tried == [("93.184.215.14", 80)]
    assert server.requests[0].headers["host"] == "news.example"


def test_each_hop_is_looked_up_and_checked_anew(server: BadServer) -> None:
    network = ForwardingNetwork(server.port)
    names = Names(["93.184.215.14"], ["127.0.0.1"])
    fetcher = Fetcher(resolve=names, wire=Wire(network, WIRE.ssl_context), min_interval_seconds=0)
    server.on("/", redirect("/next"))
    server.serve("/next", PAGE)
    assert "only the public internet" in str(error_of(fetcher, "http://news.example/"))
    assert names.asked == ["news.example", "news.example"]
    assert network.tried == [("93.184.215.14", 80)]


def test_the_next_checked_address_is_tried_when_one_does_not_answer(server: BadServer) -> None:
    network = ForwardingNetwork(server.port, dead=["2600::1"])
    fetcher = Fetcher(
        resolve=Names(["2600::1", "93.184.215.14"]), wire=Wire(network, WIRE.ssl_context), min_interval_seconds=0
    )
    server.serve("/", PAGE)
    assert fetcher.fetch("http://news.example/").body == PAGE
    assert [address for address, _ in network.tried] == ["2600::1", "93.184.215.14"]


def test_a_name_that_cannot_be_looked_up_may_be_tried_again() -> None:
    def fail(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    assert isinstance(error_of(Fetcher(resolve=fail, wire=WIRE), "http://news.example/"), TransientFetchError)


def test_a_resolver_that_hangs_is_given_up_on() -> None:
    hanging = threading.Event()

    def hang(host: str, port: int) -> list[str]:
        hanging.wait(10)
        return []

    began = time.monotonic()
    fetcher = Fetcher(resolve=hang, wire=WIRE, limits=FetchLimits(connect_seconds=0.2))
    error = error_of(fetcher, "http://news.example/")
    hanging.set()
    assert isinstance(error, TransientFetchError)
    assert time.monotonic() - began < 3


def test_a_server_that_is_not_there_may_be_tried_again() -> None:
    with BadServer() as gone:
        fetcher, url = fetcher_for(gone), gone.url()
    error = error_of(fetcher, url)
    assert isinstance(error, TransientFetchError)
    assert "cannot be reached" in str(error)


# Encryption


class EncryptedStream(httpcore.MockStream):
    """Stands in for a connection: notes for whom a certificate is wanted, and may find it wrong."""

    def __init__(self, wrong: ssl.SSLError | None = None) -> None:
        super().__init__([answer(PAGE)])
        self.wanted: list[str | None] = []
        self._wrong = wrong

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        self.wanted.append(server_hostname)
        if self._wrong is not None:
            raise httpcore.ConnectError("refused") from self._wrong
        return self


class EncryptedNetwork(NoNetwork):
    """Every address is taken by the one stream."""

    def __init__(self, stream: EncryptedStream) -> None:
        super().__init__()
        self._stream = stream

    def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore.NetworkStream:
        self.tried.append((host, port))
        return self._stream


def test_the_certificate_is_wanted_for_the_name_and_not_for_the_pinned_address() -> None:
    stream = EncryptedStream()
    network = EncryptedNetwork(stream)
    fetcher = Fetcher(resolve=Names(["93.184.215.14"]), wire=Wire(network, WIRE.ssl_context))
    assert fetcher.fetch("https://News.example/").body == PAGE
    assert network.tried == [("93.184.215.14", 443)]
    assert stream.wanted == ["news.example"]


def test_certificates_are_checked_by_default() -> None:
    context = Fetcher()._wire.ssl_context
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


@pytest.mark.parametrize(
    ("wrong", "kind", "words"),
    [
        (ssl.SSLCertVerificationError("certificate has expired"), PermanentFetchError, "no valid certificate"),
        (ssl.SSLError("wrong version number"), PermanentFetchError, "no encryption"),
        (ssl.SSLEOFError("EOF occurred"), TransientFetchError, "cannot be reached"),
    ],
)
def test_a_server_that_cannot_prove_who_it_is_is_refused(
    wrong: ssl.SSLError, kind: type[FetchError], words: str
) -> None:
    network = EncryptedNetwork(EncryptedStream(wrong))
    fetcher = Fetcher(resolve=Names(["93.184.215.14"]), wire=Wire(network, WIRE.ssl_context))
    error = error_of(fetcher, "https://news.example/")
    assert isinstance(error, kind)
    assert words in str(error)


def test_a_server_without_encryption_is_not_talked_to_in_https(server: BadServer) -> None:
    fetcher = fetcher_for(server, FetchLimits(connect_seconds=0.2))
    assert isinstance(error_of(fetcher, f"https://127.0.0.1:{server.port}/"), FetchError)
    assert server.requests == []


# Slow, cut, lying and endless answers


SLOW = {
    "slow headers": drip(answer(PAGE), 0.05),
    "slow body": lambda request: (yield HEAD + b"\r\n") or (yield from drip(PAGE, 0.05)(request)),
    "slow chunks": lambda request: (
        (yield HEAD + b"Transfer-Encoding: chunked\r\n\r\n") or (yield from drip(b"1\r\na\r\n" * 30, 0.05)(request))
    ),
}


@pytest.mark.parametrize("kind", SLOW)
def test_slow_bytes_do_not_stretch_the_time(server: BadServer, kind: str) -> None:
    fetcher = fetcher_for(server, FetchLimits(total_seconds=0.4))
    began = time.monotonic()
    error = error_of(fetcher, server.on("/", SLOW[kind]))
    assert isinstance(error, TransientFetchError)
    assert time.monotonic() - began < 3


def test_one_who_never_answers_is_left_in_time(server: BadServer) -> None:
    fetcher = fetcher_for(server, FetchLimits(total_seconds=0.3))
    began = time.monotonic()
    error = error_of(fetcher, server.on("/", server.never_answer))
    assert isinstance(error, TransientFetchError)
    assert time.monotonic() - began < 3


def test_many_slow_redirects_share_one_time_limit(server: BadServer) -> None:
    def slowly(request: Request) -> Iterator[bytes]:
        time.sleep(0.2)
        yield answer(status=302, headers={"Location": request.path + "x"})

    for step in range(6):
        server.on("/" + "x" * step, slowly)
    began = time.monotonic()
    assert isinstance(error_of(fetcher_for(server, FetchLimits(total_seconds=0.5)), server.url()), TransientFetchError)
    assert time.monotonic() - began < 3
    assert len(server.requests) <= 4


CUT = {
    "at once": b"",
    "after another protocol's greeting": b"SSH-2.0-OpenSSH_9.6\r\n",
    "in the status": b"HTTP/1.1 2",
    "in the headers": HEAD + b"Content-Le",
    "in the body": HEAD + b"Content-Length: 1000\r\n\r\n" + PAGE,
    "in a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n100\r\nabc",
    "between chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    "in the gzip stream": answer(gzip.compress(PAGE)[:-9], headers={"Content-Encoding": "gzip"}),
    "in the gzip header": answer(b"\x1f", headers={"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("where", CUT)
def test_an_answer_that_is_cut_may_be_tried_again(server: BadServer, fetcher: Fetcher, where: str) -> None:
    error = error_of(fetcher, server.on("/", raw(CUT[where])))
    assert isinstance(error, TransientFetchError)
    assert "OpenSSH" not in str(error)


def test_of_a_body_longer_than_announced_the_announced_part_is_taken(server: BadServer, fetcher: Fetcher) -> None:
    url = server.on("/", raw(HEAD + b"Content-Length: 6\r\n\r\n" + PAGE))
    assert fetcher.fetch(url).body == PAGE[:6]


def test_a_compressed_body_longer_than_announced_is_noticed(server: BadServer, fetcher: Fetcher) -> None:
    url = server.serve("/", gzip.compress(PAGE), headers={"Content-Encoding": "gzip", "Content-Length": "20"})
    assert isinstance(error_of(fetcher, url), TransientFetchError)


NO_HTTP = {
    "a line": b"220 mail.example ESMTP ready\r\n\r\n",
    "a page without status": PAGE + b"\r\n\r\n",
    "a bad status": b"HTTP/1.1 abc OK\r\n\r\n",
    "a huge status": b"HTTP/1.1 99999 OK\r\n\r\n",
    "bad headers": b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
    "zeros in headers": b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    "a negative length": HEAD + b"Content-Length: -5\r\n\r\nabcdef",
    "a length in words": HEAD + b"Content-Length: five\r\n\r\nabcdef",
    "chunks of garbage": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
    "a negative chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nabc\r\n",
    "a chunk without end": HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nabcdef\r\n0\r\n\r\n",
    "an unknown framing": HEAD + b"Transfer-Encoding: smoke\r\n\r\nabc",
    "random bytes": bytes(range(256)) * 4,
    "a wrong encoding": answer(PAGE, headers={"Content-Encoding": "gzip"}),
    "a wrong deflate": answer(PAGE, headers={"Content-Encoding": "deflate"}),
    "an unwanted encoding": answer(PAGE, headers={"Content-Encoding": "br"}),
    "nested encodings": answer(gzip.compress(gzip.compress(PAGE)), headers={"Content-Encoding": "gzip, gzip"}),
}


@pytest.mark.parametrize("kind", NO_HTTP)
def test_what_is_no_proper_http_is_refused_for_good(server: BadServer, fetcher: Fetcher, kind: str) -> None:
    error = error_of(fetcher, server.on("/", raw(NO_HTTP[kind])))
    assert isinstance(error, PermanentFetchError)
    assert "ESMTP" not in str(error)


def test_a_page_packed_twice_and_declared_once_is_unpacked_once(server: BadServer, fetcher: Fetcher) -> None:
    twice = gzip.compress(gzip.compress(PAGE))
    body = fetcher.fetch(server.serve("/", twice, headers={"Content-Encoding": "gzip"})).body
    assert gzip.decompress(body) == PAGE


ENDLESS = {
    "body": endless(HEAD + b"\r\n", bytes(1000)),
    "chunked body": endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"5\r\nabcde\r\n" * 100),
    "tiny chunks": endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1;ext=1\r\na\r\n" * 100),
    "chunk extension": endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;", b"a" * 1000),
    "trailers": endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n" * 100),
    "status line": endless(b"HTTP/1.1 200 ", b"a" * 1000),
    "header": endless(HEAD + b"X: ", b"a" * 1000),
    "headers": endless(HEAD, b"X: y\r\n" * 100),
    "early answers": endless(b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 40),
    "bare lines": endless(b"", b"\r\n" * 500),
    "gzip bomb": endless(
        HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(bytes(2**20))[:500], gzip.compress(bytes(2**20))[500:]
    ),
    "empty gzip members": endless(HEAD + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b"") * 10),
    "litter after gzip": endless(HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(PAGE), b"litter" * 100),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_an_endless_answer_ends_at_a_limit(server: BadServer, fetcher: Fetcher, kind: str) -> None:
    error = error_of(fetcher, server.on("/", ENDLESS[kind]))
    assert isinstance(error, PermanentFetchError)  # the time limit would be a transient one


def test_headers_up_to_the_limit_are_read_and_larger_ones_not(server: BadServer, fetcher: Fetcher) -> None:
    assert fetcher.fetch(server.serve("/a", PAGE, headers={"X": "a" * 3000})).body == PAGE
    error = error_of(fetcher, server.serve("/b", PAGE, headers={"X": "a" * 5000}))
    assert "headers are larger than 4000 bytes" in str(error)


def test_a_body_of_exactly_the_limit_is_taken_and_one_byte_more_is_not(server: BadServer, fetcher: Fetcher) -> None:
    assert len(fetcher.fetch(server.serve("/a", bytes(10_000))).body) == 10_000
    for path, headers in (("/b", {}), ("/c", {"Transfer-Encoding": "identity"}), ("/d", {"Content-Encoding": "gzip"})):
        body = gzip.compress(bytes(10_001)) if headers.get("Content-Encoding") else bytes(10_001)
        assert isinstance(error_of(fetcher, server.serve(path, body, headers=headers)), PermanentFetchError)


def test_a_body_announced_too_large_is_not_waited_for(server: BadServer) -> None:
    fetcher = fetcher_for(server, FetchLimits(total_seconds=10))

    def announce(_request: Request) -> Iterator[bytes]:
        yield HEAD + b"Content-Length: 99999999999\r\n\r\n"
        yield from server.never_answer(_request)

    assert "announced" in str(error_of(fetcher, server.on("/", announce)))


# Pace


def test_one_host_is_asked_at_the_named_pace_however_many_ask(server: BadServer) -> None:
    url = server.serve("/", PAGE)
    fetcher = fetcher_for(server, min_interval_seconds=0.1)
    began = time.monotonic()
    threads = [threading.Thread(target=fetcher.fetch, args=(url,)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.requests) == 5
    assert time.monotonic() - began >= 0.4


def test_waiting_for_ones_turn_takes_nothing_from_the_time_to_answer(server: BadServer) -> None:
    url = server.serve("/", PAGE)
    clock = Clock()
    limits = FetchLimits(total_seconds=3)
    fetcher = fetcher_for(server, limits, min_interval_seconds=5, clock=clock, sleep=clock.sleep)
    fetcher.fetch(url)
    assert fetcher.fetch(url).body == PAGE
    assert clock.slept == [5]


@pytest.mark.parametrize(
    "change", [{"max_bytes": 0}, {"total_seconds": 0.0}, {"connect_seconds": -1.0}, {"max_redirects": -1}]
)
def test_limits_that_allow_nothing_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        FetchLimits(**change)


def test_this_machine_is_closed_unless_opened(server: BadServer) -> None:
    fetcher = Fetcher(policy=AddressPolicy(ports=(server.port,)), wire=WIRE)
    for host in ("127.0.0.1", "localhost", "[::1]"):
        assert isinstance(error_of(fetcher, server.url("/", host)), PermanentFetchError)
    assert server.requests == []
