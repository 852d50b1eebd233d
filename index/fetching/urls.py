"""Reads a web address strictly and writes it one way only; knows nothing of what may be fetched.

Whatever two programs could read differently (back slashes, control characters, numbers for hosts, percent signs in
host names) is refused instead of guessed at: a check is worth nothing when the connection goes by another reading.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote, urljoin, urlsplit

import idna

from index.errors import PermanentFetchError

_DEFAULT_PORTS = {"http": 80, "https": 443}
_MAX_CHARACTERS = 4096
_MAX_SHOWN = 200
_UNSAFE = re.compile(r"[\x00-\x1f\x7f]")
_HOST_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
# https://url.spec.whatwg.org: a host whose last label is a number is an IPv4 address, however it is written.
_ENDS_IN_NUMBER = re.compile(r"(^|\.)([0-9]+|0x[0-9a-f]*)$")
_PATH_CHARACTERS = "/%:@!$&'()*+,;=~"
_QUERY_CHARACTERS = _PATH_CHARACTERS + "?[]"


@dataclass(frozen=True, slots=True)
class WebAddress:
    """An http(s) address in parts: ``host`` is a lower-case ASCII name or a canonical IP address without brackets."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """Host and, unless it is the scheme's own, port: what the Host header holds."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme and authority."""
        return f"{self.scheme}://{self.authority}"

    @property
    def url(self) -> str:
        """The whole address, in the one way of writing it."""
        return self.origin + self.target


def parse_web_address(url: str) -> WebAddress:
    """Reads an absolute http(s) address.

    :raises PermanentFetchError: It is none, or can be read in more than one way.
    """
    text = url.strip(" ")
    if len(text) > _MAX_CHARACTERS:
        raise PermanentFetchError(f"an address of {len(text)} characters is too long; {_MAX_CHARACTERS} are read")
    if _UNSAFE.search(text):
        raise PermanentFetchError(f"{shown(text)!r} holds control characters; write the address without them")
    try:
        parts = urlsplit(text)
        target = _target(parts.path, parts.query)
    except ValueError as error:  # brackets that do not match, characters that turn into delimiters, half characters
        raise PermanentFetchError(f"{shown(text)!r} is no web address; check how it is written") from error
    if parts.scheme not in _DEFAULT_PORTS:
        raise PermanentFetchError(f"{shown(text)!r} is no http or https address; only those are fetched")
    if "@" in parts.netloc:
        # The address is not repeated: the message may be written to a log.
        raise PermanentFetchError("the address holds a user name or password; remove what stands before the @")
    host, port = _split_port(parts.netloc, shown(text))
    return WebAddress(parts.scheme, normalise_host(host), port or _DEFAULT_PORTS[parts.scheme], target)


def resolve_redirect(base: WebAddress, location: str) -> WebAddress:
    """Where a ``Location`` header points, seen from the page that sent it.

    :raises PermanentFetchError: It is no address, or leads from https to http.
    """
    if _UNSAFE.search(location) or not location:
        raise PermanentFetchError(f"{shown(base.url)} redirects to no readable address")
    try:
        joined = urljoin(base.url, location)
    except ValueError as error:
        raise PermanentFetchError(f"{shown(base.url)} redirects to no readable address") from error
    address = parse_web_address(joined)
    if base.scheme == "https" and address.scheme == "http":
        raise PermanentFetchError(f"{shown(base.url)} redirects from https to http, where anyone could change the page")
    return address


def normalise_host(host: str) -> str:
    """A host name or IP address in the one way of writing it.

    :raises PermanentFetchError: It is none, or a number, zone or notation that programs read differently.
    """
    if host.startswith("["):
        return _ipv6(host)
    name = host.lower()
    if not name.isascii() and len(name) <= 253:
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except idna.IDNAError as error:
            raise PermanentFetchError(f"{shown(host)!r} is no host name; check how it is written") from error
    name = name.removesuffix(".")
    if len(name) > 253 or not _HOST_NAME.fullmatch(name):
        raise PermanentFetchError(f"{shown(host)!r} is no host name; check how it is written")
    if _ENDS_IN_NUMBER.search(name):
        return _ipv4(name)
    return name


def shown(text: str) -> str:
    """The text as it may stand in a message of one line: printable and short."""
    printable = "".join(character if character.isprintable() else "?" for character in text[: _MAX_SHOWN + 1])
    return printable if len(text) <= _MAX_SHOWN else printable[:_MAX_SHOWN] + "…"


def _target(path: str, query: str) -> str:
    quoted = quote(path, safe=_PATH_CHARACTERS)
    if not quoted.startswith("/"):
        quoted = "/" + quoted
    return f"{quoted}?{quote(query, safe=_QUERY_CHARACTERS)}" if query else quoted


def _split_port(authority: str, whole: str) -> tuple[str, int | None]:
    """Host (brackets kept) and port; a colon without a port means the default, as RFC 3986 says."""
    match = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::([0-9]{0,5}))?", authority)
    if match is None or not match[1]:
        raise PermanentFetchError(f"{whole!r} has no readable host and port; write it like https://example.com/page")
    port = int(match[2]) if match[2] else None
    if port == 0:
        raise PermanentFetchError(f"{whole!r} names port 0, which no server has")
    return match[1], port


def _ipv4(name: str) -> str:
    try:
        return str(IPv4Address(name))
    except ValueError as error:
        raise PermanentFetchError(
            f"{shown(name)!r} is an IP address in an unusual notation; write it as four decimal numbers"
        ) from error


def _ipv6(bracketed: str) -> str:
    try:
        address = IPv6Address(bracketed[1:-1])
    except ValueError as error:
        raise PermanentFetchError(f"{shown(bracketed)!r} is no IPv6 address; check how it is written") from error
    if address.scope_id is not None:
        raise PermanentFetchError(f"{shown(bracketed)!r} names a zone of this machine; only public ones are fetched")
    return str(address)
