"""Reads PDF files: text and the fields that the file has of itself (pypdf); knows nothing of pictures of pages.

Hostile files can cost much time and memory, so :func:`parse_pdf` has them read in a process of their own.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO

from pypdf import PdfReader
from pypdf.errors import DependencyError

from index.errors import BadInputError
from index.readers.apart import PDF_KIND, parse_apart
from index.readers.cleaning import clean_line, clean_text
from index.readers.document_fields import document_record
from index.readers.language import language_code
from index.readers.limits import ReadLimits
from index.readers.printed_pages import text_of_pages

logging.getLogger("pypdf").setLevel(logging.CRITICAL)

_REMEDY = "save its text as .txt"
_HEAD_BYTES = 1024  # some programs put a few bytes before the mark (PDF reference 1.7, appendix H, note 13)
_TAIL_BYTES = 2048
_DATE = re.compile(r"(?:D:)?(\d{4})(\d{2})(\d{2})(?:\D.*|\d{2,6}.*)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Contents:
    """What the library found, as it is: the text of each page, the information dictionary, the language mark."""

    pages: list[str]
    information: Mapping[str, str]
    language: str | None


def parse_pdf(data: bytes, limits: ReadLimits) -> dict[str, object]:
    """The article record of a PDF file (see :mod:`index.readers.records`), read in a process of its own.

    :raises BadInputError: It is no PDF file, cut short, encrypted, without text, or too expensive to parse.
    """
    _check_marks(data)  # a process is not started for what can be told at once
    return parse_apart(PDF_KIND, data, limits)


def extract_pdf(data: bytes, limits: ReadLimits) -> dict[str, object]:
    """As :func:`parse_pdf`, in this process and however long it takes.

    :raises BadInputError: It is no PDF file, cut short, encrypted, or without text.
    """
    _check_marks(data)
    contents = _contents(data, limits)
    text = text_of_pages(contents.pages)
    if not text:
        reason = f"holds no text, only pictures (pages: {len(contents.pages):,})" if contents.pages else "has no pages"
        raise BadInputError(f"{reason}; run text recognition (OCR) on it first")
    information = contents.information
    return document_record(
        text,
        title=information.get("/Title", ""),
        author=information.get("/Author", ""),
        published_at=_date(information.get("/CreationDate", "")),
        language=language_code(contents.language),
    )


def _check_marks(data: bytes) -> None:
    """:raises BadInputError: The marks that every PDF file begins and ends with are missing."""
    if b"%PDF-" not in data[:_HEAD_BYTES]:
        raise BadInputError("is no PDF file, whatever its name says; give it the ending of what it is")
    if b"%%EOF" not in data.rstrip(b"\0\r\n\t ")[-_TAIL_BYTES:]:
        raise BadInputError("is cut short (the mark of its end is missing); get the file again")


def _contents(data: bytes, limits: ReadLimits) -> _Contents:
    try:
        reader = PdfReader(BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise BadInputError("is encrypted with a password; save a copy without one")
        information = {key: str(value or "") for key, value in (reader.metadata or {}).items()}
        language = reader.root_object.get("/Lang")
        return _Contents(_pages(reader, limits), information, str(language) if language else None)
    except BadInputError:
        raise
    except DependencyError as error:
        reason = "is encrypted, and reading it needs the package cryptography"
        raise BadInputError(f"{reason}; save a copy without encryption") from error
    except Exception as error:  # whatever the parser raises on a damaged file, it is that file which is bad
        raise BadInputError(f"is damaged ({type(error).__name__}); get the file again or {_REMEDY}") from error


def _pages(reader: PdfReader, limits: ReadLimits) -> list[str]:
    pages: list[str] = []
    num_chars = 0
    for page in reader.pages:
        pages.append(page.extract_text())
        num_chars += len(pages[-1])
        # The record checks the clean text itself; what is dropped on the way is never half of it.
        if num_chars > 2 * limits.max_article_chars:
            reason = f"has more than {num_chars:,} characters on its first {len(pages):,} pages"
            raise BadInputError(f"{reason}; an article may have at most {limits.max_article_chars:,}, so split it")
    return pages


def _date(raw: str) -> str:
    """A date of the form D:20240328120000+01'00' (PDF reference 1.7, 3.8.3) as ISO; others as they are."""
    match = _DATE.fullmatch(clean_text(raw))
    return "-".join(match.groups()) if match else clean_line(raw)
