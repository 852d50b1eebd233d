"""Where a request really comes from and what it asked for, when it came through a reverse proxy; knows no users."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import Scope

from index.errors import ConfigError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Origin:
    """``client``: the address a request comes from; ``hosts``: its Host headers as the client sent them."""

    client: str
    hosts: tuple[str, ...]
    scheme: str


class TrustedProxies:
    """Believes ``X-Forwarded-For``, ``-Proto`` and ``-Host`` of these addresses and of nobody else.

    :param networks: Addresses and networks, such as "127.0.0.1" or "10.0.0.0/8".
    :raises ConfigError: If one of them is neither.
    """

    def __init__(self, networks: Iterable[str] = ()) -> None:
        try:
            self._networks: tuple[Network, ...] = tuple(ipaddress.ip_network(network) for network in networks)
        except ValueError as error:
            raise ConfigError(f"serve.trusted_proxies: {error}; give addresses or networks") from None

    def __bool__(self) -> bool:
        return bool(self._networks)

    def origin(self, scope: Scope) -> Origin:
        headers = Headers(scope=scope)
        hosts = tuple(headers.getlist("host"))
        peer = str((scope.get("client") or ("", 0))[0])
        scheme = str(scope.get("scheme", "http"))
        if not self._trusts(peer):
            return Origin(peer, hosts, scheme)
        forwarded_hosts = tuple(headers.getlist("x-forwarded-host")) or hosts
        forwarded_scheme = headers.get("x-forwarded-proto", scheme).lower()
        return Origin(
            self._client(headers, peer),
            forwarded_hosts,
            forwarded_scheme if forwarded_scheme in ("http", "https") else scheme,
        )

    def _client(self, headers: Headers, peer: str) -> str:
        """The last address that no trusted proxy has: all before it is only what that client claims."""
        claimed = [part.strip() for value in headers.getlist("x-forwarded-for") for part in value.split(",")]
        client = peer
        for address in reversed(claimed):
            if _address(address) is None:
                return client
            client = str(_address(address))
            if not self._trusts(client):
                return client
        return client

    def _trusts(self, client: str) -> bool:
        address = _address(client)
        return address is not None and any(address in network for network in self._networks)


def client_key(client: str) -> str:
    """What a client is counted by: its address, or the /64 network of an IPv6 one, all of which one person has."""
    address = _address(client)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return client if address is None else str(address)


def _address(text: str) -> Address | None:
    """The address, IPv4 also when written as IPv6; None when it is none."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address
