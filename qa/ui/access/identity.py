"""Who makes a request and what they may do, as the guard found out; knows nothing of passwords or tokens.

The guard drops what clients send in :data:`IDENTITY_HEADER` and writes its own, so that handlers behind any framework
(Gradio's queue keeps nothing of a request but its headers) can trust it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Role = Literal["reader", "editor"]
"""A reader asks and reads; an editor also adds, removes and rebuilds."""

IDENTITY_HEADER = "x-article-qa-identity"
NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
"""User names."""


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
