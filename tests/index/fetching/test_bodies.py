"""Bodies are unpacked up to the limit and no further, however they are cut into pieces."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import PermanentFetchError, TransientFetchError
from index.fetching import gunzip
from index.fetching.bodies import Encoding, Unpacker, collect, collect_beginning

TEXT = b"The river rose by two metres. " * 50
MEMBER = gzip.compress(TEXT, mtime=0)


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


# Without the time in them: parallel test runs compare the names of tests, which hold these bytes.
PACKED: list[tuple[Encoding, bytes, bytes]] = [
    ("identity", TEXT, TEXT),
    ("gzip", MEMBER, TEXT),
    ("gzip", MEMBER + MEMBER, TEXT + TEXT),
    ("gzip", MEMBER + bytes(100), TEXT),
    ("gzip", MEMBER + b"\x1f", TEXT),
    ("gzip", MEMBER + b"<!-- served by a cache -->", TEXT),
    ("gzip", gzip.compress(b"", mtime=0) + MEMBER, TEXT),
    ("deflate", zlib.compress(TEXT), TEXT),
    ("deflate", zlib.compress(TEXT, 9), TEXT),
    ("deflate", raw_deflate(TEXT), TEXT),
    ("deflate", zlib.compress(TEXT) + b"litter", TEXT),
    ("gzip", b"", b""),
    ("deflate", b"", b""),
]


@pytest.mark.parametrize(("encoding", "packed", "text"), PACKED)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 100_000])
def test_what_is_unpacked_is_what_was_packed(encoding: Encoding, packed: bytes, text: bytes, size: int) -> None:
    assert collect(pieces(packed, size), encoding, len(text)) == text


@pytest.mark.parametrize(("encoding", "packed", "text"), [case for case in PACKED if case[2]])
@pytest.mark.parametrize("size", [1, 100_000])
def test_one_byte_above_the_limit_is_too_large(encoding: Encoding, packed: bytes, text: bytes, size: int) -> None:
    with pytest.raises(PermanentFetchError, match="larger than"):
        collect(pieces(packed, size), encoding, len(text) - 1)
    assert collect_beginning(pieces(packed, size), encoding, len(text) - 1) == text[:-1]


@given(st.binary(max_size=3000), st.integers(1, 50), st.sampled_from(["gzip", "zlib", "raw"]))
def test_any_bytes_come_back(data: bytes, size: int, form: str) -> None:
    pack = {"gzip": gzip.compress, "zlib": zlib.compress, "raw": raw_deflate}[form]
    assert collect(pieces(pack(data), size), "gzip" if form == "gzip" else "deflate", 3000) == data


@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate"]))
def test_any_litter_is_unpacked_or_refused(data: bytes, encoding: Encoding) -> None:
    try:
        assert len(collect([data], encoding, 1000)) <= 1000
    except (PermanentFetchError, TransientFetchError) as error:
        assert str(error).isprintable()


@pytest.mark.parametrize("layers", [1, 2])
def test_a_bomb_is_stopped_at_the_limit(layers: int) -> None:
    bomb = bytes(20 * 2**20)
    for _ in range(layers):
        bomb = gzip.compress(bomb)
    unpacker = Unpacker("gzip", 1000)
    unpacker.feed(bomb)
    assert len(unpacker._unpacked) <= 1001
    if layers == 1:
        with pytest.raises(PermanentFetchError, match="larger than 1000 bytes"):
            gunzip(bomb, 1000)


def test_a_file_of_very_many_members_is_refused() -> None:
    with pytest.raises(PermanentFetchError, match="members"):
        gunzip(gzip.compress(b"") * 1001, 1000)


@pytest.mark.parametrize("length", [1, 5, 12, len(MEMBER) // 2, len(MEMBER) - 1])
def test_a_cut_stream_can_be_tried_again(length: int) -> None:
    with pytest.raises(TransientFetchError, match="in the middle"):
        gunzip(MEMBER[:length], 10_000)


def test_a_second_member_that_is_cut_is_noticed() -> None:
    with pytest.raises(TransientFetchError, match="in the middle"):
        gunzip(MEMBER + MEMBER[:-4], 10_000)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_plain_page_that_claims_to_be_packed_is_refused(encoding: Encoding) -> None:
    with pytest.raises(PermanentFetchError, match="cannot be unpacked"):
        collect([b"<html>" + TEXT], encoding, 10_000)


def test_a_wrong_checksum_is_noticed() -> None:
    damaged = bytearray(MEMBER)
    damaged[-6] ^= 1
    with pytest.raises(PermanentFetchError, match="cannot be unpacked"):
        gunzip(bytes(damaged), 10_000)
