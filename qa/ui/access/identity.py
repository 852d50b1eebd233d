"""Who makes a request and what they may do, as the guard found out; knows nothing of passwords or tokens.

The guard drops what clients send in :data:`IDENTITY_HEADER` and writes its own, so that handlers behind any framework
(Gradio's queue keeps nothing of a request but its headers) can trust it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from index.errors import ArticleQAError
from qa.users import NAME, Role

IDENTITY_HEADER = "x-article-qa-identity"
CLIENT_HEADER = "x-article-qa-client"
"""The address a request came from, as the guard found out; written by it alone, too."""


@dataclass(frozen=True, slots=True)
class Identity:
    """``name``: of a user; None for whoever reaches a server that has no users."""

    name: str | None
    role: Role

    @property
    def may_write(self) -> bool:
        return self.role == "editor"

    def to_header(self) -> str:
        return self.role if self.name is None else f"{self.role}:{self.name}"


NOBODY = Identity(None, "reader")


def identity_of(headers: Mapping[str, str]) -> Identity:
    """The identity in a request's headers (names in lower case); a reader without a name where no guard wrote one."""
    role, _, name = headers.get(IDENTITY_HEADER, "").partition(":")
    if role not in ("reader", "editor") or (name and not NAME.fullmatch(name)):
        return NOBODY
    return Identity(name or None, "editor" if role == "editor" else "reader")


class NotAllowedError(ArticleQAError):
    """Whoever asks may read but not write."""


class BusyError(ArticleQAError):
    """Too much is asked at once, by all or by one client; trying again after a while succeeds."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(f"busy, try in {retry_after_seconds} second{'s' if retry_after_seconds != 1 else ''}")
        self.retry_after_seconds = retry_after_seconds


class TooOftenError(BusyError):
    """One client asks too often; others need not wait."""


class HasHeaders(Protocol):
    """A request of Starlette or of Gradio."""

    @property
    def headers(self) -> Any: ...


def require_editor(request: HasHeaders | None) -> Identity:
    """Who makes the request, when they may write.

    Handlers that change articles call it first, so that a reader gets a clear answer; the articles behind the page
    and the API refuse all the same.

    :raises NotAllowedError: With one line to show.
    """
    identity = identity_of(request.headers) if request is not None else NOBODY
    if not identity.may_write:
        raise NotAllowedError("only editors may change the articles; log in as one, or ask an editor")
    return identity
