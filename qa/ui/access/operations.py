"""What those who run the server ask it: is it alive, is it ready, how does it do; knows nothing of how it answers."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from index.errors import ArticleQAError
from qa.ui.access.metrics import CONTENT_TYPE, Metrics
from qa.ui.ports import QuestionService

HEALTH_PATHS = frozenset({"/healthz", "/readyz"})
METRICS_PATH = "/metrics"
_FRESH = {"Cache-Control": "no-store"}


def operation_routes(service: QuestionService, metrics: Metrics) -> list[Route]:
    """The health endpoints tell nobody anything but whether; /metrics needs a log-in where there is one."""

    async def alive(request: Request) -> Response:
        return JSONResponse({"alive": True}, headers=_FRESH)

    async def ready(request: Request) -> Response:
        missing, impaired = await run_in_threadpool(lambda: (missing_parts(service), impaired_parts(service)))
        told = {"ready": not missing, "missing": missing, "impaired": impaired}
        return JSONResponse(told, 503 if missing else 200, headers=_FRESH)

    async def figures(request: Request) -> Response:
        return Response(await run_in_threadpool(metrics.text), media_type=CONTENT_TYPE, headers=_FRESH)

    return [Route("/healthz", alive), Route("/readyz", ready), Route(METRICS_PATH, figures)]


def missing_parts(service: QuestionService) -> list[str]:
    """What it cannot answer without: "models" or "index"; why is for those who may read the status or the log."""
    loading = service.loading()
    if loading.error is not None or not loading.is_ready:
        return ["models"]
    return [] if known_status(service) is not None else ["index"]


def impaired_parts(service: QuestionService) -> list[str]:
    """What is there in part: "writers" while one of the servers that write is left alone.

    Also while all are: evidence is still found and articles are still taken, and a server all others use, too, is no
    reason for a balancer to let nobody in.
    """
    status = known_status(service) or {}
    return ["writers"] if any(writer["problem"] for writer in status.get("writers", ())) else []


def known_status(service: QuestionService) -> dict[str, Any] | None:
    """The service's status; None while it loads, and when the index cannot be read."""
    loading = service.loading()
    if loading.error is not None or not loading.is_ready:
        return None
    try:
        return service.status()
    except ArticleQAError:
        return None
