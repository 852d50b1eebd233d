"""What holds for every reader, whatever it is given: articles that the index can rely on, or rejections."""

from __future__ import annotations

import gzip
import json
import os
import unicodedata
from pathlib import Path

import pytest
from docx import Document
from hypothesis import example, given, settings
from hypothesis import strategies as st

from index.chunker import Chunker, ChunkerSettings
from index.readers import ENDINGS, docx, eml, html, pdf, read_bytes, read_path
from index.readers.apart_worker import parse
from index.readers.cleaning import clean_line, clean_text
from index.types import Article, Rejection, passage_of
from scripts.fuzz_samples import docx_of, pdf_of, samples

pytestmark = pytest.mark.slow

_WORDS = ["word", "x" * 3_000, "Dr. A. B. Cee", "...", "?!", "e.g.", "1.", "- ", "# ", "---", "\n", "\n\n", "\t", ". "]
_WORDS += ["a\u0301\u0323\u0308", "ﬁ", "Å", "ǆ", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f3f4\U000e007f"]
_WORDS += [
    "\u202edrow\u202c",
    "\u2066iso\u2069",
    "nul\0nul",
    "\x1b[31m",
    "\ufeff",
    "\u2028",
    "\u2029",
    "\x85",
    "\u3000",
]
_WORDS += ["橋の許可は遅れている。市長は述べた。", "สะพานล่าช้าแปดเดือน", "다리 허가", "الجسر متأخر.", "می\u200cخواهم"]
_WORDS += ["\u00a0", " ", "\udc80", "\ud83d", "\ufdd0", "\uffff"]
_TEXTS = st.text(max_size=300) | st.lists(st.sampled_from(_WORDS), max_size=60).map("".join)
_CHUNKER = Chunker(lambda texts: [len(text.split()) for text in texts], ChunkerSettings(8, 12))
# What makes an article of any text, by the ending of the file's name. Markup can take parts of a text away.
_FILES = {
    ".txt": lambda text: text.encode("utf-8", "surrogatepass"),
    ".md": lambda text: text.encode("utf-8", "replace"),
    ".html": lambda text: f"<html><body><p>{text}</p></body></html>".encode("utf-8", "replace"),
    ".json": lambda text: json.dumps({"text": text, "title": text, "author": text, text: text}).encode(),
    ".jsonl": lambda text: json.dumps({"text": text, "source": text, "url": text}).encode(),
    ".ndjson.gz": lambda text: gzip.compress(json.dumps({"text": text, "published_at": text}).encode()),
    ".eml": lambda text: ("From: a\nSubject: b\n\n" + text).encode("utf-8", "replace"),
    ".docx": lambda text: docx_of(_document(text)),
    ".pdf": lambda text: pdf_of([text.encode("cp1252", "replace").decode("cp1252").split("\n")], {"Title": text}),
}


@pytest.fixture(autouse=True, scope="module")
def _in_process() -> None:
    """No process is started for a file: test_readers_apart.py has the tests of that."""
    with pytest.MonkeyPatch.context() as patch:
        for reader in (docx, eml, html, pdf):
            patch.setattr(reader, "parse_apart", parse)
        yield


def _document(text: str) -> Document:
    document = Document()
    # What XML cannot hold cannot be in a document.
    document.add_paragraph("".join(c for c in text if c in "\t\n" or unicodedata.category(c) not in ("Cc", "Cs", "Cn")))
    return document


def _check(results: list[Article | Rejection]) -> None:
    assert results
    for result in results:
        if isinstance(result, Article):
            _check_article(result)
        else:
            assert result.reason == clean_line(result.reason)
            (result.item + result.reason).encode("utf-8")


def _check_article(article: Article) -> None:
    assert article.text
    assert article.text == clean_text(article.text)
    assert article.title == clean_line(article.title)
    assert not any(unicodedata.category(c) in ("Cc", "Cs") and c != "\n" for c in article.text + article.title)
    json.dumps(dict(article.metadata), ensure_ascii=False, allow_nan=False).encode("utf-8")
    position = 0
    for ordinal, span in enumerate(_CHUNKER.chunk(article.text)):
        passage = passage_of(article, 1, ordinal, span.start, span.end)
        assert article.text[passage.start : passage.end] == passage.text != ""
        assert position <= passage.start < passage.end
        assert not article.text[position : passage.start].strip()
        position = passage.end
    assert not article.text[position:].strip()


def _outcome(name: str, data: bytes) -> list[Article | Rejection]:
    """Read twice: the same bytes are the same articles, down to their hashes."""
    results = list(read_bytes(name, data))
    assert list(read_bytes(name, data)) == results
    return results


def test_every_ending_is_tried() -> None:
    same = {".markdown": ".md", ".htm": ".html", ".ndjson": ".jsonl", ".jsonl.gz": ".ndjson.gz"}
    assert {same.get(ending, ending) for ending in ENDINGS} == set(_FILES)


@pytest.mark.parametrize("ending", ENDINGS)
@settings(max_examples=25)
@given(data=st.binary(max_size=200) | _TEXTS.map(lambda text: text.encode("utf-16", "surrogatepass")))
def test_any_bytes_are_articles_or_rejections(ending: str, data: bytes) -> None:
    _check(_outcome(f"a{ending}", data))


@pytest.mark.parametrize("ending", _FILES)
@settings(max_examples=30)
@given(text=_TEXTS)
@example(text=" ".join(_WORDS))
@example(text="\n\n".join(_WORDS))
def test_any_text_is_an_article_or_a_rejection(ending: str, text: str) -> None:
    _check(_outcome(f"a{ending}", _FILES[ending](text)))


@pytest.mark.parametrize("ending", sorted({*_FILES} - {".md", ".html", ".pdf"}))
@settings(max_examples=20)
@given(
    text=st.text(alphabet="abcdefgh橋สะ .\n😀", min_size=30, max_size=200).filter(lambda text: text.strip(" .\n") != "")
)
def test_no_letter_of_a_plain_text_is_lost(ending: str, text: str) -> None:
    text = f"Aa bb.\n{text}"  # no headline, no front matter
    (article,) = read_bytes(f"a{ending}", _FILES[ending](text))
    assert isinstance(article, Article)
    assert "".join(article.text.split()) == "".join(text.split())


_SAMPLES = [
    (ending, data)
    for kind, ending in [("html", ".html"), ("pdf", ".pdf"), ("docx", ".docx"), ("eml", ".eml"), ("jsonl", ".jsonl")]
    for data in samples()[kind]
]


@pytest.mark.parametrize(("ending", "sample"), _SAMPLES, ids=lambda value: value if isinstance(value, str) else "")
@settings(max_examples=15)
@given(data=st.data())
def test_a_sound_file_with_damage_is_articles_or_rejections(ending: str, sample: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(sample)))
    end = data.draw(st.integers(start, min(start + 40, len(sample))))
    _check(_outcome(f"a{ending}", sample[:start] + data.draw(st.binary(max_size=10)) + sample[end:]))


@given(st.text(max_size=40))
@example("a\udcff.txt")
@example("\0.pdf")
@example("\u202etxt.exe")
@example("x" * 5_000)
def test_an_upload_of_any_name_is_articles_or_rejections(name: str) -> None:
    _check(list(read_bytes(name, b"The bridge is late.")))


@settings(max_examples=30)
@given(name=st.binary(min_size=1, max_size=40).filter(lambda name: not set(name) & {0, ord("/")}))
def test_a_file_of_any_name_is_articles_or_rejections(name: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path_factory.getbasetemp()) + b"/" + b"f" + name + b".txt"))
    path.write_bytes(b"The bridge is late.")
    _check(list(read_path(path)))


@given(text=_TEXTS.map(clean_text))
def test_the_passages_of_any_clean_text_keep_every_word_in_order(text: str) -> None:
    passages = [text[span.start : span.end] for span in _CHUNKER.chunk(text)]
    assert "".join("".join(passages).split()) == "".join(text.split())
