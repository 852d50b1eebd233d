"""Paths, folders and uploads: what is read, what is rejected by name, and how articles are identified."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import ConfigError
from index.readers import ReadLimits, read_bytes, read_path
from index.types import Article, Rejection

_TEXT = "Bridge late\n\nThe bridge is late.\n"


def _one(path: Path, limits: ReadLimits | None = None) -> Article | Rejection:
    (result,) = read_path(path, limits=limits or ReadLimits())
    return result


def _reason(path: Path, limits: ReadLimits | None = None) -> str:
    result = _one(path, limits)
    assert isinstance(result, Rejection), result
    assert result.item == str(path)
    return result.reason


def test_a_changed_file_is_a_revision_of_the_same_article(tmp_path: Path) -> None:
    path = tmp_path / "story.txt"
    path.write_text(_TEXT)
    before = _one(path)
    path.write_text(_TEXT + "\nNow it is open.\n")
    after = _one(path)
    assert isinstance(before, Article)
    assert isinstance(after, Article)
    assert before.article_id == after.article_id
    assert before.content_hash != after.content_hash


def test_one_file_under_two_names_is_one_article(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "story.txt").write_text(_TEXT)
    monkeypatch.chdir(tmp_path)
    assert (
        _one(Path("story.txt")) == _one(tmp_path / "story.txt") == _one(tmp_path / ".." / tmp_path.name / "story.txt")
    )


def test_the_same_text_in_two_files_is_two_articles(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(_TEXT)
    a, b = read_path(tmp_path)
    assert isinstance(a, Article)
    assert isinstance(b, Article)
    assert a.article_id != b.article_id


def test_uploads_are_identified_by_their_text() -> None:
    (one,) = read_bytes("a.txt", _TEXT.encode())
    (other,) = read_bytes("b.txt", _TEXT.encode())
    assert isinstance(one, Article)
    assert one == other


def test_a_url_in_the_file_is_its_identity(tmp_path: Path) -> None:
    articles = []
    for name in ("a.md", "b.md"):
        (tmp_path / name).write_text("---\nurl: https://x.example/1\n---\nThe bridge is late.")
        articles.append(_one(tmp_path / name))
    assert articles[0] == articles[1]


def test_a_folder_is_read_in_order_without_hidden_files_and_litter(tmp_path: Path) -> None:
    for name in ("b.txt", "a.md", "sub/c.html", "sub/deep/d.jsonl"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"text": "d.jsonl"}' if name.endswith("jsonl") else f"<p>{path.name}</p>")
    for name in (".DS_Store", ".hidden.txt", "Thumbs.db", "~$b.txt", "b.txt~", ".git/x.txt", "__MACOSX/y.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"not for reading")
    texts = [result.text for result in read_path(tmp_path) if isinstance(result, Article)]
    assert [text.strip("<p>/") for text in texts] == ["a.md", "b.txt", "c.html", "d.jsonl"]


def test_unsupported_files_are_rejected_by_name_and_the_rest_is_read(tmp_path: Path) -> None:
    for name in ("a.txt", "b.epub", "c", "d.json.gz"):
        (tmp_path / name).write_text(_TEXT)
    results = list(read_path(tmp_path))
    rejections = [result for result in results if isinstance(result, Rejection)]
    assert [Path(rejection.item).name for rejection in rejections] == ["b.epub", "c", "d.json.gz"]
    assert rejections[0].reason.startswith("files of type .epub are not read; those that are end in .txt, .md,")
    assert rejections[1].reason.startswith("files without an ending such as .txt are not read")
    assert len(results) == 4


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.txt").write_text(_TEXT)
    (tmp_path / "sub" / "loop").symlink_to(tmp_path)
    article, rejection = read_path(tmp_path)
    assert isinstance(article, Article)
    assert rejection == Rejection(
        str(tmp_path / "sub" / "loop"), "is a link to a folder, which is not followed; add that folder"
    )


def test_links_to_files_are_read_and_dead_links_rejected(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(_TEXT)
    (tmp_path / "b.txt").symlink_to(tmp_path / "a.txt")
    (tmp_path / "c.txt").symlink_to(tmp_path / "nowhere.txt")
    (tmp_path / "d.txt").symlink_to(tmp_path / "d.txt")
    a, b, c, d = read_path(tmp_path)
    assert a == b
    assert isinstance(c, Rejection)
    assert isinstance(d, Rejection)
    assert c.reason == "cannot be read: No such file or directory"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.timeout(30)
def test_a_pipe_is_rejected_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    assert _reason(tmp_path / "pipe.txt") == "is not a regular file"


def test_an_empty_folder_is_rejected(tmp_path: Path) -> None:
    assert _reason(tmp_path) == "the folder holds no files"


@pytest.mark.parametrize("name", ["missing.txt", "missing", "missing\udcff.txt"], ids=ascii)
def test_a_missing_path_is_rejected(tmp_path: Path, name: str) -> None:
    (rejection,) = read_path(tmp_path / name)
    assert isinstance(rejection, Rejection)
    assert rejection.reason == "no such file or folder"
    rejection.item.encode("utf-8")


@pytest.mark.parametrize("name", ["a\0b.txt", "a" * 5000 + ".txt"], ids=["nul", "too_long"])
def test_an_impossible_path_is_rejected(tmp_path: Path, name: str) -> None:
    assert _reason(tmp_path / name).startswith("cannot be read: ")


def test_an_unreadable_file_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    (tmp_path / "a.txt").write_text(_TEXT)
    monkeypatch.setattr(Path, "open", refuse)  # the superuser, who may run the tests, can read everything
    assert _reason(tmp_path / "a.txt") == "cannot be read: Permission denied"


def test_an_unreadable_folder_is_rejected_and_the_rest_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text(_TEXT)
    (tmp_path / "locked").mkdir()
    scandir = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    article, rejection = read_path(tmp_path)
    assert isinstance(article, Article)
    assert rejection == Rejection(str(tmp_path / "locked"), "this folder cannot be listed: Permission denied")


@pytest.mark.parametrize("address", ["https://news.example/a.html", "HTTP://news.example/"])
def test_a_web_address_is_rejected_with_the_way_out(address: str) -> None:
    (rejection,) = read_path(Path(address))
    assert isinstance(rejection, Rejection)
    assert rejection.item.rstrip("/") == address.rstrip("/")
    assert rejection.reason.endswith("save the page and add the file")


def test_file_names_that_are_no_text_are_read(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.txt"))
    path.write_text(_TEXT)
    article = _one(path)
    assert isinstance(article, Article)
    assert article.title == "Bridge late"


@pytest.mark.parametrize("name", ["big.txt", "big.md", "big.html", "big.json"])
def test_a_60_mb_file_is_rejected_without_being_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with path.open("wb") as file:
        file.truncate(60 << 20)
    assert _reason(path) == "has 60.0 MiB; at most 50 MiB are read, so split it"


def test_too_large_an_upload_is_rejected() -> None:
    (rejection,) = read_bytes("a.txt", b"x" * 2000, limits=ReadLimits(max_file_bytes=1000))
    assert isinstance(rejection, Rejection)
    assert rejection.item == "a.txt"


def test_json_lines_may_be_larger_than_other_files(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "One."}\n' * 100)
    assert len(list(read_path(tmp_path / "a.jsonl", limits=ReadLimits(max_file_bytes=100)))) == 100


@pytest.mark.parametrize("name", ["a.txt", "a.md"])
def test_a_text_of_too_many_characters_is_rejected(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("word " * 100)
    assert "at most 100" in _reason(tmp_path / name, ReadLimits(max_article_chars=100))


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html", "a.json", "a.jsonl", "a.jsonl.gz"])
def test_an_empty_file_is_rejected(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert _reason(tmp_path / name) == "is empty"


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html", "a.json"])
def test_a_binary_file_is_rejected_whatever_its_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
    assert _reason(tmp_path / name).startswith("looks like a binary file, not text")


def test_a_text_of_nothing_visible_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("\ufeff\u200b\n\u2060".encode())
    assert _reason(tmp_path / "a.txt") == "its text is empty"


def test_an_upload_without_a_name_is_rejected() -> None:
    (rejection,) = read_bytes("", b"x")
    assert isinstance(rejection, Rejection)
    assert rejection.item == "unnamed file"


def test_the_name_of_an_upload_is_only_a_label() -> None:
    (rejection,) = read_bytes("../../etc/\x1b[31mpass\u202ewd.exe", b"x")
    assert isinstance(rejection, Rejection)
    assert rejection.item == "../../etc/[31mpasswd.exe"


def test_json_lines_in_a_folder_are_named_by_path_and_line(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "One."}\nbad\n')
    _, rejection = read_path(tmp_path)
    assert isinstance(rejection, Rejection)
    assert rejection.item == f"{tmp_path / 'a.jsonl'}:2"


@given(
    st.sampled_from([".txt", ".md", ".json", ".jsonl", ".jsonl.gz", ".exe", ""]),
    st.one_of(st.binary(), st.text().map(str.encode), st.text().map(lambda text: text.encode("utf-16"))),
)
def test_any_bytes_under_any_name_are_articles_or_rejections(suffix: str, data: bytes) -> None:
    results = list(read_bytes(f"upload{suffix}", data))
    assert results
    assert all(isinstance(result, Article | Rejection) for result in results)


@pytest.mark.parametrize("bad", [0, -1])
def test_limits_must_be_positive(bad: int) -> None:
    with pytest.raises(ConfigError, match="max_file_bytes is"):
        ReadLimits(max_file_bytes=bad)
