"""On whose behalf the program acts at this moment, wherever in a request that is asked; knows nothing of what it does.

The guard opens a request with :func:`acting`; what runs in that request, in its tasks and in threads that get its
context finds the actor. Gradio runs its handlers in tasks of its own, which know their request otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from gradio.context import LocalContext

from qa.ui.access.identity import CLIENT_HEADER, NOBODY, Identity, identity_of
from qa.ui.access.proxies import client_key


@dataclass(frozen=True, slots=True)
class Actor:
    """Who, and from which address ("" when it is not known)."""

    identity: Identity
    client: str = ""

    @property
    def key(self) -> str:
        """What limits are counted by: the user, or the client's address where there is no name."""
        return f"user {self.identity.name}" if self.identity.name is not None else f"client {client_key(self.client)}"


UNKNOWN = Actor(NOBODY)


@dataclass(slots=True)
class _Open:
    """An actor for as long as the request lasts: tasks that outlive it must not go on in its name."""

    actor: Actor | None


_OPEN: ContextVar[_Open | None] = ContextVar("article_qa_actor", default=None)


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """While this lasts, what runs in this context acts for ``actor``."""
    opened = _Open(actor)
    token = _OPEN.set(opened)
    try:
        yield
    finally:
        opened.actor = None
        _OPEN.reset(token)


def current_actor() -> Actor:
    """Who it is; a reader without a name or address outside of requests."""
    # First, since Gradio's tasks may have been started by the request of somebody else.
    request = LocalContext.request.get(None)
    if request is not None:
        return actor_of(request.headers)
    opened = _OPEN.get()
    return (opened.actor if opened is not None else None) or UNKNOWN


def actor_of(headers: Mapping[str, str]) -> Actor:
    """Who a request that passed the guard is from."""
    return Actor(identity_of(headers), headers.get(CLIENT_HEADER, ""))
