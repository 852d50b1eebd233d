"""Asks whether a finished generation may replace the live one; knows nothing of what it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from index.errors import VerificationError

FolderCheck = Callable[[Path], Sequence[str]]
"""Says what is wrong with a finished generation in this folder; nothing when it may be served."""


def must_pass(check: FolderCheck, folder: Path, name: str) -> None:
    """:raises VerificationError: If it does not."""
    failures = check(folder)
    if failures:
        raise not_published(name, failures)


def not_published(name: str, failures: Sequence[str]) -> VerificationError:
    """What to raise of a generation that fails these."""
    return VerificationError(
        f"{name} was not published, the index that was live still is: {'; '.join(failures)}. Mend the probe "
        "questions or the settings, or publish anyway with `article-qa rebuild --force`"
    )
