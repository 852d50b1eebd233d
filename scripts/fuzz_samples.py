"""Small sound files of every kind that is read, made here so that none needs to be kept; knows no reader.

``python -m scripts.fuzz_samples CORPUS`` writes them into a folder for each kind, as the seeds of ``scripts/fuzz.py``.
"""

from __future__ import annotations

import gzip
import sys
import zipfile
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path

import docx
from docx.document import Document

_WORDS = "The harbour authority said on Wednesday that the permit for the new bridge would come eight months late."
_MORE = "The delay may cost the town of Westhaven some three million crowns, the mayor told reporters."


def pdf_of(
    pages: Sequence[Sequence[str]], information: Mapping[str, str] | None = None, *, language: str | None = None
) -> bytes:
    """A PDF file with one printed line for each of the lines of each page, in a font for Western text."""
    fields = "".join(f"/{key} {_pdf_string(value)}" for key, value in (information or {}).items())
    kids = " ".join(f"{5 + 2 * index} 0 R" for index in range(len(pages)))
    mark = f"/Lang {_pdf_string(language)}" if language else ""
    objects = [
        f"<</Type/Catalog/Pages 2 0 R{mark}>>".encode(),
        f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>".encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
        f"<<{fields}>>".encode(),
    ]
    for index, lines in enumerate(pages):
        content = "BT /F1 11 Tf 14 TL 72 770 Td " + " ".join(f"{_pdf_string(line)} Tj T*" for line in lines) + " ET"
        page = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 3 0 R>>>>"
        objects.append(f"{page}/Contents {6 + 2 * index} 0 R>>".encode())
        stream = content.encode("cp1252")
        objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream))
    return _pdf_file(objects)


def _pdf_string(text: str) -> str:
    """A literal string; characters that Western fonts lack can only stand in fields, as UTF-16 (PDF 1.7, 3.8.1)."""
    try:
        text.encode("cp1252")
    except UnicodeEncodeError:
        return f"<feff{text.encode('utf-16-be', 'surrogatepass').hex()}>"
    return "(" + text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)") + ")"


def _pdf_file(objects: Sequence[bytes]) -> bytes:
    data, offsets = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(data))
        data += b"%d 0 obj%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer<</Size %d/Root 1 0 R/Info 4 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(data))
    return data + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + trailer


def docx_of(document: Document) -> bytes:
    """The file of a document made with python-docx."""
    file = BytesIO()
    document.save(file)
    return file.getvalue()


def _word_document() -> bytes:
    document = docx.Document()
    document.core_properties.title = "Bridge late again"
    document.add_heading("Bridge late again", level=1)
    document.add_paragraph(_WORDS)
    document.add_paragraph("steel by ferry", style="List Bullet")
    table = document.add_table(rows=1, cols=2)
    table.rows[0].cells[0].text, table.rows[0].cells[1].text = "Town", "Westhaven"
    return docx_of(document)


def _word_parts(archive: bytes) -> bytes:
    """The parts that are read, with two zero bytes between them: text and fields."""
    with zipfile.ZipFile(BytesIO(archive)) as parts:
        return b"\0\0".join(parts.read(name) for name in ("word/document.xml", "docProps/core.xml"))


def _mail(*, with_page: bool) -> bytes:
    message = EmailMessage()
    message["From"] = "The Daily <news@daily.example>"
    message["Subject"] = "Bridge late again – über 8 Monate"
    message["Date"] = "Thu, 16 Jun 2022 10:00:00 +0200"
    message.set_content(f"{_WORDS}\n\n{_MORE}\n")
    if with_page:
        message.add_alternative(f"<html lang=en><body><p>{_WORDS}</p><p>{_MORE}</p></body></html>", subtype="html")
        message.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="bridge.png")
    return message.as_bytes()


