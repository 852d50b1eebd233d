"""Which paths there are, and which of them change something, upload or cost little; knows nothing of who is asking.

All else that Gradio serves (its file and web proxies, monitoring, deep links, reloading, component servers, log-in)
does not exist here.
"""

from __future__ import annotations

import re

from starlette.types import Scope

from qa.ui.access.operations import HEALTH_PATHS, METRICS_PATH

HTTP_API = "/v1/"
GRADIO_API = "/gradio_api/"
_ARTICLE_IDS = "/v1/articles/"
_STATIC = frozenset({"/theme.css", "/favicon.ico", "/manifest.json", "/robots.txt", "/gradio_api/theme.css"})
_PATHS = (
    _STATIC
    | HEALTH_PATHS
    | {"/", "/config", "/schema", "/openapi.json", METRICS_PATH}
    | {f"/gradio_api/{name}" for name in ("info", "openapi.json", "app_id", "startup-events", "mcp")}
    | {f"/gradio_api/{name}" for name in ("cancel", "reset", "upload", "upload_progress", "queue/join", "queue/data")}
)
_STATIC_FOLDERS = ("/assets/", "/static/")
_FOLDERS = (
    *_STATIC_FOLDERS,
    HTTP_API,
    "/schema/",
    *(f"/gradio_api/{name}/" for name in ("call", "run", "heartbeat", "mcp")),
)
_UPLOADS = frozenset({"/gradio_api/upload", "/v1/files"})
# Nothing served has any of these in its path, encoded twice or not; a file behind one is nobody's to have.
_SUSPICIOUS = re.compile(r"\.\.|\\|[\x00-\x1f\x7f]|%(?:2e|2f|5c|25|00)", re.IGNORECASE)
_WRITING_CALLS = re.compile(
    r"/gradio_api/(?:call|run)/(?:v2/)?(?:add\w*|upload\w*|remove\w*|rebuild|rollback|undo\w*)/?"
)
_WRITING_RESOURCES = re.compile(r"/v1/(?:articles|files|addresses|feeds|rebuild|rollback)(?:/.*)?", re.DOTALL)
_READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def is_served(path: str) -> bool:
    if path.startswith(_ARTICLE_IDS):
        return True  # an id may hold anything; it is looked up, and never a path
    return not _SUSPICIOUS.search(path) and (_trimmed(path) in _PATHS or path.startswith(_FOLDERS))


def is_upload(path: str) -> bool:
    return _trimmed(path) in _UPLOADS


def is_write(method: str, path: str) -> bool:
    """Whether this obviously changes the articles, or brings what is to be added.

    What is not obvious here (a button of the page is one of many calls to one path) is refused where it is done.
    """
    if method in _READING_METHODS:
        return False
    return is_upload(path) or bool(_WRITING_CALLS.fullmatch(path) or _WRITING_RESOURCES.fullmatch(path))


def is_static(path: str) -> bool:
    """A file that every page needs and that costs next to nothing."""
    return path in _STATIC or path.startswith(_STATIC_FOLDERS)


def is_health(path: str) -> bool:
    return path in HEALTH_PATHS


def speaks_json(path: str) -> bool:
    return path.startswith((HTTP_API, GRADIO_API))


def route_of(scope: Scope) -> str:
    """The pattern of the route that a request took, of which there are few, for figures."""
    route = getattr(scope.get("route"), "path", None)
    if isinstance(route, str) and route:
        return route
    path = scope["path"]
    if _trimmed(path) in _PATHS:
        return _trimmed(path)
    return next((f"{folder}…" for folder in _FOLDERS if path.startswith(folder)), "(none)")


def _trimmed(path: str) -> str:
    return path.rstrip("/") or "/"
