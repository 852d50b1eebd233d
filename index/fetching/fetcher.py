"""Fetches a web address hop by hop, each checked and pinned anew; knows nothing of articles, feeds or robots.txt.

No cookies, logins, proxies or environment variables take part, and every connection is used once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import httpcore

from index.errors import BadInputError, PermanentFetchError
from index.fetching.addresses import AddressPolicy, parse_address
from index.fetching.answers import NOT_MODIFIED, REDIRECT_STATUSES, refusal
from index.fetching.bodies import collect, collect_beginning
from index.fetching.exchange import STATUSES_WITH_CONTENT, Answer, Wire, exchange
from index.fetching.headers import AnswerHeaders, is_validator
from index.fetching.network import Deadline, Meter, Resolver, resolve_in_time, system_addresses
from index.fetching.pacing import Pacer
from index.fetching.types import Fetched, FetchLimits
from index.fetching.urls import WebAddress, parse_web_address, resolve_redirect, shown

# The version is that of pyproject.toml (a test compares them); the name is what robots.txt files address.
PRODUCT = "ArticleQA"
USER_AGENT = f"{PRODUCT}/0.1.0 (reads news pages for one person's local question answering; respects robots.txt)"

_ACCEPT = "text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8"


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """What one fetch is held to beyond the usual.

    ``before_request`` sees each hop before anything of it is looked up; it raises to refuse the hop, or says how many
    seconds its host wants between requests. ``cut_at_bytes`` takes the beginning of a larger body.
    """

    etag: str | None = None
    last_modified: str | None = None
    before_request: Callable[[WebAddress], float] | None = None
    cut_at_bytes: int | None = None


class Fetcher:
    """Fetches public web addresses within limits; may be used by several threads at once."""

    def __init__(
        self,
        *,
        policy: AddressPolicy | None = None,
        limits: FetchLimits | None = None,
        min_interval_seconds: float = 0.5,
        resolve: Resolver = system_addresses,
        wire: Wire | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """:raises ValueError: ``min_interval_seconds`` is not between 0 and 60."""
        self.policy = policy or AddressPolicy()
        self.limits = limits or FetchLimits()
        self._resolve = resolve
        self._given_wire = wire
        self._clock = clock
        self._pacer = Pacer(min_interval_seconds, clock, sleep)

    def fetch(self, url: str, *, etag: str | None = None, last_modified: str | None = None) -> Fetched:
        """What the address answers, redirects followed.

        ``etag`` and ``last_modified`` of an earlier answer go to every hop: the page behind a redirect is the one
        that they are about. An unchanged page comes back as ``"not_modified"``.

        :raises PermanentFetchError: The address may not be fetched, or what it gives cannot be taken.
        :raises TransientFetchError: Nothing usable came now.
        :raises BadInputError: ``etag`` or ``last_modified`` is nothing that a server sent.
        """
        return self.fetch_with(url, FetchOptions(etag, last_modified))

    def fetch_with(self, url: str, options: FetchOptions) -> Fetched:
        """As :meth:`fetch`, with more to say about it."""
        headers = _request_headers(options)
        requested = address = parse_web_address(url)
        deadline = Deadline(self.limits.total_seconds, self._clock)
        seen = set[str]()
        while len(seen) <= self.limits.max_redirects:
            if address.url in seen:
                raise PermanentFetchError(f"{shown(requested.url)} redirects in a circle")
            seen.add(address.url)
            answer = self._ask(address, headers, options, deadline)
            if answer.status not in REDIRECT_STATUSES:
                return _fetched(requested, address, answer, options)
            address = resolve_redirect(address, answer.headers.location() or "")
        raise PermanentFetchError(f"{shown(requested.url)} redirects more than {self.limits.max_redirects} times")

    @cached_property
    def _wire(self) -> Wire:
        """Made with the first request: loading the certificates takes longer than most commands without one."""
        return self._given_wire or Wire(httpcore.SyncBackend(), httpcore.default_ssl_context())

    def _ask(
        self, address: WebAddress, headers: list[tuple[str, str]], options: FetchOptions, deadline: Deadline
    ) -> Answer:
        self.policy.check_port(address.port)
        self.policy.check_host(address.host)
        self._wait_for_turn(address, options, deadline)
        pinned = [address.host]
        if parse_address(address.host) is None:
            seconds = min(self.limits.connect_seconds, deadline.remaining())
            pinned = list(resolve_in_time(self._resolve, address.host, address.port, seconds))
        self.policy.check_addresses(address.host, pinned)
        meter = Meter(self.limits, deadline)
        return exchange(address, pinned, headers, self._body_reader(options), self._wire, meter)

    def _wait_for_turn(self, address: WebAddress, options: FetchOptions, deadline: Deadline) -> None:
        began = self._clock()
        interval_seconds = options.before_request(address) if options.before_request else 0.0
        self._pacer.wait(address.host, interval_seconds)
        deadline.extend(self._clock() - began)

    def _body_reader(self, options: FetchOptions) -> Callable[[Iterable[bytes], AnswerHeaders], bytes]:
        def read(chunks: Iterable[bytes], headers: AnswerHeaders) -> bytes:
            encoding = headers.encoding()
            if options.cut_at_bytes is not None:
                return collect_beginning(chunks, encoding, options.cut_at_bytes)
            announced = headers.content_length() or 0
            limit = self.limits.max_bytes if encoding == "identity" else self.limits.max_wire_bytes
            if announced > limit:
                raise PermanentFetchError(f"the body is announced with {announced} bytes; {limit} are read at most")
            return collect(chunks, encoding, self.limits.max_bytes)

        return read


def _request_headers(options: FetchOptions) -> list[tuple[str, str]]:
    headers = [
        ("User-Agent", USER_AGENT),
        ("Accept", _ACCEPT),
        ("Accept-Encoding", "gzip, deflate"),
        ("Connection", "close"),
    ]
    for name, value in (("If-None-Match", options.etag), ("If-Modified-Since", options.last_modified)):
        if value is None:
            continue
        if not is_validator(value):
            raise BadInputError(f"{shown(value)!r} cannot be sent as {name}; give what a server sent, or nothing")
        headers.append((name, value))
    return headers


def _fetched(requested: WebAddress, address: WebAddress, answer: Answer, options: FetchOptions) -> Fetched:
    """:raises FetchError: The answer holds no content and is no answer to a condition."""
    headers = answer.headers
    is_conditional = options.etag is not None or options.last_modified is not None
    if answer.status in STATUSES_WITH_CONTENT:
        etag, last_modified = headers.etag(), headers.last_modified()
    elif answer.status == NOT_MODIFIED and is_conditional:
        # A server may leave out what has not changed.
        etag, last_modified = headers.etag() or options.etag, headers.last_modified() or options.last_modified
    else:
        raise refusal(address, answer)
    return Fetched(
        url=address.url,
        requested_url=requested.url,
        status="not_modified" if answer.status == NOT_MODIFIED else "fetched",
        body=answer.body,
        media_type=headers.media_type(),
        charset=headers.charset(),
        etag=etag,
        last_modified=last_modified,
    )
