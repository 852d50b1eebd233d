"""Addresses are shown so that they can be told apart, and never with what is secret in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.shown_addresses import UNREADABLE, without_secrets


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ("https://models.example/v1/", "https://models.example/v1/"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
        ("http://ada:secret@host:1/v1", "http://host:1/v1"),
        ("http://ada:se@cret@host/v1", "http://host/v1"),
        ("http://secret@host", "http://host"),
        ("http://host/v1?key=secret#secret", "http://host/v1"),
        ("http://host#secret", "http://host"),
        ("ada:secret@host/v1", "host/v1"),
        ("http://ada:se/cret@host/v1", UNREADABLE),
        ("http://ada:1/secret@host/v1", UNREADABLE),
        ("http://ada:se?cret@host/v1", UNREADABLE),
        ("http://ada:secret", UNREADABLE),
        ("http://[secret", UNREADABLE),
        ("ada:secret@http://host", UNREADABLE),
        ("", UNREADABLE),
    ],
)
def test_what_is_secret_is_left_out(address: str, shown: str) -> None:
    assert without_secrets(address) == shown


@given(st.text(alphabet="a:/?#@[]%.1\n", max_size=12), st.sampled_from(["host", "host:80", "[::1]"]))
def test_no_password_is_shown_whatever_is_in_it(noise: str, host: str) -> None:
    for password in (f"{noise}SECRET", f"SECRET{noise}", f"{noise}SECRET{noise}"):
        assert "SECRET" not in without_secrets(f"http://ada:{password}@{host}/v1")
