"""PDF files: text and fields of sound files, and one clear line for each kind of bad one."""

from __future__ import annotations

import re
import zlib
from datetime import date
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader, PdfWriter
from pypdf.errors import DependencyError

from index.errors import BadInputError
from index.readers import ReadLimits, pdf, read_bytes, read_path
from index.readers.apart_worker import parse
from index.readers.pdf import extract_pdf
from index.types import Article, Rejection
from scripts.fuzz_samples import pdf_of

_LINES = [
    "Bridge late again",
    "The harbour authority said on Wednesday that the permit for the har-",
    "bour bridge would come eight months late.",
]
_TEXT = "The harbour authority said on Wednesday that the permit for the harbour bridge would come eight months late."


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started for a file: test_readers_apart.py has the tests of that."""
    monkeypatch.setattr(pdf, "parse_apart", parse)


def _extract(data: bytes, limits: ReadLimits | None = None) -> dict[str, object]:
    return extract_pdf(data, limits or ReadLimits())


def _reason(data: bytes, limits: ReadLimits | None = None) -> str:
    with pytest.raises(BadInputError) as refused:
        _extract(data, limits)
    return str(refused.value)


def _encrypted(user_password: str, algorithm: str) -> bytes:
    writer = PdfWriter(clone_from=BytesIO(pdf_of([_LINES])))
    writer.encrypt(user_password, "owner", algorithm=algorithm)
    file = BytesIO()
    writer.write(file)
    return file.getvalue()


def test_a_file_gives_its_text_and_fields() -> None:
    fields = {"Title": "Bridge late again", "Author": "Ada Byron", "CreationDate": "D:20220616233000-05'00'"}
    (article,) = read_bytes("story.pdf", pdf_of([_LINES], fields, language="en-GB"))
    assert isinstance(article, Article), article
    assert (article.title, article.published_at, article.text) == ("Bridge late again", "2022-06-16", _TEXT)
    assert article.metadata == {"author": "Ada Byron", "language": "en"}


def test_a_file_on_disk_is_identified_by_its_path(tmp_path: Path, in_process: None) -> None:
    articles = []
    for lines in (_LINES, [*_LINES, "Now it is open."]):
        (tmp_path / "a.pdf").write_bytes(pdf_of([lines]))
        articles += read_path(tmp_path / "a.pdf")
    before, after = articles
    assert isinstance(before, Article)
    assert isinstance(after, Article)
    assert before.article_id == after.article_id
    assert before.content_hash != after.content_hash


def test_titles_in_other_scripts_are_read() -> None:
    assert _extract(pdf_of([_LINES[1:]], {"Title": "橋の許可"}))["title"] == "橋の許可"


@pytest.mark.parametrize("title", ["Microsoft Word - bridge.docx", "untitled", "bridge_v2.indd", "", "Document1"])
def test_a_title_that_a_program_put_in_gives_way_to_the_first_line(title: str) -> None:
    record = _extract(pdf_of([_LINES], {"Title": title, "Author": "Administrator"}))
    assert record["title"] == "Bridge late again"
    assert "author" not in record


@pytest.mark.parametrize(
    ("raw", "published_at"),
    [
        ("D:20220616", "2022-06-16"),
        ("20220616100000Z", "2022-06-16"),
        ("D:20220616100000+02'00'", "2022-06-16"),
        ("D:2022", "D:2022"),  # names no day: kept as it is, among the metadata of the article
        ("2022-06-16T10:00:00", "2022-06-16T10:00:00"),
        ("", None),
    ],
)
def test_creation_dates_in_the_forms_of_the_format_are_read(raw: str, published_at: str | None) -> None:
    assert _extract(pdf_of([_LINES], {"CreationDate": raw}))["published_at"] == published_at


def test_a_creation_date_in_the_future_is_dropped_and_kept_as_given(in_process: None) -> None:
    data = pdf_of([_LINES], {"CreationDate": "D:20990101000000Z"})
    (article,) = read_bytes("a.pdf", data, today=date(2022, 6, 16))
    assert isinstance(article, Article)
    assert article.published_at is None
    assert article.metadata["published_at_as_given"] == "2099-01-01"


def test_pages_are_joined_without_running_headers_and_page_numbers() -> None:
    pages = [["The Daily, 16 June 2022", f"Story {'abc'[n]} ends.", f"- {n + 1} -"] for n in range(3)]
    assert _extract(pdf_of(pages))["text"] == "Story a ends. Story b ends. Story c ends."


def test_a_file_without_text_is_rejected_as_pictures() -> None:
    assert _reason(pdf_of([[], []])) == (
        "holds no text, only pictures (pages: 2); run text recognition (OCR) on it first"
    )


def test_a_file_without_pages_is_rejected() -> None:
    assert _reason(pdf_of([])).startswith("has no pages")


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-256"])
def test_a_file_with_a_password_is_rejected(algorithm: str) -> None:
    assert _reason(_encrypted("secret", algorithm)) == "is encrypted with a password; save a copy without one"


def test_a_file_that_only_restricts_printing_is_read() -> None:
    assert _extract(_encrypted("", "RC4-128"))["title"] == "Bridge late again"


def test_a_file_that_another_package_would_decrypt_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: PdfReader, password: str) -> None:
        raise DependencyError("cryptography>=3.1 is required for AES algorithm")

    monkeypatch.setattr(PdfReader, "decrypt", refuse)
    assert _reason(_encrypted("", "RC4-128")).startswith("is encrypted, and reading it needs the package cryptography")


@pytest.mark.parametrize(
    "data", [b"PK\x03\x04 a Word document", b"plain text", b"<html>", b"\x89PNG\r\n\x1a\n", b" " * 2000 + b"%PDF-1.7"]
)
def test_a_file_with_the_wrong_ending_is_rejected(data: bytes) -> None:
    (rejection,) = read_bytes("a.pdf", data)
    assert isinstance(rejection, Rejection)
    assert rejection.reason == "is no PDF file, whatever its name says; give it the ending of what it is"


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_file_is_rejected(share: float) -> None:
    data = pdf_of([_LINES] * 5)
    assert _reason(data[: int(len(data) * share)]).startswith("is cut short")


def test_a_file_with_nothing_between_its_marks_is_rejected() -> None:
    assert _reason(b"%PDF-1.7\nnothing here\n%%EOF").startswith("is damaged (")


def test_a_broken_table_of_objects_is_repaired() -> None:
    assert _extract(pdf_of([_LINES]).replace(b"startxref\n", b"startxref\n9"))["title"] == "Bridge late again"


def test_a_text_of_too_many_characters_is_rejected_before_all_pages_are_read() -> None:
    reason = _reason(pdf_of([_LINES] * 50), ReadLimits(max_article_chars=300))
    assert reason.startswith("has more than ")
    assert "on its first 5 pages" in reason


def test_a_stream_that_unpacks_to_too_much_is_rejected() -> None:
    packed = zlib.compress(b"BT (" + b"x" * 80_000_000 + b") Tj ET", level=1)
    stream = b"<</Length %d/Filter/FlateDecode>>stream\n%s\nendstream" % (len(packed), packed)
    data = re.sub(rb"<</Length \d+>>stream.*endstream", lambda _: stream, pdf_of([_LINES]), flags=re.DOTALL)
    assert len(data) < 1_000_000
    assert _reason(data).startswith("is damaged (LimitReachedError)")


@settings(max_examples=60)
@given(st.data())
def test_a_file_with_changed_bytes_is_an_article_record_or_refused(data: st.DataObject) -> None:
    changed = bytearray(pdf_of([_LINES], {"Title": "Bridge"}))
    for _ in range(data.draw(st.integers(1, 8))):
        changed[data.draw(st.integers(9, len(changed) - 8))] = data.draw(st.integers(0, 255))
    try:
        record = _extract(bytes(changed))
    except BadInputError as error:
        assert "\n" not in str(error)
    else:
        assert record["text"]
