"""Decides which requests reach the app at all: host, password, path, origin and size; knows nothing of the app.

A pure ASGI middleware that wraps everything, so that no route can be forgotten.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qa.ui.access.identity import CLIENT_HEADER, IDENTITY_HEADER, Identity
from qa.ui.problems import code_of_status, error_json

_LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
# What the page, gradio_client, curl and MCP need. All else that Gradio serves (its file and web proxies, monitoring,
# deep links, reloading, component servers, log-in) does not exist here.
_PATHS = frozenset(
    {"/", "/config", "/theme.css", "/favicon.ico", "/manifest.json", "/robots.txt", "/schema", "/openapi.json"}
    | {f"/gradio_api/{name}" for name in ("info", "openapi.json", "app_id", "startup-events", "theme.css", "mcp")}
    | {f"/gradio_api/{name}" for name in ("cancel", "reset", "upload", "upload_progress", "queue/join", "queue/data")}
)
_HTTP_API = "/v1/"
_ARTICLE_IDS = "/v1/articles/"
_FOLDERS = (
    "/assets/",
    "/static/",
    _HTTP_API,
    "/schema/",
    *(f"/gradio_api/{name}/" for name in ("call", "run", "heartbeat", "mcp")),
)
_UPLOAD_PATHS = ("/gradio_api/upload", "/v1/files")
_CLAIMS = (b"x-forwarded-", b"forwarded", b"x-real-ip", b"x-gradio-", b"x-article-qa-")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
_POLICY_ELSEWHERE = "default-src 'none'; frame-ancestors 'none'"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request goes no further."""

    status: int
    reason: str


class TrustedHosts:
    """The names this server answers to. A page under another name, led here by DNS, gets nothing.

    :param bound: The address that is listened on. When that is all of the machine's addresses, any address is right,
        since a hostile page has a name; names must still be listed.
    """

    def __init__(self, bound: str, names: Iterable[str] = ()) -> None:
        self._any_address = bound in ("0.0.0.0", "::")  # noqa: S104 (compared, not listened on)
        self._names = _LOOPBACK_NAMES | {bound.lower()} | {name.lower() for name in names}

    def __contains__(self, host_header: str) -> bool:
        name = _hostname(host_header)
        return name is not None and (name in self._names or (self._any_address and _is_address(name)))


class Guard:
    """The middleware.

    :param password: What every request must carry, by HTTP Basic (any user name) or as a bearer token; None for none.
    :param max_body_bytes: The largest request body, other than uploads.
    :param max_upload_bytes: The largest upload request; it may hold several files.
    """

    def __init__(
        self, app: ASGIApp, *, hosts: TrustedHosts, password: str | None, max_body_bytes: int, max_upload_bytes: int
    ) -> None:
        self._app = app
        self._hosts = hosts
        self._password = None if password is None else password.encode("utf-8")
        self._max_body_bytes = max_body_bytes
        self._max_upload_bytes = max_upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        send = _with_security_headers(send)
        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(_identified(scope, Identity(None, "editor")), receive, send)
            return
        await _refused(refusal, scope["path"])(scope, receive, send)

    def _refusal(self, scope: Scope) -> Refusal | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return Refusal(421, "This server does not answer to that host name; add it to the trusted hosts.")
        if not self._is_authorized(headers.getlist("authorization")):
            return Refusal(401, "A password is needed: HTTP Basic with any user name, or a bearer token.")
        if not _is_served(scope["path"]):
            return Refusal(404, "Not found.")
        if not _is_same_origin(headers.getlist("origin"), hosts[0]):
            return Refusal(403, "Requests from pages of other sites are refused.")
        return self._size_refusal(scope, headers)

    def _is_authorized(self, values: Collection[str]) -> bool:
        if self._password is None:
            return True
        given = _credential(next(iter(values))) if len(values) == 1 else None
        # Compared even when nothing was given, so that the time tells nothing.
        return hmac.compare_digest(given or b"", self._password) and given is not None

    def _size_refusal(self, scope: Scope, headers: Headers) -> Refusal | None:
        if "transfer-encoding" in headers:
            return Refusal(411, "A request body must say its length.")
        length = headers.get("content-length", "0")
        limit = self._max_upload_bytes if scope["path"] in _UPLOAD_PATHS else self._max_body_bytes
        if not length.isdecimal() or len(length) > 18:
            return Refusal(400, "The content length is no number.")
        if int(length) > limit:
            return Refusal(413, f"The request has {int(length):,} bytes; at most {limit:,} are taken.")
        return None


def _refused(refusal: Refusal, path: str) -> Response:
    """The reply, as JSON to programs that speak the HTTP API."""
    headers = {"WWW-Authenticate": 'Basic realm="Article QA", charset="UTF-8"'} if refusal.status == 401 else None
    if path.startswith(_HTTP_API):
        return JSONResponse(error_json(code_of_status(refusal.status), refusal.reason), refusal.status, headers)
    return PlainTextResponse(refusal.reason, refusal.status, headers)


def _hostname(host_header: str) -> str | None:
    """The name in a Host header, without its port and brackets, or None when it is not one."""
    if not host_header or any(character in host_header for character in "/\\@?#, \t"):
        return None
    try:
        parts = urlsplit(f"//{host_header}")
        _ = parts.port  # raises when it is no number
        return parts.hostname
    except ValueError:
        return None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_served(path: str) -> bool:
    if path.startswith(_ARTICLE_IDS):
        return True  # an id may hold anything; it is looked up, and never a path
    trimmed = path.rstrip("/") or "/"
    return ".." not in path and (trimmed in _PATHS or path.startswith(_FOLDERS))


def _is_same_origin(origins: Collection[str], host: str) -> bool:
    """Whether no page, or a page of this very host and port, made the request."""
    if not origins:
        return True
    scheme, _, origin_host = next(iter(origins)).partition("://")
    return len(origins) == 1 and scheme in ("http", "https") and origin_host.lower() == host.lower()


def _credential(authorization: str) -> bytes | None:
    """The password in an Authorization header."""
    scheme, _, value = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return value.strip().encode("utf-8", "replace")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(value.strip(), validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return None


def _identified(scope: Scope, identity: Identity) -> Scope:
    """The request with our word for who makes it, and none of the client's own on who or where it is."""
    kept = [(name, value) for name, value in scope["headers"] if not name.lower().startswith(_CLAIMS)]
    client = scope.get("client") or ("", 0)
    ours = ((IDENTITY_HEADER, identity.to_header()), (CLIENT_HEADER, client[0]))
    return {**scope, "headers": kept + [(name.encode(), value.encode("latin-1")) for name, value in ours]}


def _with_security_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(_HEADERS)
            headers.setdefault("Content-Security-Policy", _POLICY_ELSEWHERE)
        await send(message)

    return send_with_headers
