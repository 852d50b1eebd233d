"""Keeps a GGUF model as files for OpenVINO in the cache folder: made once, hashed at each start.

Knows nothing of how they are made or run.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from filelock import FileLock

from index.atomic import fsync_file, fsync_folder
from index.child_process import module_command
from index.errors import ModelError
from index.model_files import sha256_of
from qa.generators.packaged_model import Progress

_CONVERSION = "qa.generators.openvino_conversion"
_VERSION = 1
_HASHES = "sha256.json"
_NEEDED_BYTES = 3 * 2**30
_MODEL = "openvino_model.xml"


def openvino_model_id(source_id: str) -> str:
    """The id of what a GGUF model becomes."""
    return f"{source_id}, Q4_0"


def prepared_model_path(source: Path, cache_dir: Path, progress: Progress | None = None) -> Path:
    """The folder with the files of ``source``, verified; the first call makes them, in a minute or two.

    :param source: A GGUF model that was verified just now.
    :param progress: Called with (parts done, parts in all) while they are made.
    :raises ModelError: If OpenVINO GenAI or gguf is not installed, the disk is full, or the model cannot be converted.
    """
    try:
        folder = cache_dir / f"{source.stem}-{sha256_of(source)[:8]}-openvino-{_VERSION}"
        cache_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(cache_dir / f".{folder.name}.lock"):
            if not _is_intact(folder):
                _make(source, folder, progress)
    except OSError as error:
        raise ModelError(f"cannot write the model to {cache_dir}: {error.strerror or error}") from error
    return folder


def _is_intact(folder: Path) -> bool:
    try:
        hashes: dict[str, str] = json.loads((folder / _HASHES).read_text(encoding="utf-8"))
        return _MODEL in hashes and all(sha256_of(folder / name) == sha256 for name, sha256 in hashes.items())
    except (OSError, ValueError):
        return False  # not made yet, or damaged: the source is there to make it anew


def _make(source: Path, folder: Path, progress: Progress | None) -> None:
    free = shutil.disk_usage(folder.parent).free
    if free < _NEEDED_BYTES:
        raise ModelError(f"the model for OpenVINO needs {_NEEDED_BYTES:,} bytes in {folder.parent}, which has {free:,}")
    shutil.rmtree(folder, ignore_errors=True)
    for left in folder.parent.glob(f".{folder.name}.*.tmp"):  # by a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    # A new name each time: a conversion whose parent was killed may still write into the last one.
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".tmp", dir=folder.parent))
    try:
        _run_conversion(source, temporary, progress)
        files = sorted(path for path in temporary.iterdir() if path.is_file())
        hashes = {path.name: sha256_of(path) for path in files}
        (temporary / _HASHES).write_text(json.dumps(hashes, indent=1), encoding="utf-8")
        for path in temporary.iterdir():
            fsync_file(path)
        temporary.replace(folder)
        fsync_folder(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _run_conversion(source: Path, folder: Path, progress: Progress | None) -> None:
    command, environment = module_command(_CONVERSION, [str(source), str(folder)])
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints,
        subprocess.Popen(  # noqa: S603 - our own module, no shell
            command, stdout=subprocess.PIPE, stderr=complaints, text=True, errors="replace", env=environment
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            if progress is not None and line.startswith('{"done"'):
                state = json.loads(line)
                progress(state["done"], state["total"])
        status = process.wait()
        complaints.seek(0)
        said = [text.strip() for text in complaints if text.strip()]
    if status != 0 or not (folder / _MODEL).exists():
        problem = said[-1] if said else f"status {status}"
        is_missing = "No module named" in problem
        remedy = "; run: pip install openvino-genai gguf" if is_missing else ""
        raise ModelError(f"{source} cannot be made ready for OpenVINO: {problem}{remedy}")
