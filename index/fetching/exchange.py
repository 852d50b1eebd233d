"""Sends one request to addresses that were checked, and reads one answer; knows nothing of redirects or policies."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import httpcore

from index.errors import FetchError, PermanentFetchError, TransientFetchError
from index.fetching.headers import AnswerHeaders
from index.fetching.network import Meter, PinnedBackend
from index.fetching.urls import WebAddress

STATUSES_WITH_CONTENT = (200, 203)

# Makes the body of what was sent; the headers say how it is packed.
BodyReader = Callable[[Iterable[bytes], AnswerHeaders], bytes]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one request; the body is empty unless the status says that it is the content."""

    status: int
    headers: AnswerHeaders
    body: bytes


@dataclass(frozen=True, slots=True)
class Wire:
    """What carries requests: the network, and what servers must show to be believed."""

    network: httpcore.NetworkBackend
    ssl_context: ssl.SSLContext


def exchange(
    address: WebAddress,
    pinned: Sequence[str],
    request_headers: Sequence[tuple[str, str]],
    read_body: BodyReader,
    wire: Wire,
    meter: Meter,
) -> Answer:
    """Asks for the address at one of the pinned internet addresses, over a connection of its own.

    :raises PermanentFetchError: What answers is no HTTP, or more than the limits allow, or not who it should be.
    :raises TransientFetchError: Nothing answers, or not in time, or the connection breaks.
    """
    scheme, host = address.scheme.encode(), address.host.encode()
    url = httpcore.URL(scheme=scheme, host=host, port=address.port, target=address.target.encode())
    request = httpcore.Request("GET", url, headers=[("Host", address.authority), *request_headers])
    connection = httpcore.HTTPConnection(
        httpcore.Origin(scheme, host, address.port),
        ssl_context=wire.ssl_context,
        network_backend=PinnedBackend(wire.network, pinned, meter),
    )
    with _errors_in_words(address.host, meter):
        try:
            response = connection.handle_request(request)
            meter.header_read()
            headers = AnswerHeaders(response.headers)
            has_content = response.status in STATUSES_WITH_CONTENT
            body = read_body(response.iter_stream(), headers) if has_content else b""
            return Answer(response.status, headers, body)
        finally:
            connection.close()


@contextmanager
def _errors_in_words(host: str, meter: Meter) -> Iterator[None]:
    try:
        yield
    except FetchError as error:
        raise _named(host, error) from error
    except httpcore.ConnectError as error:
        raise _unreachable(host, error) from error
    except httpcore.TimeoutException as error:
        raise TransientFetchError(f"{host} did not answer in time; try again later") from error
    except httpcore.NetworkError as error:
        raise TransientFetchError(f"the connection to {host} broke off; try again later") from error
    except httpcore.ProtocolError as error:
        if meter.ended:
            raise TransientFetchError(f"{host} closed the connection too early; try again later") from error
        raise PermanentFetchError(f"{host} answers with something that is no proper HTTP") from error


def _named(host: str, error: FetchError) -> FetchError:
    """The same error with the host's name before it: whoever raised it did not know it."""
    kind = TransientFetchError if isinstance(error, TransientFetchError) else PermanentFetchError
    return kind(f"{host}: {error}")


def _unreachable(host: str, error: httpcore.ConnectError) -> FetchError:
    cause = error.__cause__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return PermanentFetchError(f"{host} has no valid certificate, so it may be someone else")
    if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
        return PermanentFetchError(f"{host} offers no encryption that is accepted here")
    return TransientFetchError(f"{host} cannot be reached; check the network connection and try again later")
