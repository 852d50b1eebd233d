"""Turns paths and uploaded bytes into articles or rejections, each by the reader for its kind; fetches nothing."""

from __future__ import annotations

import importlib
import io
import os
import re
import stat
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

from index.errors import BadInputError
from index.readers.cleaning import clean_line
from index.readers.decoding import decode_text
from index.readers.folder import walk_folder
from index.readers.future_dates import without_future_date
from index.readers.jsonl import read_json, read_json_lines
from index.readers.limits import DEFAULT_LIMITS, MIB, ReadLimits
from index.readers.markdown import parse_markdown
from index.readers.records import article_from_mapping
from index.readers.text import parse_text
from index.types import Article, Rejection

_KINDS = {
    ".txt": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".pdf": "pdf",
    ".docx": "docx",
    ".eml": "eml",
    ".json": "json",
    ".jsonl": "json lines",
    ".ndjson": "json lines",
    ".jsonl.gz": "json lines",
    ".ndjson.gz": "json lines",
}
# The endings of file names that are read, for messages and hints.
ENDINGS = tuple(_KINDS)
# What these say of themselves was found, not stated as an article record states it.
_FOUND_BY = {
    "html": ("index.readers.html", "parse_html"),
    "pdf": ("index.readers.pdf", "parse_pdf"),
    "docx": ("index.readers.docx", "parse_docx"),
    "eml": ("index.readers.eml", "parse_eml"),
}
# pathlib makes one slash of two.
_WEB_ADDRESS = re.compile(r"(https?):/{1,2}(?=[^/])", re.IGNORECASE)


def read_path(
    path: Path, *, limits: ReadLimits = DEFAULT_LIMITS, today: date | None = None
) -> Iterator[Article | Rejection]:
    """The articles of a file, or of all files in and below a folder, and a rejection for all that is none.

    An article of a file of its own is identified by the file's absolute path (unless it gives a url or article_id), so
    that a changed file is a revision. Never raises for what it finds: a missing path is a rejection, too.

    :param today: What publication dates found in pages and documents may not lie after; None for the clock's day.
    """
    item = _label(path)
    if _WEB_ADDRESS.match(str(path)):
        address = _WEB_ADDRESS.sub(r"\1://", item, count=1)
        yield Rejection(address, "web addresses are not fetched, only files are read; save the page and add the file")
        return
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError:
        yield Rejection(item, "no such file or folder")
        return
    except (OSError, ValueError) as error:
        yield Rejection(item, f"cannot be read: {_reason(error)}")
        return
    today = today or date.today()
    yield from _read_folder(path, limits, today) if is_folder else _read_file(path, limits, today)


def read_bytes(
    name: str,
    data: bytes,
    *,
    identity: str | None = None,
    limits: ReadLimits = DEFAULT_LIMITS,
    today: date | None = None,
) -> Iterator[Article | Rejection]:
    """The articles in ``data``, read as the kind of file that ``name`` ends like.

    :param name: A file name such as "report.html"; rejections are named after it. No file is opened.
    :param identity: What makes later readings revisions of the same article; None for uploads, whose articles
        without url or article_id are then identified by their text.
    :param today: As for :func:`read_path`.
    """
    item = clean_line(name) or "unnamed file"
    kind = _kind(name)
    if kind is None:
        yield Rejection(item, _unsupported(name))
    elif kind == "json lines":
        yield from read_json_lines(item, io.BytesIO(data), len(data), limits)
    elif len(data) > limits.max_file_bytes:
        yield Rejection(item, _too_large(len(data), limits))
    else:
        yield from _read_whole(kind, item, data, identity, limits, today or date.today())


def _read_folder(folder: Path, limits: ReadLimits, today: date) -> Iterator[Article | Rejection]:
    is_empty = True
    for entry in walk_folder(folder):
        is_empty = False
        if isinstance(entry, Rejection):
            yield Rejection(_printable(entry.item), entry.reason)
        else:
            yield from _read_file(entry, limits, today)
    if is_empty:
        yield Rejection(_label(folder), "the folder holds no files")


def _read_file(path: Path, limits: ReadLimits, today: date) -> Iterator[Article | Rejection]:
    item = _label(path)
    kind = _kind(path.name)
    if kind is None:
        yield Rejection(item, _unsupported(path.name))
        return
    try:
        # Opening a pipe or a device could wait for ever.
        if not stat.S_ISREG(path.stat().st_mode):
            raise BadInputError("is not a regular file")
        with path.open("rb") as file:
            num_bytes = os.fstat(file.fileno()).st_size
            if kind == "json lines":
                yield from read_json_lines(item, file, num_bytes, limits)
                return
            if num_bytes > limits.max_file_bytes:
                raise BadInputError(_too_large(num_bytes, limits))
            data = file.read(limits.max_file_bytes + 1)
    except BadInputError as error:
        yield Rejection(item, str(error))
    except OSError as error:
        yield Rejection(item, f"cannot be read: {_reason(error)}")
    else:
        yield from _read_whole(kind, item, data, f"file:{_label(path.resolve())}", limits, today)


def _read_whole(
    kind: str, item: str, data: bytes, identity: str | None, limits: ReadLimits, today: date
) -> Iterator[Article | Rejection]:
    if kind == "json":
        yield from read_json(item, data, identity, limits)
        return
    try:
        if not data.strip():
            raise BadInputError("is empty")
        record = _parse(kind, data, limits, today)
    except BadInputError as error:
        yield Rejection(item, str(error))
    else:
        yield article_from_mapping(record, item, identity=identity, limits=limits)


def _parse(kind: str, data: bytes, limits: ReadLimits, today: date) -> dict[str, object]:
    if kind in _FOUND_BY:
        return without_future_date(_parser(kind)(data, limits), today)
    text = decode_text(data)
    # Checked before parsing; markup adds little, and the record checks the text itself.
    if len(text) > 2 * limits.max_article_chars:
        reason = f"has {len(text):,} characters; an article may have at most {limits.max_article_chars:,}"
        raise BadInputError(f"{reason}, so split it")
    return parse_markdown(text) if kind == "markdown" else parse_text(text)


def _parser(kind: str) -> Callable[[bytes, ReadLimits], dict[str, object]]:
    """Imported when a file of the kind comes: the libraries take four tenths of a second, which no question needs."""
    module, name = _FOUND_BY[kind]
    parser: Callable[[bytes, ReadLimits], dict[str, object]] = getattr(importlib.import_module(module), name)
    return parser


def _kind(name: str) -> str | None:
    suffixes = Path(name.lower()).suffixes
    return _KINDS.get("".join(suffixes[-2:])) or _KINDS.get("".join(suffixes[-1:]))


def _unsupported(name: str) -> str:
    suffix = clean_line(Path(name).suffix)[:20]
    kind = f"files of type {suffix}" if suffix else "files without an ending such as .txt"
    return f"{kind} are not read; those that are end in {', '.join(_KINDS)}"


def _too_large(num_bytes: int, limits: ReadLimits) -> str:
    return f"has {num_bytes / MIB:.1f} MiB; at most {limits.max_file_bytes / MIB:g} MiB are read, so split it"


def _label(path: Path) -> str:
    return _printable(str(path))


def _printable(name: str) -> str:
    """File names may hold bytes that are no text, which arrive as lone surrogates and cannot be stored or printed."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
