"""Addresses have one way of being written, and what can be read in two ways is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import PermanentFetchError
from index.fetching.urls import WebAddress, parse_web_address, resolve_redirect, shown


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("https://Example.COM", "https://example.com/"),
        ("HTTP://example.com:80/a", "http://example.com/a"),
        ("https://example.com:443/a?b=c#d", "https://example.com/a?b=c"),
        ("https://example.com:8443/", "https://example.com:8443/"),
        ("https://example.com./a", "https://example.com/a"),
        ("https://example.com:/a", "https://example.com/a"),
        ("  https://example.com/a  ", "https://example.com/a"),
        ("https://example.com?q=1", "https://example.com/?q=1"),
        ("https://münchen.example/straße", "https://xn--mnchen-3ya.example/stra%C3%9Fe"),
        ("https://EXAMPLE。com/", "https://example.com/"),
        ("https://example.com/a b?c d=ü", "https://example.com/a%20b?c%20d=%C3%BC"),
        ("https://example.com/a%20b%2Fc", "https://example.com/a%20b%2Fc"),
        ("https://example.com/a\\b", "https://example.com/a%5Cb"),
        ("https://foo_bar.example/", "https://foo_bar.example/"),
        ("https://[2600:0::1]/", "https://[2600::1]/"),
        ("https://[2600::1]:8443/", "https://[2600::1]:8443/"),
        ("http://93.184.215.14/", "http://93.184.215.14/"),
        ("http://９３.184.215.14/", "http://93.184.215.14/"),
    ],
)
def test_an_address_is_written_one_way_only(written: str, normal: str) -> None:
    assert parse_web_address(written).url == normal
    assert parse_web_address(normal).url == normal


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "//example.com/",
        "/path",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "data:text/html,x",
        "javascript:alert(1)",
        "http:",
        "http://",
        "http:///path",
        "http:example.com",
        "http:\\\\example.com",
        "http://example.com\\@evil.example/",
        "http://user@example.com/",
        "http://user:secret@example.com/",
        "http://@example.com/",
        "http://exam\nple.com/",
        "http://exam\tple.com/",
        "http://example.com/\x00",
        "\x01http://example.com/",
        "http://example.com:port/",
        "http://example.com:-80/",
        "http://example.com:٨٠/",
        "http://example.com:800000/",
        "http://example.com:0/",
        "http://example.com:80:80/",
        "http://exa mple.com/",
        "http://-example.com/",
        "http://example..com/",
        "http://.example.com/",
        "http://example.com../",
        "http://%65xample.com/",
        "http://exa<mple.com/",
        "http://[::1",
        "http://::1/",
        "http://[fe80::1%25eth0]/",
        "http://[fe80::1%eth0]/",
        "http://[v1.fe80]/",
        "http://[]/",
        "http://[::1]x/",
        f"http://{'a' * 64}.com/",
        f"http://{'a.' * 130}com/",
        f"http://example.com/{'a' * 5000}",
        "http://\ud800.example/",
        "http://example.com/\ud800",
        "http://evil.example℀.com/",
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(PermanentFetchError) as error:
        parse_web_address(url)
    assert "\n" not in str(error.value)


def test_a_password_is_not_repeated_in_the_message() -> None:
    with pytest.raises(PermanentFetchError) as error:
        parse_web_address("http://user:secret@example.com/")
    assert "secret" not in str(error.value)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    for url in (text, f"http://{text}", f"https://example.com/{text}", f"http://[{text}]/"):
        try:
            address = parse_web_address(url)
        except PermanentFetchError as error:
            assert str(error).isprintable()
        else:
            assert address.url.isascii()
            assert address.url.isprintable()
            assert parse_web_address(address.url) == address


@pytest.mark.parametrize(
    ("location", "leads_to"),
    [
        ("/b", "https://example.com/b"),
        ("b", "https://example.com/dir/b"),
        ("?q=1", "https://example.com/dir/a?q=1"),
        ("//other.example/b", "https://other.example/b"),
        ("https://other.example/b#c", "https://other.example/b"),
        ("/ü b", "https://example.com/%C3%BC%20b"),
        ("../../../b", "https://example.com/b"),
    ],
)
def test_a_redirect_is_read_from_the_page_that_sends_it(location: str, leads_to: str) -> None:
    base = parse_web_address("https://example.com/dir/a")
    assert resolve_redirect(base, location).url == leads_to


@pytest.mark.parametrize("location", ["", "http://[", "ftp://example.com/", "https://exa\tmple.com/", "https://a@b/"])
def test_a_redirect_to_nothing_readable_is_refused(location: str) -> None:
    with pytest.raises(PermanentFetchError):
        resolve_redirect(parse_web_address("https://example.com/"), location)


def test_a_redirect_from_https_to_http_is_refused() -> None:
    with pytest.raises(PermanentFetchError, match="from https to http"):
        resolve_redirect(parse_web_address("https://example.com/"), "http://example.com/")
    assert resolve_redirect(parse_web_address("http://example.com/"), "https://example.com/").scheme == "https"


def test_the_authority_names_the_port_only_where_it_is_not_the_usual_one() -> None:
    assert WebAddress("http", "example.com", 80, "/").authority == "example.com"
    assert WebAddress("http", "example.com", 443, "/").authority == "example.com:443"
    assert WebAddress("https", "2600::1", 8443, "/").origin == "https://[2600::1]:8443"


def test_text_in_messages_is_printable_and_short() -> None:
    assert shown("a\n\x1b[31m\u202eb") == "a??[31m?b"
    assert len(shown("a" * 1000)) == 201
