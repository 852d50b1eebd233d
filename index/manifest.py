"""Describes one generation and proves its files are whole; knows nothing of what the files mean.

Every file is hashed before anything parses it: FAISS loads a bit-flipped file without complaint. The manifest itself
is proved by ``manifest.json.sha256`` beside it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from index.atomic import write_atomically
from index.errors import DamagedIndexError
from index.proven import FileEntry, ProvenFiles

MANIFEST = "manifest.json"
MANIFEST_HASH = "manifest.json.sha256"
FORMAT = 1
_LARGE_BYTES = 8 << 20  # what one core hashes in some 5 ms
_NUM_HASHING = 4
_LOCKS = (".tantivy-writer.lock", ".tantivy-meta.lock")  # made by readers too; hold nothing


@dataclass(frozen=True, slots=True)
class Manifest:
    """The contents of ``manifest.json``. ``files`` maps paths relative to the generation's folder.

    ``superseded``: revisions that are not found any more and whose text or vectors are still in some file; None in
    generations made before this was noted.
    """

    generation: str
    parent: str | None
    created_at: str
    embedder: str
    chunker: Mapping[str, int]
    num_articles: int
    num_passages: int
    newest_published_at: str | None
    dense: Mapping[str, Any]
    files: Mapping[str, FileEntry]
    superseded: Sequence[int] | None = None
    format: int = FORMAT

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def list_files(folder: Path) -> Iterator[Path]:
    """The files a manifest of ``folder`` must list."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in (MANIFEST, MANIFEST_HASH, *_LOCKS):
            yield path


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """:raises StorageError: If it cannot be written."""
    data = json.dumps(manifest.to_json(), indent=1, sort_keys=True).encode("utf-8")
    write_atomically(folder / MANIFEST, data)
    write_atomically(folder / MANIFEST_HASH, (hashlib.sha256(data).hexdigest() + "\n").encode("ascii"))


def read_manifest(folder: Path) -> Manifest:
    """:raises DamagedIndexError: If it is missing, differs from its hash or is of another format."""
    try:
        data = (folder / MANIFEST).read_bytes()
        expected = (folder / MANIFEST_HASH).read_bytes()
    except OSError as error:
        raise DamagedIndexError(f"{folder.name}: {MANIFEST} cannot be read: {error.strerror}") from error
    if (hashlib.sha256(data).hexdigest() + "\n").encode("ascii") != expected:
        raise DamagedIndexError(f"{folder.name}: {MANIFEST} differs from its SHA-256")
    try:
        fields = json.loads(data)
        if fields["format"] != FORMAT:
            raise DamagedIndexError(f"{folder.name}: format {fields['format']} is not {FORMAT}; rebuild with --full")
        files = {name: FileEntry(**entry) for name, entry in fields["files"].items()}
        return Manifest(**(fields | {"files": files}))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedIndexError(f"{folder.name}: {MANIFEST} has other fields than expected ({error!r})") from error


def verify_files(folder: Path, manifest: Manifest, proven: ProvenFiles | None = None) -> None:
    """Compare every file of a generation with its hash.

    :param proven: Spares reading what this process has hashed before; None to read everything.
    :raises DamagedIndexError: Naming the first file that is missing, extra or different.
    """
    proven = proven or ProvenFiles()
    try:
        present = {str(path.relative_to(folder)) for path in list_files(folder)}
    except OSError as error:
        raise DamagedIndexError(f"{folder.name} cannot be listed: {error.strerror}") from error
    for name in sorted(present ^ set(manifest.files)):
        raise DamagedIndexError(f"{folder.name}: {name} is {'not in the manifest' if name in present else 'missing'}")
    for name, actual in _entries(folder, manifest, proven):
        if actual != manifest.files[name]:
            raise DamagedIndexError(f"{folder.name}: {name} is damaged (its SHA-256 differs from the manifest's)")


def _entries(folder: Path, manifest: Manifest, proven: ProvenFiles) -> Iterator[tuple[str, FileEntry]]:
    """What each file is, in the manifest's order; large indexes are hashed on several cores, the largest file first.

    :raises DamagedIndexError: If one cannot be read.
    """
    sizes = {name: entry.size for name, entry in manifest.files.items()}
    num_threads = _NUM_HASHING if sum(sizes.values()) > _LARGE_BYTES else 1
    with ThreadPoolExecutor(num_threads, thread_name_prefix="article-qa hashing") as pool:
        largest_first = sorted(sizes, key=lambda name: -sizes[name])
        running = {name: pool.submit(proven.entry, folder / name) for name in largest_first}
        for name in manifest.files:
            try:
                yield name, running[name].result()
            except OSError as error:
                pool.shutdown(cancel_futures=True)
                raise DamagedIndexError(f"{folder.name}: {name} cannot be read: {error.strerror}") from error
