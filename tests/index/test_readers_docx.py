"""Word documents: text and fields of sound files, and one clear line for each kind of bad one."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime
from io import BytesIO

import docx
import pytest
from docx.document import Document
from docx.oxml import parse_xml
from hypothesis import given, settings
from hypothesis import strategies as st

from index.errors import BadInputError
from index.readers import ReadLimits, read_bytes
from index.readers.docx import extract_docx
from index.types import Article, Rejection
from scripts.fuzz_samples import docx_of

_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_SENTENCE = "The permit for the new bridge would come eight months late."


def _document(*paragraphs: str) -> Document:
    document = docx.Document()
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    return document


def _extract(document: Document | bytes, limits: ReadLimits | None = None) -> dict[str, object]:
    data = document if isinstance(document, bytes) else docx_of(document)
    return extract_docx(data, limits or ReadLimits())


def _reason(data: bytes, limits: ReadLimits | None = None) -> str:
    with pytest.raises(BadInputError) as refused:
        _extract(data, limits)
    return str(refused.value)


def _with_member(name: str, content: bytes, *, base: bytes | None = None) -> bytes:
    """The file of a document with one member of the archive replaced or added."""
    file = BytesIO()
    source = zipfile.ZipFile(BytesIO(base or docx_of(_document(_SENTENCE))))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target:
        for member in source.namelist():
            if member != name:
                target.writestr(member, source.read(member))
        target.writestr(name, content)
    return file.getvalue()


def test_a_document_gives_its_text_and_fields() -> None:
    document = _document("Bridge late again", _SENTENCE)
    properties = document.core_properties
    properties.title, properties.author, properties.language = "Bridge late again", "Ada Byron", "en-GB"
    properties.created = datetime(2022, 6, 16, 23, 30, tzinfo=UTC)
    (article,) = read_bytes("story.docx", docx_of(document))
    assert isinstance(article, Article), article
    assert (article.title, article.published_at, article.text) == ("Bridge late again", "2022-06-16", _SENTENCE)
    assert article.metadata == {"author": "Ada Byron", "language": "en"}


def test_headings_lists_and_tables_keep_their_order() -> None:
    document = docx.Document()
    document.add_heading("Bridge late", level=1)
    document.add_paragraph(_SENTENCE)
    document.add_paragraph("steel by ferry", style="List Bullet")
    document.add_paragraph("steel by rail", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for row, cells in zip(table.rows, (("Town", "Bridges"), ("Westhaven", "0")), strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    document.add_paragraph("The end.")
    record = _extract(document)
    assert record["title"] == "Bridge late"
    assert str(record["text"]).split("\n\n") == [
        _SENTENCE,
        "- steel by ferry\n- steel by rail",
        "Town | Bridges\nWesthaven | 0",
        "The end.",
    ]


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<w:ins><w:r><w:t>inserted</w:t></w:r></w:ins>", "inserted"),
        ("<w:del><w:r><w:delText>deleted</w:delText></w:r></w:del>", ""),
        ("<w:moveFrom><w:r><w:t>moved away</w:t></w:r></w:moveFrom>", ""),
        ("<w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r>", ""),
        ('<w:r><w:rPr><w:vanish w:val="0"/></w:rPr><w:t>shown</w:t></w:r>', "shown"),
        ("<w:hyperlink><w:r><w:t>linked</w:t></w:r></w:hyperlink>", "linked"),
        ("<w:sdt><w:sdtContent><w:r><w:t>controlled</w:t></w:r></w:sdtContent></w:sdt>", "controlled"),
        ("<w:r><w:t>two</w:t><w:br/><w:t>lines</w:t></w:r>", "two\nlines"),
        ("<w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:noBreakHyphen/><w:t>c</w:t></w:r>", "a b-c"),
        ("<w:r><w:instrText>PAGE</w:instrText></w:r>", ""),
    ],
)
def test_a_paragraph_has_the_text_that_is_seen(markup: str, text: str) -> None:
    document = _document(_SENTENCE)
    document.element.body.insert(1, parse_xml(f"<w:p {_W}>{markup}</w:p>"))
    assert _extract(document)["text"] == f"{_SENTENCE}\n\n{text}".strip()


def test_text_in_a_content_control_is_read() -> None:
    document = _document(_SENTENCE)
    control = f"<w:sdt {_W}><w:sdtContent><w:p><w:r><w:t>Inside.</w:t></w:r></w:p></w:sdtContent></w:sdt>"
    document.element.body.insert(1, parse_xml(control))
    assert _extract(document)["text"] == f"{_SENTENCE}\n\nInside."


def _nested_tables(depth: int) -> str:
    start, end = "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>cell</w:t></w:r></w:p>", "</w:tc></w:tr></w:tbl>"
    return f"<w:document {_W}><w:body>{start * depth}{end * depth}</w:body></w:document>"


def test_a_table_within_a_cell_is_read_once() -> None:
    record = _extract(_with_member("word/document.xml", _nested_tables(2).encode()))
    assert record["text"] == "cell cell"


@pytest.mark.timeout(30)
def test_deeply_nested_tables_take_no_longer_for_it() -> None:
    record = _extract(_with_member("word/document.xml", _nested_tables(80).encode()))
    assert record["text"] == " ".join(["cell"] * 80)


def test_the_date_that_python_docx_writes_is_no_publication_date() -> None:
    assert _extract(_document(_SENTENCE))["published_at"] is None


def test_an_empty_date_costs_only_the_date() -> None:
    core = (
        b'<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties"'
        b' xmlns:dcterms="http://purl.org/dc/terms/" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        b"<dcterms:created/><dc:title>Bridge</dc:title></cp:coreProperties>"
    )
    record = _extract(_with_member("docProps/core.xml", core))
    assert (record["title"], record["published_at"]) == ("Bridge", None)


def test_a_document_without_text_is_rejected() -> None:
    assert _reason(docx_of(docx.Document())) == "holds no text"


@pytest.mark.parametrize("data", [b"%PDF-1.7", b"plain text", b"<html>"])
def test_a_file_with_the_wrong_ending_is_rejected(data: bytes) -> None:
    (rejection,) = read_bytes("a.docx", data)
    assert isinstance(rejection, Rejection)
    assert rejection.reason == "is no Word document, whatever its name says; give it the ending of what it is"


def test_an_encrypted_or_old_document_is_rejected() -> None:
    (rejection,) = read_bytes("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500))
    assert isinstance(rejection, Rejection)
    assert rejection.reason.startswith("is encrypted or an old .doc file")


def test_another_archive_is_rejected() -> None:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", "text")
    assert _reason(file.getvalue()).startswith("is a ZIP archive but no Word document")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_document_is_rejected(share: float) -> None:
    data = docx_of(_document(_SENTENCE))
    assert _reason(data[: int(len(data) * share)]).startswith("is damaged or cut short")


def test_a_document_with_broken_markup_is_rejected() -> None:
    assert _reason(_with_member("word/document.xml", b"<w:document><w:body>")).startswith("is damaged (XMLSyntaxError)")


def test_a_bomb_of_zeros_is_rejected_before_it_is_unpacked() -> None:
    data = _with_member("word/media/image1.bin", bytes(80 << 20))
    assert len(data) < 1 << 20
    assert "MiB are read, so save its text as .txt" in _reason(data)


def test_a_bomb_of_many_members_is_rejected() -> None:
    reason = _reason(docx_of(_document(_SENTENCE)), ReadLimits(max_document_members=5))
    assert reason.endswith("parts; at most 5 are read")


def test_a_member_that_lies_about_its_size_is_rejected() -> None:
    data = bytearray(_with_member("word/document.xml", b" " * 1_000_000))
    # The sizes in the directory at the end of the archive (APPNOTE.TXT 4.3.12), which is what is believed.
    entry = data.rindex(b"PK\x01\x02", 0, data.rindex(b"word/document.xml"))
    data[entry + 24 : entry + 28] = (100).to_bytes(4, "little")
    assert _reason(bytes(data)).startswith("is damaged (BadZipFile)")


def test_entities_are_not_expanded() -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "x" * 100}">' for n in range(10))
    body = "<w:body><w:p><w:r><w:t>a&e9;</w:t></w:r></w:p></w:body>"
    markup = f"<!DOCTYPE d [{entities}]><w:document {_W}>{body}</w:document>"
    try:
        text = str(_extract(_with_member("word/document.xml", markup.encode()))["text"])
    except BadInputError:
        return
    assert len(text) < 100


def test_a_file_of_this_machine_is_not_read_through_an_entity() -> None:
    markup = (
        '<!DOCTYPE d [<!ENTITY e SYSTEM "file:///etc/hostname">]>'
        f"<w:document {_W}><w:body><w:p><w:r><w:t>a&e;b</w:t></w:r></w:p></w:body></w:document>"
    )
    record = _extract(_with_member("word/document.xml", markup.encode()))
    assert record["text"] in ("a", "ab")


_PARTS = [
    "<w:p>",
    "</w:p>",
    "<w:r>",
    "</w:r>",
    "<w:t>x</w:t>",
    "<w:tbl>",
    "</w:tbl>",
    "<w:tr/>",
    "<w:tc>",
    "<!-- c -->",
]


@settings(max_examples=40)
@given(st.lists(st.sampled_from([*_PARTS, "<?pi x?>", "&amp;", "\u202e", "<w:pPr/>", "<w:sdt>", "</w:sdt>"])))
def test_any_markup_is_an_article_record_or_refused(pieces: list[str]) -> None:
    markup = f"<w:document {_W}><w:body>{''.join(pieces)}</w:body></w:document>"
    try:
        record = _extract(_with_member("word/document.xml", markup.encode()))
    except BadInputError as error:
        assert "\n" not in str(error)
    else:
        assert record["text"]
