"""Says what an HTTP status means for the one who asked; knows nothing of how the answer came."""

from __future__ import annotations

import time
from collections.abc import Callable

from index.errors import FetchError, PermanentFetchError, TransientFetchError
from index.fetching.exchange import Answer
from index.fetching.urls import WebAddress, shown

REDIRECT_STATUSES = (301, 302, 303, 307, 308)
NOT_MODIFIED = 304

_TRANSIENT_STATUSES = (202, 408, 425, 429)
_PLAIN_WORDS = {
    202: "is still being prepared",
    204: "is empty",
    401: "asks for a login; pages behind a login are not read",
    403: "may not be read by this program",
    404: "does not exist",
    408: "did not answer in time",
    410: "was removed for good",
    429: "asks for fewer requests",
    451: "is withheld for legal reasons",
    503: "is out of service",
}


def refusal(address: WebAddress, answer: Answer, now: Callable[[], float] = time.time) -> FetchError:
    """The error for an answer without content: permanent where asking again gives the same, else transient."""
    status = answer.status
    words = _PLAIN_WORDS.get(status) or ("failed at the server" if status >= 500 else "gave no page")
    message = f"{shown(address.url)} {words} (HTTP status {status})"
    if status >= 500 or status in _TRANSIENT_STATUSES:
        pause = answer.headers.retry_after_seconds(now())
        remedy = f"try again in {pause:.0f} seconds" if pause else "try again later"
        return TransientFetchError(f"{message}; {remedy}", retry_after_seconds=pause)
    return PermanentFetchError(message, status=status)
