"""What fetching takes and gives, as plain values; knows nothing of how bytes travel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Fetched:
    """What one address answered.

    ``url`` is where the answer came from after redirects, ``requested_url`` what was asked for; both are normalised
    (ASCII, no fragment). ``body`` is decompressed, and empty when ``status`` is ``"not_modified"``. ``media_type``
    and ``charset`` are what the server *says* (lower case, no parameters); bodies often differ.
    """

    url: str
    requested_url: str
    status: Literal["fetched", "not_modified"]
    body: bytes
    media_type: str | None
    charset: str | None
    etag: str | None
    last_modified: str | None


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Where fetching gives up; every byte count includes what it names and nothing more.

    ``max_bytes`` counts the body after decompression, ``max_wire_bytes`` everything one answer sends (headers and
    framing too), ``max_header_bytes`` what comes before the body. ``total_seconds`` is for all hops of one fetch
    together, without the waiting between requests that politeness asks for.
    """

    max_bytes: int = 10 * 2**20
    max_wire_bytes: int = 16 * 2**20
    max_header_bytes: int = 64 * 2**10
    total_seconds: float = 20.0
    connect_seconds: float = 5.0
    max_redirects: int = 5

    def __post_init__(self) -> None:
        """:raises ValueError: A limit is not positive (``max_redirects`` may be 0)."""
        for name in ("max_bytes", "max_wire_bytes", "max_header_bytes", "total_seconds", "connect_seconds"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be above 0")
        if self.max_redirects < 0:
            raise ValueError(f"max_redirects is {self.max_redirects}; it must be 0 or more")


class WebFetcher(Protocol):
    """Whatever turns an address into what it answers: ``Fetcher``, ``PoliteFetcher``, or a fake in a test."""

    def fetch(self, url: str, *, etag: str | None = None, last_modified: str | None = None) -> Fetched:
        """What the address answers; ``etag`` and ``last_modified`` of an earlier answer make the request conditional.

        :raises PermanentFetchError: Asking again gives the same.
        :raises TransientFetchError: Trying later may succeed.
        """
        ...
