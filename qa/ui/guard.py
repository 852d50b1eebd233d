"""Decides which requests reach the app at all: host, log-in, role, path, origin, rate and size; knows no app.

A pure ASGI middleware that wraps everything, so that no route can be forgotten. It also says on whose behalf a request
is: in headers that no client can set, and to whatever runs in the request (:mod:`qa.ui.access.actor`).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from index.errors import StorageError
from qa.ui.access import paths
from qa.ui.access.actor import Actor, acting
from qa.ui.access.hosts import TrustedHosts, is_same_origin
from qa.ui.access.identity import CLIENT_HEADER, IDENTITY_HEADER, NOBODY, BusyError, Identity
from qa.ui.access.limits import RateLimit
from qa.ui.access.login import Login
from qa.ui.access.metrics import Metrics
from qa.ui.access.proxies import Origin, TrustedProxies, client_key
from qa.ui.http.errors import error_response
from qa.ui.problems import Problem, code_of_status

_log = logging.getLogger(__name__)
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
_WHO_LOGS_IN = 'Basic realm="Article QA", charset="UTF-8"'


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request goes no further. ``kind`` is what refusals are counted by."""

    status: int
    reason: str
    kind: str
    retry_after_seconds: int | None = None


class Guard:
    """The middleware.

    :param login: Who may use it.
    :param proxies: Whose word counts for where a request comes from.
    :param requests: How many requests each client may make; files that every page needs are not counted.
    :param failed_logins: How many wrong passwords each client may try.
    :param waits_for_others: Whether limits or users are looked up elsewhere, for which no other request should wait.
    :param max_body_bytes: The largest request body, other than uploads.
    :param max_upload_bytes: The largest upload request; it may hold several files.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: TrustedHosts,
        login: Login,
        proxies: TrustedProxies,
        requests: RateLimit,
        failed_logins: RateLimit,
        metrics: Metrics,
        max_body_bytes: int,
        max_upload_bytes: int,
        waits_for_others: bool = False,
    ) -> None:
        self._app = app
        self._hosts = hosts
        self._login = login
        self._proxies = proxies
        self._requests = requests
        self._failed_logins = failed_logins
        self._waits_for_others = waits_for_others
        self._metrics = metrics
        self._max_body_bytes = max_body_bytes
        self._max_upload_bytes = max_upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        origin = self._proxies.origin(scope)
        passed = await self._passed(scope, origin)
        if isinstance(passed, Refusal):
            self._metrics.refusal(passed.kind)
            reply = _Reply(send)
            await _refused(passed, scope["path"])(scope, receive, reply)
            self._metrics.request("(refused)", reply.status)
            return
        identified, reply = _identified(scope, origin, passed), _Reply(send)
        with acting(passed):
            try:
                await self._app(identified, receive, reply)
            finally:
                self._metrics.request(paths.route_of(identified), reply.status)

    async def _passed(self, scope: Scope, origin: Origin) -> Refusal | Actor:
        if self._waits_for_others:
            return await run_in_threadpool(self._refusal_or_actor, scope, origin)
        return self._refusal_or_actor(scope, origin)

    def _refusal_or_actor(self, scope: Scope, origin: Origin) -> Refusal | Actor:
        headers, path = Headers(scope=scope), scope["path"]
        if len(origin.hosts) != 1 or origin.hosts[0] not in self._hosts:
            reason = "This server does not answer to that host name; add it to the trusted hosts."
            return Refusal(421, reason, "host")
        identity = NOBODY if paths.is_health(path) else self._identity(headers, origin)
        if isinstance(identity, Refusal):
            return identity
        if not paths.is_served(path):
            return Refusal(404, "Not found.", "path")
        if not is_same_origin(headers.getlist("origin"), origin.hosts[0], origin.scheme):
            return Refusal(403, "Requests from pages of other sites are refused.", "origin")
        if paths.is_write(scope["method"], path) and not identity.may_write:
            return Refusal(403, "Only editors may change the articles; log in as one, or ask an editor.", "role")
        actor = Actor(identity, origin.client)
        return self._rate_refusal(actor, path) or self._size_refusal(headers, path) or actor

    def _identity(self, headers: Headers, origin: Origin) -> Identity | Refusal:
        authorization, client = headers.getlist("authorization"), client_key(origin.client)
        try:
            identity = self._login.identity(authorization)
            is_guess = bool(authorization) and self._login.is_required()
        except StorageError as error:
            _log.error("nobody is let in: %s", error)
            return Refusal(503, "The list of users cannot be read; the server's log says why.", "users")
        # A user's secret cannot be guessed, so it counts even where somebody else guesses; the password may be weak.
        if identity is not None and (identity.name is not None or not is_guess):
            return identity
        wait = self._failed_logins.look(client) if is_guess else None
        if wait is not None:
            return Refusal(429, f"Too many failed log-ins; try in {wait} seconds.", "login_rate", wait)
        if identity is not None:
            return identity
        if is_guess:
            self._failed_logins.take(client)
        reason = "A log-in is needed: HTTP Basic with name and secret (or the password), or a bearer token."
        return Refusal(401, reason, "login")

    def _rate_refusal(self, actor: Actor, path: str) -> Refusal | None:
        wait = None if paths.is_static(path) else self._requests.take(actor.key)
        return None if wait is None else Refusal(429, str(BusyError(wait)), "request_rate", wait)

    def _size_refusal(self, headers: Headers, path: str) -> Refusal | None:
        if "transfer-encoding" in headers:
            return Refusal(411, "A request body must say its length.", "size")
        length = headers.get("content-length", "0")
        limit = self._max_upload_bytes if paths.is_upload(path) else self._max_body_bytes
        if not length.isdecimal() or len(length) > 18:
            return Refusal(400, "The content length is no number.", "size")
        if int(length) > limit:
            return Refusal(413, f"The request has {int(length):,} bytes; at most {limit:,} are taken.", "size")
        return None


def _refused(refusal: Refusal, path: str) -> Response:
    """The reply: JSON to programs that speak the HTTP API, and to Gradio's page, which shows its ``detail``."""
    headers = {"WWW-Authenticate": _WHO_LOGS_IN} if refusal.status == 401 else {}
    if refusal.retry_after_seconds is not None:
        headers["Retry-After"] = str(refusal.retry_after_seconds)
    if path.startswith(paths.HTTP_API):
        reply = error_response(Problem(code_of_status(refusal.status), refusal.status, refusal.reason), path)
        reply.headers.update(headers)
        return reply
    if path.startswith(paths.GRADIO_API):
        return JSONResponse({"detail": refusal.reason}, refusal.status, headers)
    return PlainTextResponse(refusal.reason, refusal.status, headers)


def _identified(scope: Scope, origin: Origin, actor: Actor) -> Scope:
    """The request with our word for who makes it and whence, and none of the client's own."""
    kept = [
        (name, value)
        for name, value in scope["headers"]
        if name.lower() != b"host" and not name.lower().startswith(_CLAIMS)
    ]
    ours = (
        ("host", origin.hosts[0]),
        (IDENTITY_HEADER, actor.identity.to_header()),
        (CLIENT_HEADER, origin.client),
    )
    headers = kept + [(name.encode(), value.encode("latin-1", "replace")) for name, value in ours]
    return {**scope, "headers": headers, "scheme": origin.scheme, "client": (origin.client, 0)}


class _Reply:
    """A ``send`` that adds the security headers and remembers the status."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 499  # the client went away before there was a reply

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers.update(_HEADERS)
            headers.setdefault("Content-Security-Policy", _POLICY_ELSEWHERE)
        await self._send(message)
