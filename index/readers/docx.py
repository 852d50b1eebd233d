"""Reads Word documents (.docx): text and the fields that the file has of itself (python-docx); no older .doc files.

Left out as a reader of the printed page would not see them: deleted and hidden text, comments, headers and footers.
Footnotes are left out, too. Hostile files can cost much time and memory, so :func:`parse_docx` has them read in a
process of their own.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO

import docx
from docx.document import Document
from lxml.etree import _Element  # type: ignore[import-untyped]  # comes without type information

from index.errors import BadInputError
from index.readers.apart import WORD_KIND, parse_apart
from index.readers.blocks import Block, joined
from index.readers.cleaning import clean_line, clean_text
from index.readers.document_fields import document_record
from index.readers.language import language_code
from index.readers.limits import MIB, ReadLimits

_ZIP_MAGIC = b"PK\x03\x04"
_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # Word up to 2003, and any encrypted document
_MAIN_PART = "word/document.xml"
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_LEFT_OUT = frozenset(
    {f"{_W}del", f"{_W}moveFrom", f"{_W}pPr", f"{_W}rPr", f"{_W}sectPr", f"{_W}tblPr", f"{_W}sdtPr"}
    | {"{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"}  # the same again for old programs
)
_CHARACTERS = {f"{_W}tab": " ", f"{_W}br": "\n", f"{_W}cr": "\n", f"{_W}noBreakHyphen": "-"}
_TITLE_STYLES = ("Title", "Heading1")
_LIST_STYLES = ("ListBullet", "ListNumber")
_OFF = ("0", "false", "off")
# python-docx writes this into every file that it makes.
_TEMPLATE_DATE = "2013-12-23"


@dataclass(frozen=True, slots=True)
class _Fields:
    """What a document notes of itself, as it is; empty texts for what it does not."""

    title: str
    author: str
    created: str
    language: str | None


def parse_docx(data: bytes, limits: ReadLimits) -> dict[str, object]:
    """The article record of a Word document (see :mod:`index.readers.records`), read in a process of its own.

    :raises BadInputError: It is no .docx file, cut short, encrypted, without text, or too expensive to parse.
    """
    _check_magic(data)  # a process is not started for what can be told at once
    return parse_apart(WORD_KIND, data, limits)


def extract_docx(data: bytes, limits: ReadLimits) -> dict[str, object]:
    """As :func:`parse_docx`, in this process and however long it takes.

    :raises BadInputError: It is no .docx file, cut short, encrypted, without text, or unpacks to too much.
    """
    _check_magic(data)
    _check_archive(data, limits)
    body, fields = _opened(data)
    blocks = [block for block in _blocks(body) if block.text]
    if not blocks:
        raise BadInputError("holds no text")
    heading = next((block.text for block in blocks if block.kind == "h1"), "")
    return document_record(
        clean_text(joined(blocks)),
        title=fields.title or heading,
        author=fields.author,
        published_at="" if fields.created == _TEMPLATE_DATE else fields.created,
        language=fields.language,
    )


def _check_magic(data: bytes) -> None:
    """:raises BadInputError: It is no ZIP archive, which .docx files are."""
    if data.startswith(_OLE_MAGIC):
        raise BadInputError("is encrypted or an old .doc file; open it in Word and save it as .docx without a password")
    if not data.startswith(_ZIP_MAGIC):
        raise BadInputError("is no Word document, whatever its name says; give it the ending of what it is")


def _check_archive(data: bytes, limits: ReadLimits) -> None:
    """:raises BadInputError: The archive is damaged, no document, or would unpack to more than is allowed.

    No member unpacks to more than the archive's directory says, or reading it fails.
    """
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            members = archive.infolist()
    except Exception as error:  # zipfile raises many things on a damaged directory
        raise BadInputError("is damaged or cut short (it is no whole ZIP archive); get the file again") from error
    if any(member.flag_bits & 1 for member in members):
        raise BadInputError("is encrypted with a password; save a copy without one")
    if _MAIN_PART not in {member.filename for member in members}:
        raise BadInputError(f"is a ZIP archive but no Word document (it has no {_MAIN_PART}); unpack it")
    if len(members) > limits.max_document_members:
        raise BadInputError(f"has {len(members):,} parts; at most {limits.max_document_members:,} are read")
    num_bytes = sum(member.file_size for member in members)
    max_bytes = min(limits.max_document_bytes, limits.unpacked_bytes_allowed(len(data)))
    if num_bytes > max_bytes:
        reason = f"unpacks from {len(data):,} bytes to {num_bytes / MIB:,.0f} MiB"
        raise BadInputError(f"{reason}; at most {max_bytes / MIB:,.0f} MiB are read, so save its text as .txt")


def _opened(data: bytes) -> tuple[_Element, _Fields]:
    try:
        document = docx.Document(BytesIO(data))
        return document.element.body, _fields(document)
    except Exception as error:  # whatever the parser raises on a damaged file, it is that file which is bad
        raise BadInputError(
            f"is damaged ({type(error).__name__}); get the file again or save its text as .txt"
        ) from error


def _fields(document: Document) -> _Fields:
    properties = document.core_properties
    created = ""
    with suppress(TypeError):  # an empty date
        created = properties.created.date().isoformat() if properties.created else ""
    defaults = document.styles.element.find(f"{_W}docDefaults")
    marks = [] if defaults is None else [mark.get(f"{_W}val") for mark in defaults.iter(f"{_W}lang")]
    language = language_code(properties.language, *marks)
    return _Fields(clean_line(properties.title), clean_line(properties.author), created, language)


def _blocks(parent: _Element) -> Iterator[Block]:
    """What stands in ``parent``, in order, also within content controls, tracked insertions and the like."""
    for child in parent:
        if child.tag == f"{_W}p":
            yield _paragraph(child)
        elif child.tag == f"{_W}tr":
            cells = (" ".join(block.text for block in _blocks(cell)) for cell in _cells(child))
            yield Block(" | ".join(clean_line(cell) for cell in cells).strip("| "), "tr")
        elif child.tag not in _LEFT_OUT:
            yield from _blocks(child)


def _cells(row: _Element) -> Iterator[_Element]:
    """The cells of one row, not those of tables within its cells: they are part of these."""
    for child in row:
        if child.tag == f"{_W}tc":
            yield child
        elif child.tag not in _LEFT_OUT:
            yield from _cells(child)


def _paragraph(paragraph: _Element) -> Block:
    text = clean_text("".join(_pieces(paragraph)))
    style = paragraph.find(f"{_W}pPr/{_W}pStyle")
    name = "" if style is None else style.get(f"{_W}val", "")
    if name in _TITLE_STYLES:
        return Block(text, "h1")
    is_item = name.startswith(_LIST_STYLES) or paragraph.find(f"{_W}pPr/{_W}numPr") is not None
    return Block(f"- {text}", "li") if is_item and text else Block(text)


def _pieces(parent: _Element) -> Iterator[str]:
    for child in parent:
        if child.tag == f"{_W}t":
            yield child.text or ""
        elif child.tag in _CHARACTERS:
            yield _CHARACTERS[child.tag]
        elif child.tag not in _LEFT_OUT and not _is_hidden(child):
            yield from _pieces(child)
            if child.tag == f"{_W}p":  # of a text box that hangs on this paragraph
                yield "\n"


def _is_hidden(run: _Element) -> bool:
    mark = run.find(f"{_W}rPr/{_W}vanish")
    return mark is not None and mark.get(f"{_W}val", "1") not in _OFF
