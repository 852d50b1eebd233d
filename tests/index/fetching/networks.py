"""Networks for tests that count connections; know nothing of HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import httpcore

from tests.index.fetching.bad_server import WIRE


class NoNetwork(httpcore.NetworkBackend):
    """Notes every connection that is tried, and lets none succeed."""

    def __init__(self) -> None:
        self.tried: list[tuple[str, int]] = []

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        self.tried.append((host, port))
        raise httpcore.ConnectError("no network")


class ForwardingNetwork(NoNetwork):
    """Notes every connection, and makes it to one port of this machine instead; listed addresses do not answer."""

    def __init__(self, port: int, dead: Sequence[str] = ()) -> None:
        super().__init__()
        self._port = port
        self._dead = dead

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        self.tried.append((host, port))
        if host in self._dead:
            raise httpcore.ConnectTimeout("nobody answers")
        return WIRE.network.connect_tcp("127.0.0.1", self._port, timeout)


class Names:
    """A resolver with answers given beforehand; the last one is repeated."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.asked: list[str] = []
        self._answers = answers

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self._answers[min(len(self.asked), len(self._answers)) - 1]
