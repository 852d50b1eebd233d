"""Unpacks compressed bodies piece by piece up to a limit; knows nothing of connections or of what the bytes mean."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Literal

from index.errors import PermanentFetchError, TransientFetchError

Encoding = Literal["identity", "gzip", "deflate"]

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
# Each member costs a new decompressor; honest files have one, or one for each appended log.
_MAX_MEMBERS = 1000


def collect(chunks: Iterable[bytes], encoding: Encoding, max_bytes: int) -> bytes:
    """The whole body, unpacked.

    :raises PermanentFetchError: It is larger than ``max_bytes`` (no more than that was unpacked), or the bytes are not
        in the encoding they are said to be in.
    :raises TransientFetchError: The compressed stream ends too early.
    """
    unpacker = Unpacker(encoding, max_bytes)
    for chunk in chunks:
        unpacker.feed(chunk)
        if unpacker.is_over:
            raise PermanentFetchError(f"the body is larger than {max_bytes} bytes")
    return unpacker.finish()


def collect_beginning(chunks: Iterable[bytes], encoding: Encoding, max_bytes: int) -> bytes:
    """As :func:`collect`, but of a larger body the first ``max_bytes`` are taken and the rest is not read."""
    unpacker = Unpacker(encoding, max_bytes)
    for chunk in chunks:
        unpacker.feed(chunk)
        if unpacker.is_over:
            return unpacker.beginning()
    return unpacker.finish()


def gunzip(data: bytes, max_bytes: int) -> bytes:
    """The content of a gzip file, such as a compressed sitemap; errors as for :func:`collect`."""
    return collect([data], "gzip", max_bytes)


class Unpacker:
    """Takes a body piece by piece and holds never more than one byte above the limit."""

    def __init__(self, encoding: Encoding, max_bytes: int) -> None:
        self._encoding = encoding
        self._max_bytes = max_bytes
        self._unpacked = bytearray()
        self._beginning = b""  # of a compressed stream, until two bytes tell its kind
        self._stream: zlib._Decompress | None = None
        self._members = 0
        self._is_complete = False

    @property
    def is_over(self) -> bool:
        """Whether there is more than the limit allows."""
        return len(self._unpacked) > self._max_bytes

    def beginning(self) -> bytes:
        """The first bytes, up to the limit."""
        return bytes(self._unpacked[: self._max_bytes])

    def feed(self, data: bytes) -> None:
        """Takes the next piece; what lies beyond the limit is left packed.

        :raises PermanentFetchError: The bytes are not in the declared encoding.
        """
        if self._encoding == "identity":
            self._unpacked += data[: self._room()]
            return
        # What follows the end of a stream is padding or litter; the checksum has vouched for what came before.
        while data and not self._is_complete and not self.is_over:
            data = self._unpack(data)

    def finish(self) -> bytes:
        """The whole body.

        :raises TransientFetchError: A compressed stream has begun and not ended.
        """
        in_first_bytes = bool(self._beginning) and not self._members
        if self._stream is not None or in_first_bytes:
            raise TransientFetchError(f"the body ends in the middle of its {self._encoding} stream; try again later")
        return bytes(self._unpacked)

    def _room(self) -> int:
        """One byte more than may come: that one tells that there is more."""
        return self._max_bytes + 1 - len(self._unpacked)

    def _unpack(self, data: bytes) -> bytes:
        """Unpacks from one stream; what is left of the data is for the next one."""
        if self._stream is None:
            self._beginning += data
            if len(self._beginning) < len(_GZIP_MAGIC):
                return b""
            data, self._beginning = self._beginning, b""
            self._stream = self._next_stream(data)
            if self._stream is None:
                self._is_complete = True
                return b""
        try:
            self._unpacked += self._stream.decompress(data, self._room())
        except zlib.error as error:
            raise PermanentFetchError(f"the body is said to be {self._encoding}, but cannot be unpacked") from error
        if not self._stream.eof:
            return self._stream.unconsumed_tail
        data, self._stream = self._stream.unused_data, None
        self._is_complete = self._encoding == "deflate"
        return data

    def _next_stream(self, data: bytes) -> zlib._Decompress | None:
        """A decompressor for what begins here, or None where a gzip file is followed by something else."""
        self._members += 1
        if self._members > _MAX_MEMBERS:
            raise PermanentFetchError(f"the body consists of more than {_MAX_MEMBERS} gzip members")
        if self._encoding == "gzip":
            is_gzip = data.startswith(_GZIP_MAGIC) or self._members == 1
            return zlib.decompressobj(_GZIP_WINDOW) if is_gzip else None
        # "deflate" means zlib's format (RFC 9110, 8.4.1.2), but many servers send the bare stream.
        is_zlib = data[0] & 0x0F == zlib.DEFLATED and int.from_bytes(data[:2], "big") % 31 == 0
        return zlib.decompressobj(zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS)
