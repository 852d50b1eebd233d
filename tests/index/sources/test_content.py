"""Kinds of content are told by the bytes; servers that lie about them change nothing."""

from __future__ import annotations

import gzip
import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import BadInputError
from index.sources.content import content_kind, unpacked
from tests.index.sources.fakes import article_html, rss

RDF = b'<?xml version="1.0"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"></rdf:RDF>'
ATOM = b'<!-- made by hand --><feed xmlns="http://www.w3.org/2005/Atom"></feed>'
SITEMAP = b'<?xml version="1.0"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"></urlset>'


def zip_with(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return buffer.getvalue()


@pytest.mark.parametrize("media_type", [None, "text/html", "text/plain", "application/octet-stream", "image/png"])
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (rss(), "feed"),
        (b"\n\n Warning: cache is cold\n" + rss(), "feed"),
        (b"\xef\xbb\xbf" + rss(), "feed"),
        (rss().decode().encode("utf-16"), "feed"),
        (RDF, "feed"),
        (ATOM, "feed"),
        (b'{"version": "https://jsonfeed.org/version/1.1", "items": []}', "feed"),
        (SITEMAP, "sitemap"),
        (SITEMAP.replace(b"urlset", b"sitemapindex"), "sitemap"),
        (article_html("Lindby"), "html"),
        (b'<?xml version="1.0"?><!DOCTYPE html PUBLIC "x" "y"><html><body><rss/></body></html>', "html"),
        (b"%PDF-1.7 ...", "pdf"),
        (zip_with("[Content_Types].xml", "word/document.xml"), "docx"),
        (zip_with("mimetype", "META-INF/container.xml"), "epub"),
        (b'{"text": "One."}\n{"text": "Two."}\n', "jsonl"),
        (b'[{"text": "One."}]', "json"),
    ],
)
def test_the_bytes_decide(body: bytes, kind: str, media_type: str | None) -> None:
    assert content_kind(body, media_type) == kind


@pytest.mark.parametrize(
    ("body", "media_type", "kind"),
    [
        (b"The pier of Lindby will be rebuilt.", "text/plain", "text"),
        (b"The pier of Lindby will be rebuilt.", None, "text"),
        (b"The <b>pier</b> of Lindby", "text/html", "html"),
        (b"How to use the <p> tag in a page", "text/plain", "text"),
        (b"# The pier", "text/markdown", "markdown"),
        (b"From: someone@news.example\n\nHello", "message/rfc822", "eml"),
        (b"<channel>not quite", "application/rss+xml", "feed"),
    ],
)
def test_the_type_decides_where_the_bytes_leave_a_doubt(body: bytes, media_type: str | None, kind: str) -> None:
    assert content_kind(body, media_type) == kind


@pytest.mark.parametrize(
    ("body", "media_type", "reason"),
    [
        (b"", "text/html", "empty"),
        (b" \n ", None, "empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "image/png", "binary file"),
        (b"<?xml version='1.0'?><svg></svg>", "text/xml", "<svg>"),
        (b"body { color: red }", "text/css", "text/css"),
        (b"PK\x03\x04 and no more", "application/zip", "damaged zip"),
        (zip_with("a.txt"), "application/zip", "unpack it"),
    ],
)
def test_what_is_no_article_is_named(body: bytes, media_type: str | None, reason: str) -> None:
    with pytest.raises(BadInputError, match=reason):
        content_kind(body, media_type)


@given(st.binary(max_size=300), st.sampled_from([None, "text/html", "text/plain", "application/xml"]))
def test_any_bytes_have_a_kind_or_a_reason(body: bytes, media_type: str | None) -> None:
    try:
        assert content_kind(body, media_type)
    except BadInputError as error:
        assert str(error)


def test_gzip_files_are_unpacked_within_limits() -> None:
    assert unpacked(gzip.compress(SITEMAP)) == SITEMAP
    assert unpacked(SITEMAP) == SITEMAP


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(bytes(51 << 20), compresslevel=1, mtime=0),
        gzip.compress(SITEMAP, mtime=0)[:-9],
        b"\x1f\x8bnonsense",
    ],
)
def test_bombs_and_damaged_gzip_files_are_refused(body: bytes) -> None:
    with pytest.raises(BadInputError, match="gzip"):
        unpacked(body)
