"""Requests that nobody should send: valid ones of every way in, with one to three things wrong; knows no servers."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from tests.qa.ui.fakes import LICENCE, LICENCE_QUESTION

JSON_TYPE = "application/json"
_MCP_ACCEPT = "application/json, text/event-stream"
_TURN = {"role": "user", "content": "Who?"}
_RECORD = {"text": "Some words.", "title": "A title", "url": "https://a.example/1", "published_at": "2024-01-01"}
_ASK = {
    "question": LICENCE_QUESTION,
    "as_of": "2024-03-28",
    "history": [_TURN],
    "mode": "fast",
    "source": "Example News",
    "published_after": "2022-01-01",
    "published_before": "2024-01-01",
    "use_date_window": True,
}
_SEARCH = {"query": "licence", "k": 3, "published_after": "2022-01-01", "published_before": None, "source": None}
_LIST = {"offset": 0, "limit": 5, "query": "x", "source": None, "sort": "newest"}
_CHAT = {
    "model": "article-qa",
    "messages": [
        {"role": "system", "content": "x"},
        _TURN,
        {"role": "user", "content": [{"type": "text", "text": "q"}]},
    ],
    "stream": False,
    "article_qa": {"as_of": "2024-01-01", "source": None},
}
_ARGUMENTS: dict[str, dict[str, Any]] = {
    "ask": _ASK,
    "ask_stream": _ASK,
    "search": _SEARCH,
    "articles": _LIST,
    "article": {"article_id": LICENCE.article_id},
    "status": {},
    "add_articles": {"articles": [_RECORD, {"text": "More words."}]},
    "upload": {"files": [{"path": "/tmp/gradio/x/a.txt", "meta": {"_type": "gradio.FileData"}, "orig_name": "a"}]},
    "remove_article": {"article_id": "nothing"},
    "rebuild": {"full": False},
}
_FILE = (
    b'--bound\r\nContent-Disposition: form-data; name="files"; filename="a.txt"\r\n'
    b"Content-Type: text/plain\r\n\r\nA headline\n\nSome words.\r\n--bound--\r\n"
)
_FORM = (("content-type", "multipart/form-data; boundary=bound"),)
_ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2.5, 1e308, -0.0, 10**18, 10**30, "", " ", "x", "\x00", "\ud800", "é" * 3, "😀"),
    *("x" * 3_000, "[1]", "<script>", "../../etc/passwd", "%00", "2024-02-30", "9999-12-31", "0001-01-01", "full"),
    *([], {}, [[]], [None], {"": None}, {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}, [_TURN] * 101),
    *(float("nan"), float("inf"), {"a": {"b": {"c": [1, 2, {"d": "e"}]}}}, ["x"] * 300),
)  # fmt: skip
_TYPES = (
    JSON_TYPE,
    "text/plain",
    "",
    "application/json; charset=utf-16",
    "multipart/form-data",
    "\x7f",
    "a/b;q=" + "x" * 500,
)
_METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "FOO")
_PIECES = (b"\x00", b"\xff\xfe", b'"', b"{", b"[" * 200, b"}", b"\\ud800", b"\\u0000", b"1e999", b",", b"\r\n", b"NaN")


@dataclass(frozen=True, slots=True)
class Sent:
    """One request. ``way``: which of the ways in it takes; ``tree``: the JSON that ``body`` is made of, if it is."""

    way: str
    method: str
    path: str
    query: str = ""
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    tree: Any = None

    def with_tree(self, tree: Any) -> Sent:
        return replace(self, tree=tree, body=json.dumps(tree).encode("ascii"))


def valid_requests() -> list[Sent]:
    """One of each kind, all acceptable (or about something that is not there)."""
    return [*_http(), *_gradio(), *_mcp()]


def _posted(way: str, path: str, tree: Any, *more: tuple[str, str]) -> Sent:
    return Sent(way, "POST", path, headers=(("content-type", JSON_TYPE), *more)).with_tree(tree)


def _http() -> list[Sent]:
    posted = {
        "/v1/ask": _ASK,
        "/v1/ask_stream": _ASK,
        "/v1/search": _SEARCH,
        "/v1/articles": {"articles": [_RECORD]},
        "/v1/rebuild": {"full": True},
        "/v1/chat/completions": _CHAT,
    }
    listing = "&".join(f"{name}={quote(str(value))}" for name, value in _LIST.items() if value is not None)
    return [
        *(_posted("http", path, tree) for path, tree in posted.items()),
        _posted("http", "/v1/articles", {"articles": [_RECORD]}, ("idempotency-key", "k")),
        _posted("http", "/v1/chat/completions", _CHAT | {"stream": True}),
        Sent("http", "GET", "/v1/articles", query=listing),
        Sent("http", "GET", f"/v1/articles/{LICENCE.article_id}"),
        Sent("http", "DELETE", "/v1/articles/nothing"),
        Sent("http", "POST", "/v1/files", body=_FILE, headers=_FORM),
        *(Sent("http", "GET", path) for path in ("/v1/status", "/v1/models", "/schema", "/openapi.json")),
    ]


def _gradio() -> list[Sent]:
    api = "/gradio_api"
    calls = [_posted("gradio", f"{api}/call/{name}", {"data": list(a.values())}) for name, a in _ARGUMENTS.items()]
    named = [_posted("gradio", f"{api}/call/v2/{name}", arguments) for name, arguments in _ARGUMENTS.items()]
    joined = {"data": [LICENCE_QUESTION], "fn_index": 0, "session_hash": "fuzz", "trigger_id": None, "event_data": None}
    return [
        *calls,
        *named,
        _posted("gradio", f"{api}/run/ask", {"data": [LICENCE_QUESTION]}),
        _posted("gradio", f"{api}/run/predict", {"data": [], "fn_index": 3}),
        _posted("gradio", f"{api}/queue/join", joined),
        _posted("gradio", f"{api}/cancel", {"session_hash": "fuzz", "fn_index": 0, "event_id": "x"}),
        _posted("gradio", f"{api}/reset", {"event_id": "x"}),
        Sent("gradio", "POST", f"{api}/upload", body=_FILE, headers=_FORM),
        *(Sent("gradio", "GET", path) for path in ("/config", f"{api}/info", f"{api}/app_id", f"{api}/openapi.json")),
    ]  # fmt: skip


def _mcp() -> list[Sent]:
    accept = ("accept", _MCP_ACCEPT)

    def rpc(method: str, parameters: Any) -> Sent:
        tree = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        return _posted("mcp", "/gradio_api/mcp/", tree, accept)

    client = {"protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
    tools = ("ask", "search", "articles", "article", "add_articles")
    return [
        rpc("initialize", client),
        rpc("tools/list", {}),
        rpc("resources/list", {}),
        *(rpc("tools/call", {"name": name, "arguments": _ARGUMENTS[name]}) for name in tools),
    ]


def malformed(request: Sent, chance: random.Random) -> Sent:
    """The request with one to three things wrong (or, now and then, nothing: chance may undo itself)."""
    for _ in range(chance.randint(1, 3)):
        request = chance.choices(
            (_wrong_value, _wrong_bytes, _wrong_path, _wrong_query, _wrong_header, _wrong_method),
            (10, 3, 2, 2, 2, 1),
        )[0](request, chance)
    return request


def _wrong_value(request: Sent, chance: random.Random) -> Sent:
    if request.tree is None:
        return _wrong_query(request, chance) if request.method == "GET" else _wrong_bytes(request, chance)
    return request.with_tree(_altered(request.tree, chance))


def _altered(tree: Any, chance: random.Random) -> Any:
    """The tree with another value, key or length somewhere."""
    if isinstance(tree, dict) and tree and chance.random() < 0.85:
        key = chance.choice(list(tree))
        kind = chance.random()
        if kind < 0.12:
            return {name: value for name, value in tree.items() if name != key}
        if kind < 0.2:
            return {**tree, str(chance.choice(_ODD))[:200]: chance.choice(_ODD)}
        return {**tree, key: _altered(tree[key], chance)}
    if isinstance(tree, list) and tree and chance.random() < 0.85:
        place = chance.randrange(len(tree))
        kind = chance.random()
        if kind < 0.15:
            return tree[:place] + tree[place + 1 :]
        if kind < 0.3:
            return [*tree[:place], chance.choice(_ODD), *tree[place:]]
        return [*tree[:place], _altered(tree[place], chance), *tree[place + 1 :]]
    return chance.choice(_ODD)


def _wrong_bytes(request: Sent, chance: random.Random) -> Sent:
    body = bytearray(request.body or b"{}")
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(body) + 1)
        kind = chance.randrange(4)
        if kind == 0:
            del body[place : place + chance.randint(1, 20)]
        elif kind == 1:
            body[place:place] = chance.choice(_PIECES)
        elif kind == 2:
            body[place : place + 1] = bytes([chance.randrange(256)])
        else:
            body = body[:place]
    return replace(request, body=bytes(body), tree=None)


def _wrong_path(request: Sent, chance: random.Random) -> Sent:
    parts = request.path.split("/")
    place = chance.randrange(1, len(parts))
    parts[place] = chance.choice(
        ["", "..", "x", "%2e%2e", "a" * 300, "é", "\x00", "ask", "v2", "null", parts[place] + "/"]
    )
    return replace(request, path="/".join(parts))


def _wrong_query(request: Sent, chance: random.Random) -> Sent:
    name = chance.choice([*_LIST, "session_hash", "x", "", "published_after", "limit[]"])
    value = quote(str(chance.choice(_ODD)).encode("utf-8", "replace"))[:2_000]
    return replace(request, query=f"{request.query}&{name}={value}"[-4_000:].lstrip("&"))


def _wrong_header(request: Sent, chance: random.Random) -> Sent:
    name = chance.choice(
        ["content-type", "accept", "idempotency-key", "content-length", "authorization", "host", "range"]
    )
    values = {
        "content-type": _TYPES,
        "content-length": ("0", "5", "x", "-1", "99999999999"),
        "host": ("localhost", "evil"),
    }
    value = chance.choice(values.get(name, ("", "x", "a" * 300, "Bearer x", "\x01", "bytes=0-", "text/html")))
    kept = tuple(pair for pair in request.headers if pair[0] != name)
    return replace(request, headers=(*kept, (name, value)))


def _wrong_method(request: Sent, chance: random.Random) -> Sent:
    return replace(request, method=chance.choice(_METHODS))
