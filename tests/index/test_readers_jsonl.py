"""JSON lines and JSON files: bad lines are named, the rest is read, nothing is held that is too long."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path

import pytest

from index.readers import ReadLimits, read_bytes, read_path
from index.types import Article, Rejection


def _line(text: str, **fields: object) -> bytes:
    return json.dumps({"text": text, **fields}).encode() + b"\n"


def _texts(results: list[Article | Rejection]) -> list[str]:
    return [result.text for result in results if isinstance(result, Article)]


def _rejections(results: list[Article | Rejection]) -> list[tuple[str, str]]:
    return [(result.item, result.reason) for result in results if isinstance(result, Rejection)]


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "A.JSONL"])
def test_each_line_is_an_article(name: str) -> None:
    results = list(read_bytes(name, _line("One.", url="https://x.example/1", batch="7") + _line("Two.")))
    assert _texts(results) == ["One.", "Two."]
    assert isinstance(results[0], Article)
    assert (results[0].url, results[0].source, results[0].metadata) == (
        "https://x.example/1",
        "x.example",
        {"batch": "7"},
    )


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.ndjson.gz", "a.jsonl"])
def test_compressed_lines_are_read_whatever_the_name_says(name: str) -> None:
    assert _texts(list(read_bytes(name, gzip.compress(_line("One.") + _line("Two."))))) == ["One.", "Two."]


def test_uncompressed_lines_are_read_whatever_the_name_says() -> None:
    assert _texts(list(read_bytes("a.jsonl.gz", _line("One.")))) == ["One."]


def test_blank_lines_marks_and_a_missing_last_newline_do_no_harm() -> None:
    data = b"\xef\xbb\xbf" + _line("One.") + b"\r\n  \n" + _line("Two.").rstrip(b"\n")
    assert _texts(list(read_bytes("a.jsonl", data))) == ["One.", "Two."]


def test_a_bad_line_is_named_and_the_rest_is_read() -> None:
    bad = [b"{not json\n", b"[1, 2]\n", b'"text"\n', b"{}\n", _line(""), b'{"text": 3}\n', b'{"text": "\xff"}\n']
    results = list(read_bytes("file.jsonl", _line("One.") + b"".join(bad) + _line("Two.")))
    assert _texts(results) == ["One.", "Two."]
    items, reasons = zip(*_rejections(results), strict=True)
    assert items == tuple(f"file.jsonl:{number}" for number in range(2, 9))
    assert reasons[0].startswith("is not valid JSON: Expecting property name")
    assert reasons[1] == "must be an object with at least a text, not a list"
    assert reasons[2] == "must be an object with at least a text, not a str"
    assert reasons[3] == 'has no text; every article needs a "text"'
    assert reasons[4] == "its text is empty"
    assert reasons[5] == "its text must be a string, not a int"
    assert reasons[6] == "byte 11 of the line is not UTF-8; save the file as UTF-8"


def test_deep_nesting_and_huge_numbers_are_bad_lines() -> None:
    results = list(read_bytes("a.jsonl", b"[" * 200_000 + b"\n" + b"1" * 10_000 + b"\n" + _line("One.")))
    assert _texts(results) == ["One."]
    assert _rejections(results)[0] == ("a.jsonl:1", "is not valid JSON: it is nested too deeply")
    assert _rejections(results)[1][0] == "a.jsonl:2"


def test_a_missing_value_written_as_nan_is_none() -> None:
    (article,) = read_bytes("a.jsonl", b'{"text": "One.", "title": NaN, "score": Infinity}')
    assert isinstance(article, Article)
    assert (article.title, article.metadata) == ("One.", {"score": None})


def test_surrogate_escapes_break_nothing() -> None:
    (article,) = read_bytes("a.jsonl", b'{"text": "a \\ud83d\\ude00 b \\ud800", "k\\udc00": "\\ud800"}')
    assert isinstance(article, Article)
    assert article.text == "a \U0001f600 b \ufffd"
    json.dumps(dict(article.metadata), ensure_ascii=False).encode("utf-8")


def test_lines_are_identified_by_their_text() -> None:
    one, again, other = read_bytes("a.jsonl", _line("One.") * 2 + _line("Two."), identity="file:/a.jsonl")
    assert isinstance(one, Article)
    assert isinstance(again, Article)
    assert isinstance(other, Article)
    assert one.article_id == again.article_id != other.article_id


def test_a_too_long_line_is_named_and_skipped_without_being_held(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        file.seek(64 << 20)  # a hole, which takes no room on the disk
        file.write(b"\n" + _line("One."))
    tracemalloc.start()
    try:
        results = list(read_path(path, limits=ReadLimits(max_line_bytes=1 << 20)))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert _rejections(results) == [(f"{path}:1", "the line is longer than 1,048,576 bytes; split the article")]
    assert _texts(results) == ["One."]
    assert peak_bytes < 16 << 20


def test_a_line_of_just_the_allowed_length_is_read() -> None:
    line = _line("One.")
    assert _texts(list(read_bytes("a.jsonl", line * 2, limits=ReadLimits(max_line_bytes=len(line))))) == ["One."] * 2
    too_long = read_bytes("a.jsonl", line, limits=ReadLimits(max_line_bytes=len(line) - 1))
    assert [item for item, _ in _rejections(list(too_long))] == ["a.jsonl:1"]


def test_a_decompression_bomb_is_cut_off_without_filling_memory() -> None:
    packed = gzip.compress(_line("One.")) + gzip.compress(b"0" * (64 << 20))
    tracemalloc.start()
    try:
        results = list(read_bytes("a.jsonl.gz", packed, limits=ReadLimits(free_unpacked_bytes=1 << 22)))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert _texts(results) == ["One."]
    ((item, reason),) = _rejections(results)
    assert item == "a.jsonl.gz"
    assert reason.startswith("unpacks from ")
    assert reason.endswith("; if it is sound, unpack it first")
    assert peak_bytes < 16 << 20


def test_a_file_of_bad_lines_does_not_fill_the_memory_with_rejections() -> None:
    packed = gzip.compress(_line("One.") + b"{}\n" * 5_000_000)
    results = list(read_bytes("a.jsonl.gz", packed))
    assert _texts(results) == ["One."]
    assert len(results) == 2002
    assert _rejections(results)[-1][1].startswith("of its first 2,001 lines 1 are articles")


def test_compressed_data_that_is_cut_short_keeps_the_lines_before() -> None:
    data = gzip.compress(b"".join(_line(f"Article number {n}.") for n in range(5000)))
    results = list(read_bytes("a.jsonl.gz", data[: len(data) // 2]))
    assert 0 < len(_texts(results)) < 5000
    (rejection,) = _rejections(results)
    assert rejection[0] == "a.jsonl.gz"
    assert rejection[1].startswith(f"its compressed data is damaged or cut short after line {len(_texts(results))}")


def test_compressed_data_with_a_flipped_bit_is_rejected() -> None:
    data = bytearray(gzip.compress(_line("One.") + _line("Two.")))
    data[len(data) // 2] ^= 0x55
    assert "damaged or cut short" in _rejections(list(read_bytes("a.jsonl.gz", bytes(data))))[-1][1]


@pytest.mark.parametrize("data", [b"", b"\n \n", gzip.compress(b"")], ids=["no_bytes", "blank_lines", "compressed"])
def test_a_file_without_lines_is_empty(data: bytes) -> None:
    assert _rejections(list(read_bytes("a.jsonl", data))) == [("a.jsonl", "is empty")]


def test_utf16_is_one_rejection() -> None:
    data = ('{"text": "One."}\n' * 3).encode("utf-16")
    ((item, reason),) = _rejections(list(read_bytes("a.jsonl", data)))
    assert item == "a.jsonl"
    assert reason.startswith("is marked as UTF-16, but JSON lines must be UTF-8")


def test_a_file_of_something_else_is_given_up_early() -> None:
    results = list(read_bytes("table.jsonl", b"city;index\n" * 5000, limits=ReadLimits(max_bad_lines_per_article=10)))
    assert len(results) == 11
    assert _rejections(results)[-1] == (
        "table.jsonl",
        "of its first 10 lines 0 are articles, so it is no file of articles; the rest is not read",
    )


def test_many_bad_lines_among_articles_do_not_end_the_reading() -> None:
    data = (_line("One.") + b"x\n" * 900) * 20
    assert len(_texts(list(read_bytes("a.jsonl", data)))) == 20


def test_a_json_file_holds_one_article() -> None:
    (article,) = read_bytes("a.json", b'\xef\xbb\xbf {"text": "One.", "title": "T"} ', identity="file:/a.json")
    (revision,) = read_bytes("a.json", b'{"text": "Two."}', identity="file:/a.json")
    assert isinstance(article, Article)
    assert isinstance(revision, Article)
    assert (article.text, article.title) == ("One.", "T")
    assert article.article_id == revision.article_id


def test_a_json_file_holds_a_list_of_articles() -> None:
    data = b' [ {"text": "One."} , 5, {"text": "Two."} ]\n'
    results = list(read_bytes("a.json", data, identity="file:/a.json"))
    assert _texts(results) == ["One.", "Two."]
    assert _rejections(results) == [("a.json, article 2", "must be an object with at least a text, not a int")]
    assert len({result.article_id for result in results if isinstance(result, Article)}) == 2


@pytest.mark.parametrize(
    ("data", "texts", "reason"),
    [
        (b"", [], "is empty"),
        (b"[]", [], "holds an empty list"),
        (b"[", [], "is not valid JSON from article 1 on"),
        (b"{", [], "is not valid JSON"),
        (b"nonsense", [], "is not valid JSON"),
        (b'[{"text": "One."}', ["One."], "is not valid JSON after article 1: a comma or the end"),
        (b'[{"text": "One."}, {"te', ["One."], "is not valid JSON from article 2 on"),
        (b'[{"text": "One."}] x', ["One."], "is not valid JSON after article 1: there is more"),
        (b"[" * 100_000, [], "nested too deeply"),
        (b"\x00\x01", [], "looks like a binary file"),
        (b'{"articles": []}', [], "has no text"),
    ],
)
def test_a_broken_json_file_gives_what_can_be_read(data: bytes, texts: list[str], reason: str) -> None:
    results = list(read_bytes("a.json", data))
    assert _texts(results) == texts
    assert reason in _rejections(results)[-1][1]
