"""Routes that list, read, add and remove articles, and look after the index; knows nothing of how they are stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any, BinaryIO

from fastapi import APIRouter, File, Header, Query, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from index.errors import BadInputError
from qa.ui.access.identity import Identity, require_editor
from qa.ui.http import replies
from qa.ui.http.context import HttpContext
from qa.ui.http.idempotency import fingerprint_of
from qa.ui.http.requests import AddRequest, ArticlesQuery, RebuildRequest

Json = dict[str, Any]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description=(
            "Makes a retry safe: within an hour the same key with the same body returns the same report and adds "
            "nothing again; with another body it is a conflict."
        ),
    ),
]
_FORBIDDEN = replies.described(replies.Error, "Only editors may change the articles.")
_UNKNOWN = replies.described(replies.Error, "There is no such article.")
_CONFLICT = replies.described(replies.Error, "The key was used for another request.")
_UNVERIFIED = replies.described(replies.Error, "The new index fails the operator's probes; the old one serves on.")


def article_routes(context: HttpContext) -> APIRouter:
    router = APIRouter(tags=["articles"])
    _add_reading(router, context)
    _add_adding(router, context)
    _add_changing(router, context)
    return router


def _add_reading(router: APIRouter, context: HttpContext) -> None:
    @router.get("/v1/articles", operation_id="articles", response_model=replies.ArticlePage)
    async def articles(query: Annotated[ArticlesQuery, Query()]) -> Response:
        """List the articles, newest first unless sorted otherwise, without their texts."""
        return JSONResponse(await context.read(lambda: context.endpoints.articles(**query.model_dump())))

    @router.get(
        "/v1/articles/{article_id:path}",
        operation_id="article",
        response_model=replies.Article,
        responses={404: _UNKNOWN},
    )
    async def article(article_id: str) -> Response:
        """Return one article with its whole text. An id in an address must be percent-encoded."""
        return JSONResponse(await context.read(lambda: context.endpoints.article(article_id)))

    @router.get("/v1/status", operation_id="status", response_model=replies.Status)
    async def status() -> Response:
        """Say which generation is served, over how many articles and by which models."""
        return JSONResponse(await context.read(context.endpoints.status))


def _add_adding(router: APIRouter, context: HttpContext) -> None:
    responses: dict[int | str, Json] = {403: _FORBIDDEN, 409: _CONFLICT}

    @router.post("/v1/articles", operation_id="add_articles", response_model=replies.AddReport, responses=responses)
    async def add_articles(request: Request, body: AddRequest, key: IdempotencyKey = None) -> Response:
        """Add articles, or revise those whose url or article_id is known already; they can be asked about at once."""
        editor = require_editor(request)

        def add() -> Json:
            return context.endpoints.add_articles(body.articles)

        def fingerprint() -> bytes:
            return fingerprint_of([b"articles", json.dumps(body.articles, sort_keys=True).encode("ascii")])

        return JSONResponse(await context.write(lambda: _once(context, editor, key, fingerprint, add)))

    @router.post("/v1/files", operation_id="upload", response_model=replies.AddReport, responses=responses)
    async def upload(
        request: Request,
        files: Annotated[list[UploadFile], File(description=".txt .md .html .pdf .docx .eml .json .jsonl .jsonl.gz")],
        key: IdempotencyKey = None,
    ) -> Response:
        """Add the articles of files, each by its ending."""
        editor = require_editor(request)
        named = [(_named(file, context.max_file_bytes), file.file) for file in files]

        def add() -> Json:
            return context.endpoints.add_files(named)

        return JSONResponse(await context.write(lambda: _once(context, editor, key, lambda: _hash(named), add)))


def _add_changing(router: APIRouter, context: HttpContext) -> None:
    @router.delete(
        "/v1/articles/{article_id:path}",
        operation_id="remove_article",
        response_model=replies.Removed,
        responses={403: _FORBIDDEN, 404: _UNKNOWN},
    )
    async def remove_article(request: Request, article_id: str) -> Response:
        """Remove an article and its text for good."""
        require_editor(request)
        return JSONResponse(await context.write(lambda: context.endpoints.remove_article(article_id)))

    @router.post(
        "/v1/rebuild",
        operation_id="rebuild",
        response_model=replies.Rebuilt,
        responses={403: _FORBIDDEN, 409: _UNVERIFIED},
    )
    async def rebuild(request: Request, body: RebuildRequest | None = None) -> Response:
        """Build a new generation of the index from the stored articles."""
        require_editor(request)
        full = body.full if body is not None else False
        return JSONResponse(await context.write(lambda: context.endpoints.rebuild(full)))


def _once(
    context: HttpContext, editor: Identity, key: str | None, fingerprint: Callable[[], bytes], add: Callable[[], Json]
) -> Json:
    if key is None:
        return add()
    return context.keyed.run(editor.name or "", key, fingerprint(), add)


def _named(file: UploadFile, max_bytes: int) -> str:
    if not file.filename:
        raise BadInputError("every file needs a name, whose ending says what it is")
    if file.size is not None and file.size > max_bytes:
        raise BadInputError(f"a file has {file.size:,} bytes; at most {max_bytes:,} are taken")
    return file.filename


def _hash(files: list[tuple[str, BinaryIO]]) -> bytes:
    parts = [b"files"]
    for name, data in files:
        parts += [name.encode("utf-8", "replace"), fingerprint_of([data.read()])]
        data.seek(0)
    return fingerprint_of(parts)
