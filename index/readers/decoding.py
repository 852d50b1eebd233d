"""Turns the bytes of a file into text, or says why they are none; knows nothing of what the text means."""

from __future__ import annotations

import codecs
import re

from charset_normalizer import from_bytes

from index.errors import BadInputError

_REMEDY = "save it as UTF-8"
# The UTF-32 mark begins with the UTF-16 one, so it is tried first.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Western first: where two single-byte encodings explain the bytes equally well, the earlier one is taken.
_LIKELY = ("cp1252", "cp1250", "iso8859_2", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256")
_LIKELY_ASIAN = ("cp932", "euc_jp", "iso2022_jp", "gb18030", "big5", "cp949")
# What a declared name means in practice (https://encoding.spec.whatwg.org, names and labels).
_SUPERSETS = {"iso8859-1": "cp1252", "ascii": "cp1252", "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932"}
_SUPERSETS |= {"euc_kr": "cp949", "iso8859-9": "cp1254"}
_DECLARABLE = frozenset(
    ["utf-8", "cp1257", "cp1258", "cp874", "cp866", "koi8-r", "koi8-u", "mac-roman", "big5hkscs", "cp949"]
    + [f"iso8859-{part}" for part in range(2, 17)]
    + [codecs.lookup(name).name for name in _LIKELY + _LIKELY_ASIAN]
)
_META_CHARSET = re.compile(rb"<meta[^>]{0,300}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
_ESCAPE = b"\x1b"
_SAMPLE_BYTES = 1 << 16
_MAX_CONTROL_SHARE = 0.05
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1b")) + b"\x7f"
# charset_normalizer's measures: chaos is the share of unlikely characters, coherence the fit to a language (0 to 1).
_MAX_CHAOS = 0.05
_CHAOS_TIE = 0.02
_COHERENCE_TIE = 0.1


def decode_text(data: bytes) -> str:
    """The text of a plain file: its byte order mark decides, else UTF-8, else the one encoding that fits clearly.

    :raises BadInputError: The bytes are no text, or their encoding cannot be told.
    """
    return _decode(data, declared=None)


def decode_html(data: bytes) -> str:
    """The markup of a web page: as :func:`decode_text`, but the charset it declares goes before a guess.

    :raises BadInputError: The bytes are no text, or their encoding cannot be told.
    """
    declared = _META_CHARSET.search(data[:_SAMPLE_BYTES])
    return _decode(data, declared=_known_codec(declared[1].decode("ascii", "replace")) if declared else None)


def decode_declared(data: bytes, charset: str | None) -> str:
    """Text whose charset is declared beside it, as in e-mails: as :func:`decode_html`; None when it is not declared.

    :raises BadInputError: The bytes are no text, or their encoding cannot be told.
    """
    return _decode(data, declared=_known_codec(charset) if charset else None)


def _decode(data: bytes, declared: str | None) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _decode_marked(data[len(mark) :], encoding)
    if _looks_binary(data):
        raise BadInputError(f"looks like a binary file, not text; if it is text, {_REMEDY}")
    # ISO-2022 encodings are escape sequences in ASCII, hence also valid UTF-8.
    if _ESCAPE not in data:
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            _refuse_damaged_utf8(data, error.start)
    if declared:
        try:
            return data.decode(declared)
        except UnicodeDecodeError as error:
            reason = f"says that its encoding is {declared}, but byte {error.start} does not fit"
            raise BadInputError(f"{reason}; {_REMEDY}") from error
    return data.decode(_guess_encoding(data))


def _decode_marked(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise BadInputError(f"is marked as {encoding}, but byte {error.start} does not fit; {_REMEDY}") from error


def _looks_binary(data: bytes) -> bool:
    sample = data[:_SAMPLE_BYTES]
    num_controls = len(sample) - len(sample.translate(None, delete=_CONTROLS))
    return b"\0" in data or num_controls > _MAX_CONTROL_SHARE * len(sample)


def _refuse_damaged_utf8(data: bytes, first_bad_byte: int) -> None:
    """Mostly valid UTF-8 would be turned into nonsense by any other encoding.

    :raises BadInputError: More of the non-ASCII characters are valid UTF-8 than not.
    """
    text = data.decode("utf-8", "replace")
    num_bad = text.count("\ufffd")
    num_good = sum(1 for character in text if character > "\x7f") - num_bad
    if num_good > num_bad:
        raise BadInputError(f"is UTF-8 with damaged bytes (the first is byte {first_bad_byte}); {_REMEDY}")


def _guess_encoding(data: bytes) -> str:
    candidates = [*_LIKELY, *_LIKELY_ASIAN]
    matches = from_bytes(data, cp_isolation=candidates, enable_fallback=False)
    best = matches.best()
    if best is None or best.chaos > _MAX_CHAOS:
        raise BadInputError(f"its encoding cannot be told; {_REMEDY}")
    if best.encoding not in _LIKELY:
        return best.encoding
    ties = [
        match.encoding
        for match in matches
        if match.chaos <= best.chaos + _CHAOS_TIE and match.coherence >= best.coherence - _COHERENCE_TIE
    ]
    return min((encoding for encoding in ties if encoding in _LIKELY), key=_LIKELY.index)


def _known_codec(name: str) -> str | None:
    """The codec for a declared charset; None for names that mean no text encoding or one that is never declared so."""
    try:
        codec = codecs.lookup(name).name
    except (LookupError, ValueError):  # a name with NUL in it is a ValueError
        return None
    codec = _SUPERSETS.get(codec, codec)
    return codec if codec in _DECLARABLE else None