_PAGE = f"""<!DOCTYPE html><html lang="en-GB"><head><meta charset="utf-8"><title>Bridge late again | The Daily</title>
<meta property="og:title" content="Bridge late again"><meta property="og:site_name" content="The Daily">
<meta name="author" content="Ada Byron"><meta property="article:published_time" content="2022-06-16T23:30:00-05:00">
<script type="application/ld+json">{{"@type":"NewsArticle","headline":"Bridge late again","author":[{{"name":"Ada"}}],
"datePublished":"2022-06-16"}}</script><link rel="canonical" href="https://www.daily.example/2022/bridge"></head>
<body><nav><a href="/">Home</a></nav><article><h1>Bridge late again</h1><p>{_WORDS}</p><ul><li>steel</li></ul>
<table><tr><th>Town</th></tr><tr><td>Westhaven</td></tr></table><p>{_MORE}</p></article></body></html>"""
_FRONT_MATTER = (
    "---\ntitle: 'Bridge late'\ndate: 2022-06-16\nauthor:\n  - Ada\n  - Bea\nurl: https://x.example/1\n---\n"
)
_MARKDOWN = f"# Bridge late\n\n{_WORDS} <br> [link](x) `code`\n\n- one\n- two\n\n|a|b|\n|-|-|\n|1|2|\n\n```\nx\n```\n"
_LINE = b'{"text": "The bridge is late.", "url": "https://x.example/1", "published_at": "2022-06-16", "tags": ["a"]}\n'
_RSS = f"""<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>The Daily</title>
<language>en</language><item><title>Bridge late</title><link>https://x.example/1</link><guid>1</guid><description>{_WORDS}</description>
<pubDate>Thu, 16 Jun 2022 10:00:00 +0200</pubDate></item></channel></rss>"""
_ATOM = f"""<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="de"><title>The Daily</title><entry><id>1</id>
<title type="html">Bridge &amp;lt;b&amp;gt; late</title><link href="/1"/><updated>2022-06-16T10:00:00Z</updated>
<content type="html">&lt;p&gt;{_MORE}&lt;/p&gt;</content></entry></feed>"""
_RDF = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="https://x.example/"><title>The Daily</title></channel>
<item rdf:about="https://x.example/1"><title>Bridge</title><link>https://x.example/1</link><dc:date>2022-06-16</dc:date>
</item></rdf:RDF>"""
_JSON_FEED = """{"version": "https://jsonfeed.org/version/1.1", "title": "The Daily", "items": [{"id": "1",
"url": "https://x.example/1", "title": "Bridge", "date_published": "2022-06-16T10:00:00Z", "language": "en"}]}"""
_SITEMAP = """<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"
xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"><url><loc>https://x.example/1</loc>
<lastmod>2022-06-16</lastmod><news:news><news:publication_date>2022-06-16</news:publication_date>
<news:title>Bridge</news:title></news:news></url></urlset>"""
_SITEMAP_INDEX = """<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><sitemap>
<loc>https://x.example/s.xml</loc><lastmod>2022-06-16T10:00:00+02:00</lastmod></sitemap></sitemapindex>"""


def samples() -> dict[str, list[bytes]]:
    """For each kind of input the files to start from."""
    pages = [["The Daily - 1", _WORDS, "A word that was hyphen-", "ated. " + _MORE], ["The Daily - 2", _MORE]]
    information = {"Title": "Bridge late", "Author": "Ada Byron", "CreationDate": "D:20220616100000+02'00'"}
    word = _word_document()
    return {
        "html": [_PAGE.encode(), f"<p>{_WORDS}</p>".encode()],
        "pdf": [pdf_of(pages, information, language="en-GB")],
        "docx": [word],
        "docx_parts": [_word_parts(word)],
        "eml": [_mail(with_page=False), _mail(with_page=True)],
        "feed": [text.encode() for text in (_RSS, _ATOM, _RDF, _JSON_FEED)],
        "sitemap": [_SITEMAP.encode(), _SITEMAP_INDEX.encode()],
        "text": [f"Bridge late\n\n{_WORDS}\n{_MORE}\n".encode(), _WORDS.encode("utf-16")],
        "decoding": [_WORDS.encode(), "Přístav".encode("cp1250"), "橋の許可".encode("cp932"), b"\xff\xfe\0\0a\0\0\0"],
        "front_matter": [f"{_FRONT_MATTER}{_WORDS}\n".encode()],
        "markdown": [_MARKDOWN.encode(), (_FRONT_MATTER + _MARKDOWN).encode()],
        "json": [_LINE, b"[" + _LINE + b"," + _LINE + b"]"],
        "jsonl": [_LINE * 2, gzip.compress(_LINE * 2)],
    }


def main(corpus: Path) -> None:
    """Write the samples; what is already in the folders stays."""
    for kind, seeds in samples().items():
        (corpus / kind).mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(seeds, start=1):
            (corpus / kind / f"seed-{number}").write_bytes(seed)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
