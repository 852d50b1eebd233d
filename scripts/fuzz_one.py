"""Fuzzes one kind of input in this process until it is stopped; knows nothing of seeds, time shares or reports.

Started by ``scripts/fuzz.py``: ``python scripts/fuzz_one.py KIND FINDINGS MAX_SECONDS [options of libFuzzer] CORPUS``.
A finding is any exception that the reader lets through, an article that breaks what the index relies on, or an input
that takes longer than MAX_SECONDS of processor time. The first input for each is kept, and fuzzing goes on.
"""

from __future__ import annotations

import hashlib
import io
import sys
import time
import traceback
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]  # a developer's tool, installed by hand

# The parsers behind each kind. Only what is imported below is watched for new paths, hence nothing of it above; what
# a kind does not use is not watched, since preparing a module for it takes seconds.
_PARSERS = {
    "markdown": ["markdown_it"],
    "html": ["trafilatura", "htmldate"],
    "pdf": ["pypdf"],
    "docx": ["docx"],
    "docx_parts": ["docx"],
    "eml": ["email"],
    "feed": ["feedparser"],
}

with atheris.instrument_imports(include=["index", *_PARSERS.get(sys.argv[1] if len(sys.argv) > 1 else "", [])]):
    import docx as python_docx
    from lxml.etree import LxmlError  # type: ignore[import-untyped]  # comes without type information

    from index.chunker import Chunker, ChunkerSettings
    from index.errors import BadInputError
    from index.readers import docx, eml, html, pdf, read_bytes
    from index.readers.apart_worker import parse
    from index.readers.cleaning import clean_line, clean_text
    from index.readers.decoding import decode_declared, decode_html, decode_text
    from index.readers.front_matter import split_front_matter
    from index.sources import feed, parse_worker, sitemap
    from index.types import Article

_ENDINGS = {"text": "txt", "markdown": "md", "front_matter": "md"}
_TODAY = date(2024, 6, 1)
_NOW = datetime(2024, 6, 1, tzinfo=UTC)
_URL = "https://x.example/feed"
_CHARSETS = (None, "utf-8", "iso-8859-1", "shift_jis", "koi8-r", "x-unknown", "utf-7")
_chunker = Chunker(lambda texts: [len(text.split()) for text in texts], ChunkerSettings(8, 12))


def main() -> None:
    kind, findings, max_seconds, *options = sys.argv[1:]
    # Everything in this process: nothing can be seen of what happens in another.
    for reader in (html, pdf, docx, eml):
        vars(reader)["parse_apart"] = parse
    for source in (feed, sitemap):
        vars(source)["parse_apart"] = _parse_source
    watch = _Watch(kind, _TARGETS.get(kind, _reader_of(_ENDINGS.get(kind, kind))), Path(findings), float(max_seconds))
    atheris.Setup([sys.argv[0], *options], watch)
    atheris.Fuzz()


class _Watch:
    """Tries inputs and keeps the first one for each kind of finding.

    :param target: Raises BadInputError for what it refuses, and nothing else.
    """

    def __init__(self, kind: str, target: Callable[[bytes], None], findings: Path, max_seconds: float) -> None:
        self._kind = kind
        self._target = target
        self._findings = findings
        self._max_seconds = max_seconds
        self._seen: set[str] = set()

    def __call__(self, data: bytes) -> None:
        started = time.process_time()
        try:
            self._target(data)
        except BadInputError:
            pass
        except Exception as error:  # noqa: BLE001 - finding these is the point, and each is kept
            innermost = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{type(error).__name__}-{Path(innermost.filename).stem}-{innermost.lineno}"
            self._keep(where, data, traceback.format_exc())
        seconds = time.process_time() - started
        if seconds > self._max_seconds:
            self._keep("slow", data, f"took {seconds:.1f} seconds of processor time\n")

    def _keep(self, what: str, data: bytes, notes: str) -> None:
        if what in self._seen:
            return
        self._seen.add(what)
        path = self._findings / f"{self._kind}-{what}-{hashlib.sha256(data).hexdigest()[:12]}"
        path.write_bytes(data)
        path.with_name(f"{path.name}.txt").write_text(notes, encoding="utf-8", errors="backslashreplace")
        print(f"FINDING {path.name}", file=sys.stderr, flush=True)


def _reader_of(ending: str) -> Callable[[bytes], None]:
    def read(data: bytes) -> None:
        for result in read_bytes(f"input.{ending}", data, today=_TODAY):
            if isinstance(result, Article):
                _check(result)
            else:
                assert result.reason == clean_line(result.reason), "a reason is one clean line"

    return read


def _check(article: Article) -> None:
    assert article.text == clean_text(article.text), "clean text stays as it is"
    assert article.text, "an article has text"
    assert article.title == clean_line(article.title), "a title is one clean line"
    position = 0
    for span in _chunker.chunk(article.text[:5_000]):
        assert position <= span.start < span.end, "passages lie in order"
        assert not article.text[position : span.start].strip(), "only white space lies between passages"
        position = span.end


def _decode(data: bytes) -> None:
    charset = _CHARSETS[data[0] % len(_CHARSETS)] if data else None
    for decode in (decode_text, decode_html, lambda rest: decode_declared(rest, charset)):
        try:
            decode(data[1:])
        except BadInputError:  # one may take what another refuses
            continue


def _front_matter(data: bytes) -> None:
    fields, body = split_front_matter(data.decode("utf-8", "surrogateescape"))
    assert all(isinstance(value, str | list) for value in fields.values())
    assert len(body) <= len(data)
    _reader_of("md")(data)


def _word_parts(data: bytes) -> None:
    """The parts of a Word document that are read, in an archive that is sound: its checksums would stop any change."""
    body, _, fields = data.partition(b"\0\0")
    file = io.BytesIO()
    with zipfile.ZipFile(_PLAIN_WORD) as plain, zipfile.ZipFile(file, "w") as archive:
        for name in plain.namelist():
            new = {"word/document.xml": body, "docProps/core.xml": fields}.get(name)
            archive.writestr(name, new or plain.read(name))
    _reader_of("docx")(file.getvalue())


def _parse_source(kind: str, body: bytes, *, url: str, charset: str | None, limits: object) -> dict[str, Any]:
    """What the process for feeds and sitemaps does."""
    try:
        if kind == "sitemap":
            return parse_worker.read_sitemap(body)
        if body.lstrip()[:1] == b"{":
            return parse_worker.read_json_feed(body)
        return parse_worker.read_feed(body, url, charset)
    except (ValueError, RecursionError, LxmlError) as error:
        raise BadInputError(str(error)) from error


def _feed(data: bytes) -> None:
    _check_entries(feed.parse_feed(data, url=_URL, charset=None, now=_NOW))


def _sitemap(data: bytes) -> None:
    _check_entries(sitemap.parse_sitemap(data, url=_URL, now=_NOW))


def _check_entries(found: Any) -> None:
    for entry in found.entries:
        assert entry.url is None or entry.url.startswith(("http://", "https://")), "addresses are web addresses"
        assert not entry.title or entry.title == clean_line(entry.title), "a title is one clean line"


_PLAIN_WORD = Path(str(python_docx.__file__)).parent / "templates" / "default.docx"
_TARGETS: dict[str, Callable[[bytes], None]] = {
    "decoding": _decode,
    "front_matter": _front_matter,
    "docx_parts": _word_parts,
    "feed": _feed,
    "sitemap": _sitemap,
}

if __name__ == "__main__":
    main()
