"""Decides which hosts, ports and internet addresses may be fetched; knows nothing of sockets or names' look-up.

The rule is: only what lies in the public internet, unless the operator lists a network. Addresses are judged by the
tables below, not by :mod:`ipaddress`'s ``is_global``, whose meaning changed between Python's patch releases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from index.errors import PermanentFetchError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# https://www.iana.org/assignments/iana-ipv4-special-registry, multicast, and one cloud's metadata service.
_REFUSED_IPV4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by carriers
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's host, though the address is public
        "169.254.0.0/16",  # link-local, with most clouds' metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # multicast relays
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
# Only 2000::/3 is given out as public; loopback, link-local, unique local, mapped, multicast and the rest lie outside.
_PUBLIC_IPV6 = IPv6Network("2000::/3")
_REFUSED_IPV6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, with Teredo, which holds an IPv4 address
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which holds an IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
# RFC 6052. Networks without IPv4 reach public IPv4 hosts this way, so the address inside decides.
_NAT64 = IPv6Network("64:ff9b::/96")
# Names that mean this machine or a network of one's own, whatever they resolve to.
_LOCAL_NAMES = ("localhost", "local", "localdomain", "internal", "intranet", "private", "corp", "home", "lan")
_LOCAL_SUFFIXES = (*(f".{name}" for name in _LOCAL_NAMES), ".home.arpa")


def is_public(address: Address) -> bool:
    """Whether the address belongs to the public internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _REFUSED_IPV4)
    if address.scope_id is not None:
        return False
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return address in _PUBLIC_IPV6 and not any(address in network for network in _REFUSED_IPV6)


def is_local_name(host: str) -> bool:
    """Whether a normalised host name stands for this machine or a network of one's own."""
    return host in (*_LOCAL_NAMES, "home.arpa") or host.endswith(_LOCAL_SUFFIXES)


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """What may be fetched: the public internet on web ports, and the networks an operator lists.

    ``allowed_networks`` opens exactly the addresses it names, e.g. ``(ip_network("10.20.0.0/16"),)`` for an intranet.
    """

    ports: tuple[int, ...] = (80, 443, 8080, 8443)
    allowed_networks: tuple[Network, ...] = ()

    def check_port(self, port: int) -> None:
        """:raises PermanentFetchError: The port is none that is fetched from."""
        if port not in self.ports:
            allowed = ", ".join(map(str, self.ports))
            raise PermanentFetchError(f"port {port} is not fetched from; use one of {allowed}")

    def check_host(self, host: str) -> None:
        """Judges a normalised name or address before anything is looked up.

        :raises PermanentFetchError: The host cannot be public.
        """
        address = parse_address(host)
        if address is not None:
            self.check_addresses(host, [host])
        elif is_local_name(host) and not self.allowed_networks:
            raise PermanentFetchError(f"{host} is a name of a private network; only public addresses are fetched")

    def check_addresses(self, host: str, addresses: Sequence[str]) -> None:
        """Judges all the addresses that a name resolved to; one that may not be fetched refuses the name.

        :raises PermanentFetchError: There are none, or one is not public and not allowed.
        """
        if not addresses:
            raise PermanentFetchError(f"{host} has no address; check how the name is written")
        for text in addresses:
            address = parse_address(text)
            if address is None or not self._may_connect(host, address):
                raise PermanentFetchError(
                    f"{host} leads to {text}, which is no public address; only the public internet is fetched"
                )

    def _may_connect(self, host: str, address: Address) -> bool:
        if any(address in network for network in self.allowed_networks):
            return True
        return is_public(address) and not is_local_name(host)


def parse_address(text: str) -> Address | None:
    """The address in canonical notation, or None for a name or any other notation."""
    try:
        return ip_address(text)
    except ValueError:
        return None
