"""Parsers in a process of their own: the same answer, and an end to every one that takes too much."""

from __future__ import annotations

import subprocess
import sys

import pytest

from index.errors import BadInputError
from index.readers import ReadLimits
from index.readers.apart import PAGE_KIND, PDF_KIND, parse_apart
from index.readers.pdf import extract_pdf
from scripts.fuzz_samples import pdf_of

pytestmark = pytest.mark.slow

_PDF = pdf_of([["The permit for the bridge is late."]], {"Title": "Bridge \u202e late", "Author": "Ada"})


def test_the_answer_is_that_of_the_parser() -> None:
    assert parse_apart(PDF_KIND, _PDF, ReadLimits()) == extract_pdf(_PDF, ReadLimits())


def test_the_reason_is_that_of_the_parser() -> None:
    with pytest.raises(BadInputError, match="^holds no text, only pictures"):
        parse_apart(PDF_KIND, pdf_of([[]]), ReadLimits())


def test_the_limits_hold_in_the_other_process() -> None:
    with pytest.raises(BadInputError, match="has more than"):
        parse_apart(PDF_KIND, _PDF, ReadLimits(max_article_chars=10))


@pytest.mark.parametrize(
    ("kind", "limits"),
    [
        (PDF_KIND, ReadLimits(max_document_seconds=0.01)),
        (PAGE_KIND, ReadLimits(max_page_seconds=0.01)),
    ],
)
def test_a_parser_that_takes_too_long_is_stopped(kind: str, limits: ReadLimits) -> None:
    with pytest.raises(BadInputError, match=r"^takes more than 0\.01 seconds to parse; save its text as \.txt$"):
        parse_apart(kind, _PDF, limits)


@pytest.mark.skipif(sys.platform == "win32", reason="memory is capped on POSIX systems")
def test_a_parser_that_takes_too_much_memory_is_stopped() -> None:
    packed = pdf_of([["word " * 2_000_000]])
    with pytest.raises(BadInputError) as refused:
        parse_apart(PDF_KIND, packed, ReadLimits(max_parser_memory_bytes=300 << 20, max_article_chars=100_000_000))
    assert str(refused.value).startswith(("cannot be read: its parser ran out of memory", "is damaged (MemoryError)"))


@pytest.mark.skipif(sys.platform == "win32", reason="processor time is capped on POSIX systems")
@pytest.mark.timeout(60)
def test_a_parser_whose_parent_is_gone_ends_by_itself() -> None:
    script = (
        "import json, sys; from dataclasses import asdict\n"
        "from index.readers import apart_worker; from index.readers.limits import ReadLimits\n"
        "def forever(kind, data, limits):\n"
        "    while True: pass\n"
        "apart_worker.parse = forever\n"
        "limits = ReadLimits(max_page_seconds=0.1, max_document_seconds=0.1)\n"
        "sys.argv = ['apart_worker', 'eml', json.dumps(asdict(limits))]\n"
        "apart_worker.main()"
    )
    assert subprocess.run([sys.executable, "-c", script], input=b"", timeout=50).returncode < 0
