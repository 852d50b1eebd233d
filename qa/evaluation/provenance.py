"""Says what a run was made of: hashes of its data and of the code; knows nothing of results."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from index.errors import BadInputError

_ROOT = Path(__file__).parent.parent.parent
# They show answers, sum rows up, make models or measure the index alone, and no row of an evaluation depends on them.
_NO_PART_OF_A_ROW = (
    "qa/cli/",
    "qa/ui/",
    "qa/evidence_training/",
    "qa/doctor.py",
    "qa/evaluation/gate.py",
    "qa/evaluation/mixed_articles.py",
    "qa/evaluation/plot.py",
    "qa/evaluation/progress.py",
    "qa/evaluation/provenance.py",
    "qa/evaluation/report.py",
    "qa/evaluation/resampling.py",
    "qa/evaluation/size_figures.py",
    "qa/evaluation/statistics.py",
    "qa/evaluation/summary.py",
)


def file_sha256(path: Path) -> str:
    """Hexadecimal.

    :raises BadInputError: If the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadInputError(f"{path} cannot be read: {error.strerror}") from error


def data_json(files: Mapping[str, Path]) -> dict[str, Any]:
    """Name and SHA-256 of each file by its role, and one SHA-256 over all of them.

    :raises BadInputError: If a file cannot be read.
    """
    entries = {role: {"file": path.name, "sha256": file_sha256(path)} for role, path in sorted(files.items())}
    whole = "".join(f"{role} {entry['sha256']}\n" for role, entry in entries.items())
    return {"sha256": hashlib.sha256(whole.encode("utf-8")).hexdigest(), "files": entries}


def code_sha256(root: Path = _ROOT) -> str:
    """One SHA-256 over the sources that rows (answers and how they are scored) depend on, by path and content;
    independent of version control."""
    digest = hashlib.sha256()
    for path in _sources(root):
        name = path.relative_to(root).as_posix()
        if not name.startswith(_NO_PART_OF_A_ROW):
            digest.update(f"{name} {file_sha256(path)}\n".encode())
    return digest.hexdigest()


def differences(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    """The keys at which two nested mappings differ, as "mode: 'fast', now 'full'"."""
    found = []
    for key in sorted({*before, *now}):
        old, new = before.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += differences(old, new, f"{prefix}{key}.")
        elif old != new:
            found.append(f"{prefix}{key}: {_shown(old)}, now {_shown(new)}")
    return found


def _sources(root: Path) -> Iterable[Path]:
    return sorted(path for folder in ("index", "qa") for path in (root / folder).rglob("*.py"))


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}…"
