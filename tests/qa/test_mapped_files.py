"""Memory in which a file is mapped is given back, and what it held is still read."""

from __future__ import annotations

import mmap
import re
import sys
from pathlib import Path

import pytest

from qa.generators.mapped_files import release_mapped

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mappings are listed on Linux only")

_SIZE = 32 << 20


def _mapped_bytes_in_memory() -> int:
    status = Path("/proc/self/status").read_text()
    found = re.search(r"RssFile:\s+(\d+)", status)
    assert found is not None
    return int(found.group(1)) << 10


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "weights of a model.bin"
    path.write_bytes(bytes(range(256)) * (_SIZE // 256))
    return path


def test_memory_is_given_back_and_the_file_can_be_read_on(file: Path) -> None:
    with (
        file.open("rb") as opened,
        mmap.mmap(opened.fileno(), 0, prot=mmap.PROT_READ, flags=mmap.MAP_PRIVATE) as mapped,
    ):
        total = sum(mapped[:: mmap.PAGESIZE])
        before = _mapped_bytes_in_memory()
        assert release_mapped(file) == _SIZE
        assert _mapped_bytes_in_memory() < before - _SIZE // 2
        assert sum(mapped[:: mmap.PAGESIZE]) == total
        assert mapped[12345] == 12345 % 256


def test_what_may_have_been_changed_stays(file: Path) -> None:
    with file.open("r+b") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY) as mapped:
        mapped[7] = 99
        assert release_mapped(file) == 0
        assert mapped[7] == 99


def test_a_file_that_is_not_mapped_is_nothing_to_give_back(file: Path, tmp_path: Path) -> None:
    assert release_mapped(file) == 0
    assert release_mapped(tmp_path / "no such file") == 0
