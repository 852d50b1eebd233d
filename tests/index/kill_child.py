"""Adds, revises, removes and rebuilds in a process that a test kills; keeps a record of what was acknowledged.

Run as a script it is a server, since importing everything takes longer than the work: for every line "SUICIDE FOLDER"
on standard input it forks a child that works in the folder, and kills itself before its rename number SUICIDE (none if
0). The child's process id is printed; on an empty line the server waits for it and prints its exit status and how many
files and folders it renamed.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import index.builder
from index.types import FloatArray
from tests.fakes import HashEmbedder, numbered_article, open_parts

NUM_ARTICLES = 10
REVISED = 1
REMOVED = 4
PASSAGES_PER_BATCH = 6


class RecordingEmbedder(HashEmbedder):
    """Notes every passage it embedded, by the first line of a record that survives a kill."""

    def __init__(self, folder: Path) -> None:
        super().__init__(dim=16)
        self._record = folder / "embedded"

    def embed_passages(self, texts: Sequence[str]) -> FloatArray:
        vectors = super().embed_passages(texts)
        for text in texts:
            note(self._record, repr(text))
        return vectors


def note(record: Path, line: str) -> None:
    """One write, which a kill cannot take back."""
    descriptor = os.open(record, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(descriptor, f"{line}\n".encode())
    os.close(descriptor)


def work(folder: Path) -> None:
    """Each line of ``acknowledged`` is written once what it says has returned."""
    index.builder._PASSAGES_PER_BATCH = PASSAGES_PER_BATCH
    acknowledged = folder / "acknowledged"
    collection = open_parts(folder, embedder=RecordingEmbedder(folder), keep=2).collection
    for number in range(NUM_ARTICLES):
        collection.accept([numbered_article(number)])
        note(acknowledged, f"accepted {number}")
        if number in (3, 6, 8):
            note(acknowledged, f"indexed {collection.update()}")
    collection.accept([numbered_article(REVISED, version=2)])
    note(acknowledged, "revised")
    note(acknowledged, f"indexed {collection.update()}")
    note(acknowledged, "removing")
    collection.remove([numbered_article(REMOVED).article_id])
    note(acknowledged, "removed")
    note(acknowledged, f"indexed {collection.rebuild(full=True)}")


def count_renames(folder: Path, suicide: int) -> None:
    """Every step that publishes something is a rename; between two of them lies every state there can be."""
    num_renames = 0

    def hook(event: str, _: object) -> None:
        nonlocal num_renames
        if event == "os.rename":
            num_renames += 1
            if num_renames == suicide:
                os.kill(os.getpid(), signal.SIGKILL)
            note(folder / "renames", "")

    sys.addaudithook(hook)


def serve() -> None:
    for line in sys.stdin:
        suicide, folder = int(line.split(maxsplit=1)[0]), Path(line.split(maxsplit=1)[1].strip())
        child = os.fork()
        if child == 0:
            count_renames(folder, suicide)
            work(folder)
            os._exit(0)
        print(child, flush=True)
        sys.stdin.readline()
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        renames = folder / "renames"
        print(status, renames.stat().st_size if renames.exists() else 0, flush=True)


if __name__ == "__main__":
    serve()
