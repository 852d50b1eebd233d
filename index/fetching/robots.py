"""Fetches only what a site's robots.txt does not ask to leave alone; knows nothing of what pages hold.

Follows RFC 9309: a site without robots.txt (4xx) may be read, one whose robots.txt cannot be read now may not.
"""

from __future__ import annotations

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from protego import Protego

from index.errors import FetchError, PermanentFetchError, TransientFetchError
from index.fetching.fetcher import PRODUCT, Fetcher, FetchOptions
from index.fetching.types import Fetched
from index.fetching.urls import WebAddress

MAX_ROBOTS_BYTES = 500 * 1024
MAX_CRAWL_DELAY_SECONDS = 10.0

_KEEP_SECONDS = 24 * 3600.0
# A site that fails is asked again before long, but not for each of its pages.
_KEEP_FAILURE_SECONDS = 300.0
_AGENT_LINE = re.compile(r"\s*user[- ]?agent\b\s*:?\s*([^\s#]*)", re.IGNORECASE)
_PRODUCT_TOKEN = re.compile(r"[a-z_-]*")


class RobotsRules:
    """What one site's robots.txt says to this program."""

    def __init__(self, text: str) -> None:
        # Only the groups for this program and for everyone are kept apart: thousands of other agents before thousands
        # of rules would make the parser store every pair of them.
        lines = [_without_other_agents(line) for line in text.removeprefix("\ufeff").splitlines()]
        self._rules = Protego.parse("\n".join(lines))

    def allowed(self, url: str) -> bool:
        """Whether the site lets the address be fetched."""
        return bool(self._rules.can_fetch(url, PRODUCT))

    def crawl_delay_seconds(self) -> float:
        """How long to wait between requests as the site asks, at most 10 seconds; 0 where it does not ask."""
        return min(self._rules.crawl_delay(PRODUCT) or 0.0, MAX_CRAWL_DELAY_SECONDS)


class PoliteFetcher:
    """A fetcher that asks each site's robots.txt first, for every hop; may be used by several threads at once."""

    def __init__(
        self,
        fetcher: Fetcher,
        *,
        max_origins: int = 1000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetcher = fetcher
        self._max_origins = max_origins
        self._clock = clock
        self._origins: OrderedDict[str, _Origin] = OrderedDict()
        self._lock = threading.Lock()

    def fetch(self, url: str, *, etag: str | None = None, last_modified: str | None = None) -> Fetched:
        """As :meth:`Fetcher.fetch`, for what robots.txt allows.

        :raises PermanentFetchError: As there, or a site on the way asks not to fetch the page.
        :raises TransientFetchError: As there, or a robots.txt cannot be read now.
        :raises BadInputError: ``etag`` or ``last_modified`` is nothing that a server sent.
        """
        return self._fetcher.fetch_with(url, FetchOptions(etag, last_modified, before_request=self._check))

    def _check(self, address: WebAddress) -> float:
        rules = self._origin(address.origin).rules(self._fetcher, address.host)
        if not rules.allowed(address.url):
            raise PermanentFetchError(f"robots.txt of {address.host} asks not to fetch this page")
        return rules.crawl_delay_seconds()

    def _origin(self, origin: str) -> _Origin:
        with self._lock:
            kept = self._origins.setdefault(origin, _Origin(origin, self._clock))
            self._origins.move_to_end(origin)
            if len(self._origins) > self._max_origins:
                self._origins.popitem(last=False)
            return kept


class _Origin:
    """One site's rules, or why there are none now; whoever asks meanwhile waits for the one that fetches."""

    def __init__(self, origin: str, clock: Callable[[], float]) -> None:
        self._origin = origin
        self._clock = clock
        self._outcome: RobotsRules | FetchError | None = None
        self._good_until = 0.0
        self._lock = threading.Lock()

    def rules(self, fetcher: Fetcher, host: str) -> RobotsRules:
        """:raises FetchError: The rules cannot be read."""
        with self._lock:
            if self._outcome is None or self._clock() >= self._good_until:
                self._outcome = self._read(fetcher, host)
                is_failure = isinstance(self._outcome, FetchError)
                self._good_until = self._clock() + (_KEEP_FAILURE_SECONDS if is_failure else _KEEP_SECONDS)
            outcome = self._outcome
        # An error of its own for each caller: raising changes it.
        if isinstance(outcome, TransientFetchError):
            raise TransientFetchError(str(outcome), retry_after_seconds=outcome.retry_after_seconds)
        if isinstance(outcome, FetchError):
            raise PermanentFetchError(str(outcome))
        return outcome

    def _read(self, fetcher: Fetcher, host: str) -> RobotsRules | FetchError:
        options = FetchOptions(cut_at_bytes=MAX_ROBOTS_BYTES)
        try:
            fetched = fetcher.fetch_with(f"{self._origin}/robots.txt", options)
        except TransientFetchError as error:
            message = f"robots.txt of {host} cannot be read now, so nothing else is fetched there: {error}"
            return TransientFetchError(message, retry_after_seconds=error.retry_after_seconds)
        except PermanentFetchError as error:
            if error.status is not None:  # the site answers, and has none: 404 and the like, or an empty answer
                return RobotsRules("")
            return PermanentFetchError(f"robots.txt of {host} cannot be read, so nothing is fetched there: {error}")
        return RobotsRules(fetched.body.decode("utf-8", errors="replace"))


def _without_other_agents(line: str) -> str:
    """A line that names another program's group, without that name."""
    match = _AGENT_LINE.match(line)
    if match is None:
        return line
    token = _PRODUCT_TOKEN.match(match[1].lower())
    assert token is not None  # it matches the empty text, too
    is_ours = match[1] == "*" or token[0] == PRODUCT.lower()
    return f"User-agent: {'*' if match[1] == '*' else PRODUCT}" if is_ours else "User-agent: other"
