"""Nothing but the public internet is connected to, in whatever notation or by whatever name it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import FetchError, PermanentFetchError, TransientFetchError
from index.fetching import AddressPolicy, Fetcher
from index.fetching.addresses import is_local_name, is_public
from index.fetching.exchange import Wire
from tests.index.fetching.bad_server import WIRE
from tests.index.fetching.networks import Names, NoNetwork

REFUSED_IPV4 = [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "168.63.129.16",
    "100.64.0.1",
    "100.100.100.200",
    "0.0.0.0",
    "0.1.2.3",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
]
REFUSED_IPV6 = [
    "::",
    "::1",
    "fc00::1",
    "fd00:ec2::254",
    "fd12:3456:789a::1",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "100::1",
    "64:ff9b:1::7f00:1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2620:4f:8000::1",
    "3fff::1",
    "5f00::1",
    "4000::1",
]
LOCAL_NAMES = [
    "localhost",
    "LOCALHOST",
    "localhost.",
    "www.localhost",
    "localhost.localdomain",
    "printer.local",
    "router.lan",
    "nas.home",
    "nas.home.arpa",
    "wiki.internal",
    "metadata.google.internal",
    "wiki.corp",
    "intranet",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
    "ⅼocalhost",
    "loc\u00adalhost",
    "ｌｏｃａｌｈｏｓｔ",
    "printer。local",
]


def _octets(address: str) -> list[int]:
    return list(IPv4Address(address).packed)


def _hex_groups(address: str) -> str:
    return f"{IPv4Address(address).packed[:2].hex()}:{IPv4Address(address).packed[2:].hex()}"


def _teredo(address: str) -> str:
    hidden = (0xFFFFFFFF ^ int(IPv4Address(address))).to_bytes(4, "big").hex()
    return f"[2001:0:4136:e378:8000:63bf:{hidden[:4]}:{hidden[4:]}]"


NOTATIONS: dict[str, Callable[[str], str]] = {
    "dotted": lambda a: a,
    "trailing dot": lambda a: a + ".",
    "decimal": lambda a: str(int(IPv4Address(a))),
    "hexadecimal": lambda a: f"0x{int(IPv4Address(a)):x}",
    "HEXADECIMAL": lambda a: f"0X{int(IPv4Address(a)):X}",
    "octal": lambda a: f"0{int(IPv4Address(a)):o}",
    "decimal beyond 32 bits": lambda a: str(int(IPv4Address(a)) + 2**32),
    "dotted hexadecimal": lambda a: ".".join(f"0x{octet:x}" for octet in _octets(a)),
    "dotted octal": lambda a: ".".join(f"0{octet:o}" for octet in _octets(a)),
    "dotted octal with many zeros": lambda a: ".".join(f"0000{octet:o}" for octet in _octets(a)),
    "zero-padded": lambda a: ".".join(f"{octet:03d}" for octet in _octets(a)),
    "mixed": lambda a: "{:#x}.0{:o}.{}.{}".format(*_octets(a)),
    "three parts": lambda a: "{}.{}.{}".format(*_octets(a)[:2], int.from_bytes(_octets(a)[2:], "big")),
    "two parts": lambda a: f"{_octets(a)[0]}.{int.from_bytes(_octets(a)[1:], 'big')}",
    "two parts, hexadecimal": lambda a: f"{_octets(a)[0]:#x}.{int.from_bytes(_octets(a)[1:], 'big'):#x}",
    "full-width digits": lambda a: a.translate({ord("0") + n: ord("０") + n for n in range(10)}),
    "ideographic dots": lambda a: a.replace(".", "。"),
    "Arabic digits": lambda a: a.translate({ord("0") + n: ord("٠") + n for n in range(10)}),
    "bold digits": lambda a: a.translate({ord("0") + n: 0x1D7CE + n for n in range(10)}),
    "percent signs": lambda a: "".join(f"%{ord(character):02x}" for character in a),
    "percent sign for a dot": lambda a: a.replace(".", "%2e"),
    "mapped": lambda a: f"[::ffff:{a}]",
    "mapped, hexadecimal": lambda a: f"[::ffff:{_hex_groups(a)}]",
    "mapped, in full": lambda a: f"[0:0:0:0:0:FFFF:{_hex_groups(a).upper()}]",
    "compatible": lambda a: f"[::{a}]",
    "translated": lambda a: f"[::ffff:0:{a}]",
    "NAT64": lambda a: f"[64:ff9b::{a}]",
    "NAT64, hexadecimal": lambda a: f"[64:ff9b::{_hex_groups(a)}]",
    "local NAT64": lambda a: f"[64:ff9b:1::{a}]",
    "6to4": lambda a: f"[2002:{_hex_groups(a)}::1]",
    "Teredo": _teredo,
    "user name before": lambda a: f"example.com@{a}",
    "back slash before": lambda a: f"example.com\\@{a}",
    "IPv4 in brackets": lambda a: f"[{a}]",
}
FORMS: dict[str, list[str]] = {
    **{how: [write(address) for address in REFUSED_IPV4] for how, write in NOTATIONS.items()},
    "IPv6": [f"[{address}]" for address in REFUSED_IPV6],
    "IPv6 in full": [f"[{IPv6Address(address).exploded.upper()}]" for address in REFUSED_IPV6],
    "IPv6 with a zone": [f"[{address}%25eth0]" for address in REFUSED_IPV6],
    "IPv6 with a bare zone": [f"[{address}%1]" for address in REFUSED_IPV6],
    "local names": LOCAL_NAMES,
    "well-known": ["127.1", "0", "0x7f.1", "017700000001", "2130706433", "0x7f000001", "127.0.1"],
    "no addresses": ["0x", "1.2.3.4.5", "256.256.256.256"],
}


def counting_fetcher(names: Names) -> tuple[Fetcher, NoNetwork]:
    network = NoNetwork()
    return Fetcher(resolve=names, wire=Wire(network, WIRE.ssl_context), min_interval_seconds=0), network


def error_kind(fetcher: Fetcher, url: str) -> type[FetchError] | None:
    try:
        fetcher.fetch(url)
    except FetchError as error:
        return type(error)
    return None


@pytest.mark.parametrize("notation", FORMS)
def test_no_notation_of_a_private_address_is_connected_to_or_looked_up(notation: str) -> None:
    names = Names(["93.184.215.14"])
    fetcher, network = counting_fetcher(names)
    for host in FORMS[notation]:
        for url in (f"http://{host}/", f"https://{host}:8443/x?y#z"):
            assert error_kind(fetcher, url) is PermanentFetchError, url
    assert network.tried == []
    assert names.asked == []


def test_the_forms_are_many_and_different() -> None:
    assert len({host for hosts in FORMS.values() for host in hosts}) > 800


def test_a_public_address_is_connected_to_so_the_counting_counts() -> None:
    fetcher, network = counting_fetcher(Names(["93.184.215.14"]))
    assert error_kind(fetcher, "http://news.example/") is TransientFetchError
    assert network.tried == [("93.184.215.14", 80)]


@pytest.mark.parametrize("others", [([], []), (["93.184.215.14"], []), ([], ["2600::1", "93.184.215.14"])])
def test_a_name_is_refused_when_one_of_its_addresses_is_private(others: tuple[list[str], list[str]]) -> None:
    for address in [*REFUSED_IPV4, *REFUSED_IPV6, "fe80::1%eth0", "fe80::1%1", "2600::1%eth0"]:
        fetcher, network = counting_fetcher(Names([*others[0], address, *others[1]]))
        with pytest.raises(PermanentFetchError, match=f"leads to {address}, .* only the public internet"):
            fetcher.fetch("https://news.example/")
        assert network.tried == []


def test_a_name_without_addresses_is_refused() -> None:
    fetcher, network = counting_fetcher(Names([]))
    with pytest.raises(PermanentFetchError, match="no address"):
        fetcher.fetch("https://news.example/")
    assert network.tried == []


@pytest.mark.parametrize("port", [1, 21, 22, 25, 79, 81, 3306, 6379, 8000, 9200, 11211, 65535])
def test_ports_that_are_not_of_the_web_are_refused(port: int) -> None:
    fetcher, network = counting_fetcher(Names(["93.184.215.14"]))
    with pytest.raises(PermanentFetchError, match=f"port {port} "):
        fetcher.fetch(f"http://news.example:{port}/")
    assert network.tried == []


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:2800:220:1::1", "64:ff9b::8.8.8.8"]
)
def test_public_addresses_are_fetched_from(address: str) -> None:
    assert is_public(ip_address(address))
    AddressPolicy().check_addresses("news.example", [address])


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_counts_as_public_only_where_python_agrees(address: IPv4Address) -> None:
    assert not is_public(address) or (address.is_global and not address.is_multicast)


@given(st.ip_addresses(v=6))
def test_an_ipv6_address_counts_as_public_only_where_python_agrees(address: IPv6Address) -> None:
    assert not is_public(address) or (address.is_global and not address.is_multicast)


def test_an_allowed_network_opens_its_own_addresses_only() -> None:
    policy = AddressPolicy(allowed_networks=(ip_network("10.20.0.0/16"), ip_network("fd00:1::/32")))
    policy.check_host("10.20.3.4")
    policy.check_addresses("wiki.internal", ["10.20.3.4", "fd00:1::5"])
    for addresses in (["10.21.0.1"], ["127.0.0.1"], ["::ffff:10.20.3.4"], ["10.20.3.4", "10.21.0.1"], ["fd00:2::1"]):
        with pytest.raises(PermanentFetchError):
            policy.check_addresses("wiki.example", addresses)


def test_a_local_name_is_refused_on_public_addresses_even_with_an_allowed_network() -> None:
    policy = AddressPolicy(allowed_networks=(ip_network("10.20.0.0/16"),))
    policy.check_host("wiki.internal")
    with pytest.raises(PermanentFetchError):
        policy.check_addresses("wiki.internal", ["93.184.215.14"])


def test_names_that_only_look_local_are_not() -> None:
    assert not is_local_name("localhost.example.com")
    assert not is_local_name("mylocal")
    assert not is_local_name("internal.example")
