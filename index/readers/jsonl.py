"""Reads articles from JSON: one record a line (also gzipped), or a file with one record or a list; no other format.

Lines are streamed: a file of any size costs the memory of its longest acceptable line. Knows nothing of folders.
"""

from __future__ import annotations

import codecs
import gzip
import json
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from index.errors import BadInputError
from index.readers.decoding import decode_text
from index.readers.limits import MIB, ReadLimits
from index.readers.records import article_from_mapping
from index.types import Article, Rejection

_GZIP_MAGIC = b"\x1f\x8b"
_JSON_SPACE = " \t\n\r"
_PIECE_BYTES = 1 << 16
_WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# NaN and infinity, which Python writes and JSON forbids, stand for a missing value.
_DECODER = json.JSONDecoder(parse_constant=lambda _name: None, strict=False)


def read_json_lines(name: str, stream: BinaryIO, num_bytes: int, limits: ReadLimits) -> Iterator[Article | Rejection]:
    """Every line of ``stream`` as an article or a rejection named "name:line"; blank lines are passed over.

    :param stream: Seekable; compressed or not, its first bytes tell.
    :param num_bytes: Size of ``stream`` as it is, compressed or not.
    """
    number = num_articles = num_rejected = 0
    try:
        for number, line in _lines(stream, num_bytes, limits):
            result = _read_line(line, f"{name}:{number}", limits)
            if result is None:
                continue
            num_articles += isinstance(result, Article)
            num_rejected += isinstance(result, Rejection)
            yield result
            if num_rejected >= limits.max_bad_lines_per_article * (num_articles + 1):
                reason = f"of its first {number:,} lines {num_articles:,} are articles"
                raise BadInputError(f"{reason}, so it is no file of articles; the rest is not read")
        if not num_articles and not num_rejected:
            raise BadInputError("is empty")
    except BadInputError as error:
        yield Rejection(name, str(error))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        yield Rejection(name, f"its compressed data is damaged or cut short after line {number}: {error}")


def read_json(name: str, data: bytes, identity: str | None, limits: ReadLimits) -> Iterator[Article | Rejection]:
    """The one record of a JSON file, or those of its list, which are named "name, article 3"."""
    try:
        text = decode_text(data).strip(_JSON_SPACE)
        if not text:
            raise BadInputError("is empty")
        if text.startswith("["):
            yield from _read_list(name, text, limits)
        else:
            yield article_from_mapping(_decoded(text), name, identity=identity, limits=limits)
    except BadInputError as error:
        yield Rejection(name, str(error))


def _lines(stream: BinaryIO, num_bytes: int, limits: ReadLimits) -> Iterator[tuple[int, bytes | None]]:
    """1-based line numbers and lines; None for a line that is too long, which is skipped without being held.

    :raises BadInputError: The stream is UTF-16, or unpacks to more than is allowed.
    """
    magic = stream.read(2)
    stream.seek(0)
    if magic in _WIDE_MARKS:
        raise BadInputError("is marked as UTF-16, but JSON lines must be UTF-8; save it as UTF-8")
    is_packed = magic == _GZIP_MAGIC
    source: BinaryIO = gzip.GzipFile(fileobj=stream, mode="rb") if is_packed else stream  # type: ignore[assignment]  # has all of BinaryIO that is used
    max_total = limits.unpacked_bytes_allowed(num_bytes) if is_packed else None
    number, total, length, pieces = 1, 0, 0, list[bytes]()
    while piece := source.readline(_PIECE_BYTES):
        total += len(piece)
        if max_total is not None and total > max_total:
            reason = f"unpacks from {num_bytes:,} bytes to more than {max_total // MIB:,} MiB"
            raise BadInputError(f"{reason}; if it is sound, unpack it first")
        length += len(piece)
        if length <= limits.max_line_bytes:
            pieces.append(piece)
        if piece.endswith(b"\n"):
            yield number, b"".join(pieces) if length <= limits.max_line_bytes else None
            number, length, pieces = number + 1, 0, []
    if length:
        yield number, b"".join(pieces) if length <= limits.max_line_bytes else None


def _read_line(line: bytes | None, item: str, limits: ReadLimits) -> Article | Rejection | None:
    if line is None:
        reason = f"the line is longer than {limits.max_line_bytes:,} bytes; split the article"
        return Rejection(item, reason)
    line = line.removeprefix(codecs.BOM_UTF8)
    if not line.strip():
        return None
    try:
        record = _decoded(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        return Rejection(item, f"byte {error.start + 1} of the line is not UTF-8; save the file as UTF-8")
    except BadInputError as error:
        return Rejection(item, str(error))
    return article_from_mapping(record, item, limits=limits)


def _decoded(text: str) -> object:
    """:raises BadInputError: ``text`` is not one JSON value."""
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"is not valid JSON: {_first_words(error)}") from error


def _read_list(name: str, text: str, limits: ReadLimits) -> Iterator[Article | Rejection]:
    """One element after the other, so that a long list never stands in memory as a whole.

    :param text: Begins with "[", ends without white space.
    :raises BadInputError: The list is empty, or broken from some element on.
    """
    number, position = 0, _after_space(text, 1)
    while not text.startswith("]", position):
        number += 1
        try:
            record, position = _DECODER.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            raise BadInputError(f"is not valid JSON from article {number} on: {_first_words(error)}") from error
        yield article_from_mapping(record, f"{name}, article {number}", limits=limits)
        position = _after_space(text, position)
        if text.startswith(",", position):
            position = _after_space(text, position + 1)
        elif not text.startswith("]", position):
            raise BadInputError(f"is not valid JSON after article {number}: a comma or the end of the list is missing")
    if not number:
        raise BadInputError("holds an empty list")
    if position + 1 < len(text):
        raise BadInputError(f"is not valid JSON after article {number}: there is more after the end of the list")


def _after_space(text: str, position: int) -> int:
    while position < len(text) and text[position] in _JSON_SPACE:
        position += 1
    return position


def _first_words(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:120]
