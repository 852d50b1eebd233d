"""Connects to addresses that were checked before, counting bytes and time; knows nothing of HTTP or what is public.

httpcore asks the backend for "host"; the backend connects to the pinned address instead, so a name that resolves
differently a moment later changes nothing. TLS goes on checking the certificate against the host's name.
"""

from __future__ import annotations

import queue
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import httpcore

from index.errors import PermanentFetchError, TransientFetchError
from index.fetching.types import FetchLimits

Resolver = Callable[[str, int], Sequence[str]]
# Whoever has more is tried no further: the time is for answering.
_MAX_ADDRESSES_TRIED = 4


class Deadline:
    """The moment at which a fetch gives up, whatever it is doing."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seconds = seconds
        self._end = clock() + seconds

    def extend(self, seconds: float) -> None:
        """Leaves time out of account that was spent waiting on purpose."""
        self._end += seconds

    def remaining(self) -> float:
        """Seconds left, above 0.

        :raises TransientFetchError: None are left.
        """
        left = self._end - self._clock()
        if left <= 0:
            raise TransientFetchError(f"no whole answer within {self._seconds:g} seconds; try again later")
        return left


class Meter:
    """Counts what one answer sends against the limits; ``ended`` says that the other side closed the connection."""

    def __init__(self, limits: FetchLimits, deadline: Deadline) -> None:
        self.deadline = deadline
        self.connect_seconds = limits.connect_seconds
        self.ended = False
        self._limits = limits
        self._received = 0
        self._in_header = True

    def header_read(self) -> None:
        """From now on the body is received."""
        self._in_header = False

    def allowance(self) -> int:
        """How many bytes may still be read, above 0.

        :raises PermanentFetchError: The limit is reached.
        """
        limits = self._limits
        if self._in_header and self._received >= limits.max_header_bytes:
            raise PermanentFetchError(f"the answer's headers are larger than {limits.max_header_bytes} bytes")
        if self._received >= limits.max_wire_bytes:
            raise PermanentFetchError(f"the answer is larger than {limits.max_wire_bytes} bytes as sent")
        cap = limits.max_header_bytes if self._in_header else limits.max_wire_bytes
        return min(cap, limits.max_wire_bytes) - self._received

    def count(self, data: bytes) -> None:
        """Takes note of what was read."""
        self._received += len(data)
        self.ended = self.ended or not data


class MeteredStream(httpcore.NetworkStream):
    """A connection whose every read and write is held to the limits."""

    def __init__(self, stream: httpcore.NetworkStream, meter: Meter) -> None:
        self._stream = stream
        self._meter = meter

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Reads what there is, at most what is left of the allowance."""
        wanted = min(max_bytes, self._meter.allowance())
        data = self._stream.read(wanted, timeout=self._meter.deadline.remaining())
        self._meter.count(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Sends all of the buffer."""
        self._stream.write(buffer, timeout=self._meter.deadline.remaining())

    def close(self) -> None:
        """Closes the connection."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Goes on encrypted; the certificate must be for the host's name."""
        seconds = min(self._meter.connect_seconds, self._meter.deadline.remaining())
        return MeteredStream(self._stream.start_tls(ssl_context, server_hostname, seconds), self._meter)

    def get_extra_info(self, info: str) -> Any:
        """What httpcore asks about the connection."""
        return self._stream.get_extra_info(info)


class PinnedBackend(httpcore.NetworkBackend):
    """Connects to the given addresses, whatever host it is asked for."""

    def __init__(self, network: httpcore.NetworkBackend, addresses: Sequence[str], meter: Meter) -> None:
        self._network = network
        self._addresses = addresses[:_MAX_ADDRESSES_TRIED]
        self._meter = meter

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connects to the first address that takes the connection.

        :raises httpcore.ConnectError: None does.
        """
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in self._addresses:
            seconds = min(self._meter.connect_seconds, self._meter.deadline.remaining())
            try:
                stream = self._network.connect_tcp(address, port, timeout=seconds, socket_options=socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return MeteredStream(stream, self._meter)
        raise failure


def system_addresses(host: str, port: int) -> list[str]:
    """What this machine's resolver says, in its order and without repetitions.

    :raises OSError: The name is not known, or nobody can be asked.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def resolve_in_time(resolve: Resolver, host: str, port: int, seconds: float) -> Sequence[str]:
    """All the addresses of a name, or an error when they do not come in time.

    The system's resolver cannot be given a time limit, so it is asked in a thread that may be left behind.

    :raises TransientFetchError: The name is not known (now), or the answer takes too long.
    """
    answers: queue.SimpleQueue[Sequence[str] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(resolve(host, port))
        except Exception as error:  # noqa: BLE001 - handed over to the thread that waits, and raised there
            answers.put(error)

    threading.Thread(target=ask, name=f"resolve {host}", daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        raise TransientFetchError(f"looking up {host} took more than {seconds:.3g} seconds; try again later") from None
    if isinstance(answer, OSError | UnicodeError):
        remedy = "check how it is written and the network connection"
        raise TransientFetchError(f"the address of {host} cannot be found; {remedy}") from answer
    if isinstance(answer, Exception):
        raise answer
    return answer
