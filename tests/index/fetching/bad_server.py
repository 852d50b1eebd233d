"""A web server on this machine that answers as badly as it is told to; knows nothing of who asks.

A path is given a behaviour: a function of the request that gives the bytes to send, piece by piece, and may sleep in
between. The connection is closed where the pieces end. Nothing is added to them: what is no HTTP goes out as it is.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network

import httpcore

from index.fetching import AddressPolicy
from index.fetching.exchange import Wire

# One for all tests: loading the certificates takes longer than most of them.
WIRE = Wire(httpcore.SyncBackend(), httpcore.default_ssl_context())


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked; header names are lower case."""

    path: str
    headers: Mapping[str, str]


Behaviour = Callable[[Request], Iterable[bytes]]


def answer(
    body: bytes = b"",
    *,
    status: int = 200,
    media_type: str | None = "text/html",
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """A proper answer; ``headers`` add to or replace its own."""
    named = {"Content-Length": str(len(body))}
    if media_type is not None:
        named["Content-Type"] = media_type
    named |= headers or {}
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {status} Whatever\r\n{lines}\r\n".encode("latin-1") + body


def raw(*pieces: bytes) -> Behaviour:
    """Sends exactly these bytes."""
    return lambda _request: pieces


def redirect(location: str, status: int = 302) -> Behaviour:
    """Sends the client elsewhere."""
    return raw(answer(status=status, headers={"Location": location}))


def drip(data: bytes, seconds_between: float) -> Behaviour:
    """Sends one byte at a time."""

    def behave(_request: Request) -> Iterator[bytes]:
        for position in range(len(data)):
            yield data[position : position + 1]
            time.sleep(seconds_between)

    return behave


def endless(head: bytes, piece: bytes) -> Behaviour:
    """Sends the head, then the same piece until the client goes away."""

    def behave(_request: Request) -> Iterator[bytes]:
        yield head
        while True:
            yield piece

    return behave


class BadServer:
    """Serves behaviours on a loopback port; a path without one gets a 404. Use it in a ``with`` statement."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._behaviours: dict[str, Behaviour] = {}
        self._stopped = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> BadServer:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        # Closing alone leaves a thread in accept() waiting.
        with socket.create_connection(("127.0.0.1", self.port)):
            pass
        self._thread.join(timeout=5)
        self._socket.close()

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    @property
    def policy(self) -> AddressPolicy:
        """Lets this server be fetched from, and nothing else on this machine."""
        return AddressPolicy(ports=(self.port,), allowed_networks=(ip_network("127.0.0.1/32"),))

    @property
    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [request.path for request in self.requests]

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def on(self, path: str, behaviour: Behaviour) -> str:
        """Has the path (with its query) behave so; gives its URL."""
        self._behaviours[path] = behaviour
        return self.url(path)

    def serve(
        self, path: str, body: bytes = b"", *, media_type: str = "text/html", headers: Mapping[str, str] | None = None
    ) -> str:
        """Has the path answer properly; gives its URL."""
        return self.on(path, raw(answer(body, media_type=media_type, headers=headers)))

    def never_answer(self, _request: Request) -> Iterator[bytes]:
        """The behaviour of one who listens and says nothing."""
        yield b""
        self._stopped.wait(30)

    def _accept(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            if self._stopped.is_set():
                connection.close()
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            request = _read_request(connection)
            if request is None:
                return
            self.requests.append(request)
            behaviour = self._behaviours.get(request.path, raw(answer(status=404)))
            try:
                for piece in behaviour(request):
                    if self._stopped.is_set():
                        return
                    connection.sendall(piece)
            except OSError:  # the client has gone, as it should from most of what is served here
                return


def _read_request(connection: socket.socket) -> Request | None:
    data = b""
    while b"\r\n\r\n" not in data:
        received = connection.recv(65536)
        if not received:
            return None
        data += received
    first, *lines = data.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
    return Request(first.split(" ")[1], headers)
