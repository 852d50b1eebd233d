"""The audit log: what is in a line, and what happens when there are many or none can be written."""

from __future__ import annotations

import json
import logging
import stat
import threading
from pathlib import Path

import pytest

from qa.audit import AuditLog, shown_ids


def write(log: AuditLog, action: str = "add", **details: object) -> bool:
    return log.write(action, identity="editor:ada", client="10.0.0.9", outcome="done", details=details)


def test_a_line_says_who_did_what_when_from_where(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "var" / "audit.jsonl")
    assert write(log, added=3)
    entry = json.loads(log.path.read_text())
    assert entry.pop("time").endswith("+00:00")
    assert entry == {
        "identity": "editor:ada", "client": "10.0.0.9", "action": "add", "outcome": "done", "added": 3,
    }  # fmt: skip
    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600


def test_ids_that_tell_something_are_hashed() -> None:
    shown = shown_ids(["0123456789abcdef", "https://news.example/a-headline-that-tells", "A title"])
    assert shown["num_ids"] == 3
    assert shown["ids"] == ["0123456789abcdef", "sha256:33fe6539fa55d6b1", "sha256:" + _hash("A title")]


def _hash(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()[:16]


def test_of_many_ids_only_the_first_are_listed() -> None:
    shown = shown_ids(f"{number:016x}" for number in range(5_000))
    assert shown["num_ids"] == 5_000
    assert len(shown["ids"]) == 100  # type: ignore[arg-type]  # a list


def test_a_full_file_is_put_aside_and_the_oldest_goes(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl", max_bytes=400, num_kept=2)
    for number in range(20):
        write(log, number=number)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2"]
    lines = [line for name in reversed(names) for line in (tmp_path / name).read_text().splitlines()]
    numbers = [json.loads(line)["number"] for line in lines]
    assert numbers == list(range(numbers[0], 20))
    assert all((tmp_path / name).stat().st_size <= 400 for name in names)


def test_lines_of_many_threads_do_not_mix(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl", max_bytes=10_000, num_kept=100)
    threads = [threading.Thread(target=lambda: [write(log) for _ in range(20)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = [line for path in tmp_path.iterdir() for line in path.read_text().splitlines()]
    assert len([json.loads(line) for line in lines]) == 160


def test_when_it_cannot_be_written_the_programs_log_has_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.ERROR):
        assert not write(AuditLog(tmp_path / "file" / "audit.jsonl"))
    assert "editor:ada" in caplog.text
