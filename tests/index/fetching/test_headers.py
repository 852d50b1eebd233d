"""Headers say only what is well-formed; everything else counts as not said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import PermanentFetchError
from index.fetching.headers import AnswerHeaders, is_validator

NOW = 1_700_000_000.0  # 14 November 2023, 22:13:20 UTC


def headers(**values: str) -> AnswerHeaders:
    return AnswerHeaders([(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in values.items()])


@pytest.mark.parametrize(
    ("content_type", "media_type", "charset"),
    [
        ("text/html", "text/html", None),
        ("Text/HTML; Charset=UTF-8", "text/html", "utf-8"),
        ('text/html; charset="windows-1252"', "text/html", "windows-1252"),
        ("application/rss+xml; a=b; charset=iso-8859-1; c=d", "application/rss+xml", "iso-8859-1"),
        ("text/html;charset=no-such-charset", "text/html", None),
        ("text/html; charset=base64", "text/html", None),
        ("text/html; charset=../../etc", "text/html", None),
        ("html", None, None),
        ("text/html<script>", None, None),
        ("", None, None),
        ("text/" + "a" * 500, None, None),
    ],
)
def test_media_type_and_charset(content_type: str, media_type: str | None, charset: str | None) -> None:
    found = headers(Content_Type=content_type)
    assert (found.media_type(), found.charset()) == (media_type, charset)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("999999999", 86400.0),
        ("Tue, 14 Nov 2023 22:14:20 GMT", 60.0),
        ("Tue, 14 Nov 2023 22:12:20 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86400.0),
        ("-5", None),
        ("soon", None),
        ("1e9", None),
        ("", None),
        ("Tue, 99 Nov 2023 22:14:20 GMT", None),
    ],
)
def test_the_wait_a_server_asks_for_is_at_most_a_day(value: str, seconds: float | None) -> None:
    assert headers(Retry_After=value).retry_after_seconds(NOW) == seconds


@given(st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=40))
def test_any_header_is_read_or_counts_as_not_said(value: str) -> None:
    found = headers(Content_Type=value, Retry_After=value, ETag=value, Content_Length=value, Location=value)
    found.media_type(), found.charset(), found.content_length(), found.location()
    seconds = found.retry_after_seconds(NOW)
    assert seconds is None or 0 <= seconds <= 86400
    assert found.etag() is None or is_validator(found.etag() or "")


@pytest.mark.parametrize("value", ['"abc"', 'W/"abc"', "abc", "Tue, 14 Nov 2023 22:14:20 GMT"])
def test_what_can_be_sent_back_is_kept(value: str) -> None:
    assert headers(ETag=value).etag() == value
    assert headers(Last_Modified=value).last_modified() == value


@pytest.mark.parametrize("value", ["", '"é"', '"a\tb"', '"a\x00b"', "a" * 501])
def test_what_cannot_be_sent_back_is_left_out(value: str) -> None:
    assert headers(ETag=value).etag() is None


@pytest.mark.parametrize(
    ("value", "encoding"),
    [("gzip", "gzip"), ("X-GZip", "gzip"), (" deflate ", "deflate"), ("identity", "identity"), ("", "identity")],
)
def test_encodings_that_are_unpacked(value: str, encoding: str) -> None:
    assert headers(Content_Encoding=value).encoding() == encoding


@pytest.mark.parametrize("value", ["br", "zstd", "compress", "gzip, gzip", "deflate,gzip", "gzip\x1b[31m"])
def test_encodings_that_are_refused(value: str) -> None:
    with pytest.raises(PermanentFetchError) as error:
        headers(Content_Encoding=value).encoding()
    assert str(error.value).isprintable()


def test_encodings_in_several_headers_count_together() -> None:
    twice = AnswerHeaders([(b"Content-Encoding", b"gzip"), (b"content-encoding", b"gzip")])
    with pytest.raises(PermanentFetchError, match="more than once"):
        twice.encoding()


def test_a_location_in_bare_utf8_is_read() -> None:
    assert AnswerHeaders([(b"Location", "/straße".encode())]).location() == "/straße"
    assert AnswerHeaders([(b"Location", "/straße".encode("latin-1"))]).location() == "/straße"
    assert AnswerHeaders([]).location() is None
