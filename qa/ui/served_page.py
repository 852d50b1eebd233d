"""Makes Gradio's page ours before it leaves: a strict content policy, our name, no addresses of other sites.

Knows nothing of what is on the page. Inline scripts are allowed by their hashes, so that markup which slipped into the
page could not run any.
"""

from __future__ import annotations

import base64
import hashlib
import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qa.ui import text
from qa.ui.html import escape

_INLINE_SCRIPT = re.compile(r"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)
_SOCIAL_META = re.compile(r'<meta\s+(?:property="og:|name="twitter:)[^>]*>\s*', re.IGNORECASE)
# Gradio compiles its templates and event scripts with Function(), hence 'unsafe-eval'; it sets styles inline.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-eval' {hashes}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
    "object-src 'none'; frame-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)


class ServedPage:
    """ASGI middleware around the app that serves the page at "/"."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        # The page is read here, so it must not come compressed.
        headers = [(name, value) for name, value in scope["headers"] if name.lower() != b"accept-encoding"]
        await self._app({**scope, "headers": headers}, receive, _Rewriter(send))


class _Rewriter:
    """A ``send`` that holds the page back until it is whole."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body", False) or self._start is None:
            return
        if Headers(raw=self._start["headers"]).get("content-type", "").startswith("text/html"):
            self._body, policy = rewritten(self._body)
            headers = MutableHeaders(raw=list(self._start["headers"]))
            headers["content-length"] = str(len(self._body))
            headers["content-security-policy"] = policy
            headers["cache-control"] = "no-store"
            self._start = {**self._start, "headers": headers.raw}
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": self._body})


def rewritten(page: bytes) -> tuple[bytes, str]:
    """The page as it is served, and the content policy that goes with it."""
    html = _SOCIAL_META.sub("", page.decode("utf-8"))
    first = '<meta charset="utf-8" />'
    named = f'{first}<title>{escape(text.PRODUCT)}</title><meta name="color-scheme" content="light dark">'
    html = html.replace(first, named, 1)
    hashes = " ".join(dict.fromkeys(_hash(match.group(1)) for match in _INLINE_SCRIPT.finditer(html)))
    return html.encode("utf-8"), _POLICY.format(hashes=hashes)


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode('utf-8')).digest()).decode('ascii')}'"
