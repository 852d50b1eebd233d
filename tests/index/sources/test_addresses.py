"""Addresses as identities: what is left out, what is one site, what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.sources.addresses import clean_address, host_of, is_front_page, is_same_site, is_web_address, resolve


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://News.Example/a", "https://news.example/a"),
        ("HTTP://news.example:80", "http://news.example/"),
        ("https://news.example:443/a#top", "https://news.example/a"),
        ("https://news.example:8443/a", "https://news.example:8443/a"),
        ("https://news.example/a?utm_source=x&id=7&fbclid=abc&gclid=1", "https://news.example/a?id=7"),
        ("https://news.example/a?UTM_Medium=x", "https://news.example/a"),
        ("https://news.example/a?b=2&a=1", "https://news.example/a?b=2&a=1"),
        ("https://me:secret@news.example/a", "https://news.example/a"),
        ("  https://news.example/a\n", "https://news.example/a"),
        ("https://news.example/größe", "https://news.example/größe"),
        ("https://[2001:db8::1]:8080/a", "https://[2001:db8::1]:8080/a"),
    ],
)
def test_addresses_of_one_page_become_one(address: str, expected: str) -> None:
    assert clean_address(address) == expected


@pytest.mark.parametrize(
    "address",
    [
        "",
        "news.example/a",
        "ftp://news.example/a",
        "javascript:alert(1)",
        "https://",
        "https://[",
        "https:///a",
        "https://news.example:99999/",
        "https://news.example/a b",
        "https://news.example/<a>",
        "file:///etc/passwd",
        "https://news.example/" + "a" * 4_000,
        "https://news.example/\x00",
        "mailto:someone@news.example",
    ],
)
def test_what_is_no_address_is_none(address: str) -> None:
    assert clean_address(address) is None


@given(st.text(max_size=60), st.sampled_from(["https://news.example/", "http://a.b/?", "https://", ""]))
def test_cleaning_never_fails_and_twice_changes_nothing(text: str, start: str) -> None:
    once = clean_address(start + text)
    if once is not None:
        assert clean_address(once) == once
        assert "#" not in once


@given(st.text(max_size=60))
def test_resolving_any_link_gives_an_http_address_or_none(link: str) -> None:
    resolved = resolve("https://news.example/feed/rss.xml", link)
    assert resolved is None or resolved.startswith(("http://", "https://"))


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("story", "https://news.example/feed/story"),
        ("/a/1", "https://news.example/a/1"),
        ("//other.example/a", "https://other.example/a"),
        ("?p=3", "https://news.example/feed/rss.xml?p=3"),
        ("/with space", "https://news.example/with%20space"),
        ("javascript:void(0)", None),
        ("data:text/html,hello", None),
        ("http://[broken", None),
    ],
)
def test_relative_links_start_at_the_page(link: str, expected: str | None) -> None:
    assert resolve("https://news.example/feed/rss.xml", link) == expected


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("https://news.example/a", "http://www.news.example/b", True),
        ("https://m.news.example/a", "https://www.news.example/a", True),
        ("https://edition.news.example/a", "https://news.example/a", True),
        ("https://news.example/a", "https://news.example:8443/a", False),
        ("https://a.blogs.example/1", "https://b.blogs.example/1", False),
        ("https://badnews.example/a", "https://news.example/a", False),
        ("https://news.example.evil.example/a", "https://news.example/a", False),
        ("http://10.1.2.3/a", "http://2.3/a", False),
        ("http://127.0.0.1/a", "http://127.0.0.1/b", True),
        ("https://news.example/a", "ftp://news.example/a", False),
    ],
)
def test_same_site_means_same_owner(one: str, other: str, is_same: bool) -> None:
    assert is_same_site(one, other) is is_same
    assert is_same_site(other, one) is is_same


def test_front_pages_and_hosts() -> None:
    assert is_front_page("https://news.example/")
    assert is_front_page("https://news.example")
    assert not is_front_page("https://news.example/?p=12")
    assert host_of("https://www.news.example/a") == "news.example"
    assert host_of("no address") is None


def test_what_is_meant_as_an_address() -> None:
    assert is_web_address("HTTPS://news.example")
    assert not is_web_address("https")
    assert not is_web_address("news/https://x")
