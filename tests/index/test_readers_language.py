"""Language marks of every style become one code, and marks that name no language none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.readers import read_bytes
from index.readers.language import language_code
from index.types import Article


@pytest.mark.parametrize(
    ("mark", "code"),
    [
        ("en", "en"),
        ("EN", "en"),
        ("en-US", "en"),
        ("en_US", "en"),
        ("zh-Hant-TW", "zh"),
        ("pt_BR.UTF-8", "pt"),
        (" de ", "de"),
        ("haw", "haw"),
        ("und", None),
        ("mul", None),
        ("x-default", None),
        ("english", None),
        ("en, fr", None),
        ("e", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_a_mark_gives_its_primary_code(mark: object, code: str | None) -> None:
    assert language_code(mark) == code


def test_the_first_mark_that_names_a_language_counts() -> None:
    assert language_code(None, "und", "fr-CA", "en") == "fr"


@given(st.text())
def test_a_code_is_always_two_or_three_small_letters(mark: str) -> None:
    code = language_code(mark)
    assert code is None or (code.isascii() and code.isalpha() and code.islower() and 2 <= len(code) <= 3)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.txt", b"---\nlanguage: en\nauthor: Ada Byron\n---\nThe bridge is late."),
        ("a.md", b"---\nlanguage: en\nauthor: Ada Byron\n---\nThe bridge is late."),
        ("a.json", b'{"text": "The bridge is late.", "language": "en", "author": "Ada Byron"}'),
        ("a.jsonl", b'{"text": "The bridge is late.", "language": "en", "author": "Ada Byron"}\n'),
        (
            "a.html",
            b'<html lang="en-GB"><head><meta name="author" content="Ada Byron"></head><body><p>The bridge is late.</p>',
        ),
        (
            "a.eml",
            b"From: Ada Byron <ada@x.example>\nSubject: Bridge\nContent-Language: en\n\nThe bridge is late.\n",
        ),
    ],
)
def test_language_and_author_arrive_in_the_metadata(name: str, data: bytes) -> None:
    (article,) = read_bytes(name, data)
    assert isinstance(article, Article), article
    assert (article.metadata["language"], article.metadata["author"]) == ("en", "Ada Byron")
