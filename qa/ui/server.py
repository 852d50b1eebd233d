"""Serves the page, the APIs and MCP on one port, safely by default; knows nothing of what they do."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import gradio as gr
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from qa.kept import Kept
from qa.ui.access.operations import operation_routes
from qa.ui.assets import ICON, STYLE_SHEET
from qa.ui.endpoints import Endpoints
from qa.ui.exposure import listen, page_address
from qa.ui.front_door import OPEN, AccessSettings, FrontDoor
from qa.ui.guarded_blocks import upload_folder
from qa.ui.http.app import BesidePage, make_http_api
from qa.ui.http.full_line import FullLine
from qa.ui.malformed import Malformed
from qa.ui.mcp_tools import make_mcp_server, mcp_routes
from qa.ui.page import build_blocks
from qa.ui.ports import QuestionService
from qa.ui.served_page import ServedPage
from qa.ui.theme import make_theme

_MIB = 1 << 20
_FILES_WORTH_PER_UPLOAD = 8  # one request may hold several files, of which each may have the full size
_SECONDS_TO_FINISH = 5


@dataclass(frozen=True, slots=True)
class Site:
    """The whole app behind its guard, and what ends the streams that open pages keep."""

    app: ASGIApp
    end_streams: Callable[[], None]


class Server(uvicorn.Server):
    """A server that does not wait, when stopped, for pages that are still open."""

    def __init__(self, config: uvicorn.Config, end_streams: Callable[[], None]) -> None:
        super().__init__(config)
        self._end_streams = end_streams

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._end_streams()
        await super().shutdown(sockets)


def create_site(
    service: QuestionService,
    *,
    host: str = "127.0.0.1",
    access: AccessSettings = OPEN,
    trusted_hosts: Iterable[str] = (),
    max_upload_bytes: int = 50 * _MIB,
    max_queue: int = 64,
    num_parallel: int = 2,
    examples: Sequence[str] = (),
    kept: Kept | None = None,
) -> Site:
    """Put the page, the API and MCP together.

    :param host: The address it will be bound to; decides which host names are trusted.
    :param access: Who may use it, and how much.
    :param trusted_hosts: Other names this server is reached by.
    :param max_upload_bytes: The largest file that may be uploaded.
    :param max_queue: How many requests may wait; more are refused at once.
    :param num_parallel: How many questions are answered at once, whichever way they came.
    :param examples: Questions offered on the page.
    :param kept: Where conversations and feedback are kept; None to keep none.
    :raises ConfigError: If others could reach the server without a log-in.
    :raises StorageError: If the list of users cannot be read.
    """
    door = FrontDoor(access, host=host, trusted_hosts=trusted_hosts, num_parallel=num_parallel, max_waiting=max_queue)
    answering = door.accounted(service, takes_turns=False)
    service = door.accounted(service)
    blocks = build_blocks(service, examples=examples, num_parallel=num_parallel, max_queue=max_queue, kept=kept)
    endpoints = Endpoints(service, upload_folder=upload_folder())
    mcp_server = make_mcp_server(endpoints, num_parallel=num_parallel)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with mcp_server.session_manager.run():
            yield

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    # Before the page, which takes all other paths.
    app.router.routes += [*operation_routes(service, door.metrics), *mcp_routes(mcp_server)]
    _mount(app, blocks, host=host, max_upload_bytes=max_upload_bytes)
    gradio_app = app.routes[-1].app  # type: ignore[attr-defined]  # what was mounted last
    http_api = make_http_api(
        answering,
        Endpoints(answering, upload_folder=upload_folder()),
        door.slots,
        door.keyed_calls(),
        max_file_bytes=max_upload_bytes,
    )
    guarded = door.guarded(
        BesidePage(FullLine(http_api, door.slots), Malformed(ServedPage(app))),
        service,
        num_queued=lambda: len(blocks._queue),
        max_upload_bytes=_FILES_WORTH_PER_UPLOAD * max_upload_bytes,
    )
    return Site(guarded, gradio_app.stop_event.set)


def _mount(app: FastAPI, blocks: gr.Blocks, *, host: str, max_upload_bytes: int) -> None:
    gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        server_name=host,
        show_error=False,  # only our own one-line errors are shown; all others stay in the log
        max_file_size=max_upload_bytes,
        mcp_server=False,
        enable_monitoring=False,
        ssr_mode=False,
        run_history=False,
        footer_links=[],
        theme=make_theme(),
        css=STYLE_SHEET,
        favicon_path=str(ICON),
    )


def serve(
    service: QuestionService,
    *,
    host: str,
    port: int,
    access: AccessSettings = OPEN,
    trusted_hosts: Iterable[str] = (),
    max_upload_bytes: int = 50 * _MIB,
    max_queue: int = 64,
    num_parallel: int = 2,
    examples: Sequence[str] = (),
    kept: Kept | None = None,
    on_listening: Callable[[str], None] = lambda url: None,
) -> None:
    """Serve until interrupted; see :func:`create_site` for the other parameters.

    :param on_listening: Told the address for a browser on this machine, as soon as connections are taken.

    :raises ConfigError: If the address cannot be listened on, or is open to others without a log-in.
    """
    with contextlib.closing(listen(host, port)) as listener, _private_upload_folder():
        site = create_site(
            service,
            host=host,
            access=access,
            trusted_hosts=trusted_hosts,
            max_upload_bytes=max_upload_bytes,
            max_queue=max_queue,
            num_parallel=num_parallel,
            examples=examples,
            kept=kept,
        )
        listener.listen()
        on_listening(page_address(listener))
        make_server(site).run(sockets=[listener])


@contextlib.contextmanager
def _private_upload_folder() -> Iterator[None]:
    """Uploads go where no other user of this machine can read them, and are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="article-qa-uploads-") as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        yield


def make_server(site: Site) -> Server:
    config = uvicorn.Config(
        site.app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # a client could claim to be somebody else
        ws="none",
        http="h11",  # httptools drops hosts in request lines, bodies after "Upgrade", and any limit on headers
        timeout_graceful_shutdown=_SECONDS_TO_FINISH,
    )
    return Server(config, site.end_streams)
