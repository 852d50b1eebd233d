"""Which host names this server answers to, and which pages may speak to it; knows nothing of who is asking."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable

# Strict, and not urlsplit(), to which "[::1].evil.example" is ::1.
_HOST = re.compile(
    r"(?:\[(?P<address>[0-9a-f.]*:[0-9a-f:.]*)\]|(?P<name>[0-9a-z._-]+))(?::(?P<port>[1-9][0-9]{0,4}))?",
    re.I | re.ASCII,
)
_LAST_PORT = 65_535
_LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})


class TrustedHosts:
    """The names this server answers to. A page under another name, led here by DNS, gets nothing.

    :param bound: The address that is listened on. When that is all of the machine's addresses, any address is right,
        since a hostile page has a name; names must still be listed.
    """

    def __init__(self, bound: str, names: Iterable[str] = ()) -> None:
        self._any_address = bound in ("0.0.0.0", "::")  # noqa: S104 (compared, not listened on)
        self._names = _LOOPBACK_NAMES | {bound.lower()} | {name.lower() for name in names}

    def __contains__(self, host_header: str) -> bool:
        name = _hostname(host_header)
        return name is not None and (name in self._names or (self._any_address and _is_address(name)))


def is_same_origin(origins: Collection[str], host: str, scheme: str) -> bool:
    """Whether no page, or a page of this very host and port, made the request.

    :param origins: The Origin headers.
    :param scheme: How the request came; "http" may have been https up to a proxy that nobody told us to trust.
    """
    if not origins:
        return True
    origin_scheme, _, origin_host = next(iter(origins)).partition("://")
    schemes = ("https",) if scheme == "https" else ("http", "https")
    return len(origins) == 1 and origin_scheme in schemes and origin_host.lower() == host.lower()


def _hostname(host_header: str) -> str | None:
    """The name in a Host header, without its port and brackets, or None when it is not one."""
    found = _HOST.fullmatch(host_header)
    if found is None or int(found["port"] or 0) > _LAST_PORT:
        return None
    return (found["address"] or found["name"]).lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
