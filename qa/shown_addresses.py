"""Addresses of servers as they may be shown: in messages, in logs, on pages; knows nothing of what is asked there."""

from __future__ import annotations

import re

UNREADABLE = "(an address that cannot be read)"

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_HOST_AND_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:@\[\]]+)(:\d*)?")


def without_secrets(address: str) -> str:
    """The address without user, password, query and fragment.

    What does not read as an address (say, for a slash in its password) is not shown at all: any part of it may be the
    password.
    """
    scheme, mark, rest = address.partition("://")
    if not mark:
        scheme, rest = "", address
    match = re.fullmatch(r"([^/?#]*)([^?#]*)(.*)", rest, flags=re.DOTALL)
    assert match is not None  # every text is such a sequence
    authority, path, others = match.groups()
    place = authority.rpartition("@")[2]
    is_read = _HOST_AND_PORT.fullmatch(place) and "@" not in path + others and (not mark or _SCHEME.fullmatch(scheme))
    return f"{scheme}{mark}{place}{path}" if is_read else UNREADABLE
