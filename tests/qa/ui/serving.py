"""Serves the page over a fake service on a free loopback port, for tests that speak HTTP to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import httpx
import httpx._transports.default

from qa.ui.exposure import listen
from qa.ui.front_door import AccessSettings
from qa.ui.server import create_site, make_server
from tests.qa.ui.fakes import LICENCE_QUESTION, PRICE_QUESTION, FakeService

# Once for all clients, also those that Gradio's client makes for each call: reading hundreds of certificates, of which
# none is needed here, takes longer than most requests.
httpx._transports.default.create_ssl_context = cache(httpx.create_ssl_context)

EXAMPLES = (LICENCE_QUESTION, PRICE_QUESTION)


@contextmanager
def served(service: FakeService, *, password: str | None = None, **options: Any) -> Iterator[str]:
    """The address of the running app, without a slash at its end."""
    listener = listen("127.0.0.1", 0)
    options.setdefault("access", AccessSettings(password=password))
    server = make_server(create_site(service, examples=EXAMPLES, **options))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server stopped before it started"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


@contextmanager
def changed(service: FakeService, **attributes: Any) -> Iterator[None]:
    """The service with other attributes for a while: starting a server for each test would take seconds."""
    before = {name: getattr(service, name) for name in attributes}
    for name, value in attributes.items():
        setattr(service, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(service, name, value)
