"""Web addresses as identities: cleaned, compared, resolved; knows nothing of what they lead to, and looks none up."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

_MAX_CHARS = 4_000
_DEFAULT_PORTS = {"http": 80, "https": 443}
# Query parameters that say where a reader came from, and never which article it is.
_TRACKING = re.compile(
    r"(?:utm_\w*|fbclid|gclid|gclsrc|gbraid|wbraid|dclid|msclkid|yclid|twclid|ttclid|igshid|mc_cid|mc_eid|_ga|_gl"
    r"|cmpid|ftag|ns_\w+|at_(?:medium|campaign|custom\d|link_\w+|format|ptr_\w+|bbc_\w+)|xtor|wt_mc|wt\.mc_id|oly_\w+_id)",
    re.IGNORECASE,
)
# First labels under which one site keeps versions of the same page.
_SITE_PREFIX = re.compile(r"(?:www\d?|m|mobile|amp)\.(?=.*\.)")
_FORBIDDEN = re.compile(r"[\s\"<>\\^`{|}\x00-\x20\x7f]")


def is_web_address(text: str) -> bool:
    """Whether ``text`` is meant as an http(s) address, well-formed or not."""
    return text[:8].lower().startswith(("http://", "https://"))


def clean_address(address: str) -> str | None:
    """``address`` as an identity: host in lower case; no fragment, tracking parameters, user name or default port.

    :return: None when it is not a well-formed http(s) address. Cleaning twice changes nothing.
    """
    address = address.strip()
    if len(address) > _MAX_CHARS or _FORBIDDEN.search(address):
        return None
    parts = _split(address)
    if parts is None or not parts.hostname:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = "" if parts.port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{parts.port}"
    query = "&".join(part for part in parts.query.split("&") if not _TRACKING.fullmatch(part.split("=", 1)[0]))
    return urlunsplit((parts.scheme, host + port, parts.path or "/", query, ""))


def resolve(base: str, link: str) -> str | None:
    """The cleaned address that ``link`` names on the page ``base``; None when that is no http(s) address."""
    # Spaces inside addresses are a common slip of those who write feeds; browsers encode them, too.
    link = link.strip().replace(" ", "%20")
    try:
        return clean_address(urljoin(base, link))
    except ValueError:
        return None


def is_same_site(one: str, other: str) -> bool:
    """Whether two addresses belong to one site: equal hosts, or one below the other, "www." and its like left out.

    Neighbours under one parent ("a.blogs.example", "b.blogs.example") are strangers: they may have different owners,
    and none may speak for the other.
    """
    first, second = _split(one), _split(other)
    if first is None or second is None or _port(first) != _port(second):
        return False
    host, other_host = _site(first.hostname or ""), _site(second.hostname or "")
    if _is_number(host) or _is_number(other_host):
        return host == other_host
    return host == other_host or host.endswith(f".{other_host}") or other_host.endswith(f".{host}")


def is_front_page(address: str) -> bool:
    """Whether the address names a site rather than anything on it."""
    parts = _split(address)
    return parts is not None and parts.path in ("", "/") and not parts.query


def host_of(address: str) -> str | None:
    """The host as a source's name: "www.example.com" and "example.com" are one."""
    parts = _split(address)
    return (parts.hostname or "").removeprefix("www.") or None if parts else None


def _split(address: str) -> SplitResult | None:
    try:
        parts = urlsplit(address)
        _ = parts.port  # reading the port checks it
    except ValueError:
        return None
    return parts if parts.scheme in _DEFAULT_PORTS else None


def _port(parts: SplitResult) -> int | None:
    """None for both default ports: http and https of a site are one site."""
    return None if parts.port in (None, *_DEFAULT_PORTS.values()) else parts.port


def _site(host: str) -> str:
    return _SITE_PREFIX.sub("", host, count=1)


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
