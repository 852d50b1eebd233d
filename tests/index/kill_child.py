"""Adds, revises, removes and rebuilds in a process that a test kills; keeps a record of what was acknowledged.

Knows nothing of when it is killed. The record lies beside the data and survives a kill.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import index.builder
from index.types import FloatArray
from tests.fakes import HashEmbedder, numbered_article, open_parts
from tests.torture.channel import Channel
from tests.torture.steps import count_steps

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


def work_through(channel: Channel, *, folder: str, suicide: int) -> None:
    """A worker's task. Every step that publishes something is a rename; between two of them lies every state there
    can be.

    :param suicide: Which rename (from 1) this process is killed before; 0 for none.
    """
    num_renames = count_steps(suicide, {"os.rename"})
    channel.send(at="ready")
    channel.receive()
    work(Path(folder))
    channel.send(num_renames=num_renames())
