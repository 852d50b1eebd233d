"""Bytes to text: marks, declarations, guesses, and refusals with a reason."""

from __future__ import annotations

import random

import pytest

from index.errors import BadInputError
from index.readers.decoding import decode_html, decode_text

_FRENCH = (
    "Le gouvernement français a annoncé mercredi une réforme très contestée. Les syndicats ont aussitôt appelé "
    "à la grève générale, prévue dès la semaine prochaine à Paris et dans les régions."
)
_JAPANESE = "東京都は水曜日、新しい電気自動車の製造免許について発表した。国家発展改革委員会の許可が必要だという。"
_RUSSIAN = "Правительство объявило в среду о новых тарифах на импорт автомобилей."


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (_FRENCH, "utf-8"),
        (_FRENCH, "utf-8-sig"),
        (_FRENCH, "utf-16"),
        (_FRENCH, "utf-32"),
        (_FRENCH, "latin-1"),
        ("The café’s owner said the naïve plan – a “total” failure – cost £3 million.", "cp1252"),
        ("Short café", "latin-1"),
        (_JAPANESE, "shift_jis"),
        (_JAPANESE, "euc_jp"),
        (_JAPANESE, "iso2022_jp"),
        (_RUSSIAN, "cp1251"),
        (_RUSSIAN, "koi8-r"),
    ],
)
def test_text_comes_back_from(text: str, encoding: str) -> None:
    assert decode_text(text.encode(encoding)) == text


@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff"], ids=["little_endian", "big_endian"])
def test_a_byte_order_mark_is_believed(mark: bytes) -> None:
    encoding = "utf-16-le" if mark == b"\xff\xfe" else "utf-16-be"
    assert decode_text(mark + "grève".encode(encoding)) == "grève"


def test_a_false_byte_order_mark_is_refused_with_the_place() -> None:
    with pytest.raises(BadInputError, match="marked as utf-16-le, but byte 2 does not fit; save it as UTF-8"):
        decode_text(b"\xff\xfea\x00b")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", id="nul_bytes"),
        pytest.param(bytes(range(1, 32)) * 20 + b"some text", id="control_characters"),
        pytest.param("no mark".encode("utf-16-le"), id="utf16_without_its_mark"),
    ],
)
def test_binary_content_is_refused(data: bytes) -> None:
    with pytest.raises(BadInputError, match="looks like a binary file, not text"):
        decode_text(data)


def test_damaged_utf8_is_not_read_as_another_encoding() -> None:
    with pytest.raises(BadInputError, match="UTF-8 with damaged bytes"):
        decode_text(_FRENCH.encode() + b"\xff" + _FRENCH.encode())


def test_an_undecidable_encoding_is_refused() -> None:
    noise = bytes(byte or 1 for byte in random.Random(3).randbytes(3000))
    with pytest.raises(BadInputError, match=r"encoding cannot be told|binary file"):
        decode_text(bytes(byte if byte > 127 else 65 + byte % 26 for byte in noise))


@pytest.mark.parametrize(
    "declaration",
    ['<meta charset="{}">', '<META http-equiv="Content-Type" content="text/html; charset={}">', "<meta charset={} >"],
)
def test_a_page_is_read_in_the_charset_it_declares(declaration: str) -> None:
    # As a guess, these few bytes would be western.
    page = f"<html><head>{declaration.format('windows-1251')}</head><body>Да</body></html>"
    assert decode_html(page.encode("cp1251")) == page


def test_a_page_in_utf8_that_declares_latin1_is_utf8() -> None:
    page = '<html><head><meta charset="iso-8859-1"></head><body>grève</body></html>'
    assert decode_html(page.encode("utf-8")) == page


def test_a_false_declaration_is_refused_with_the_place() -> None:
    page = b'<meta charset="shift_jis">' + "été".encode("latin-1") + b" \x81\xff"
    with pytest.raises(BadInputError, match=r"says that its encoding is cp932, but byte \d+ does not fit"):
        decode_html(page)


@pytest.mark.parametrize("name", ["punycode", "unicode_escape", "base64", "nonsense", "utf-7"])
def test_a_declared_codec_that_no_page_uses_is_ignored(name: str) -> None:
    page = f'<meta charset="{name}"><p>{_FRENCH}</p>'
    assert decode_html(page.encode("latin-1")) == page
