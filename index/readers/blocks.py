"""Joins the paragraphs, headings, list items and table rows of a document to text; knows nothing of any markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Block:
    """Plain text of one block; ``kind`` is a heading's tag ("h1"), "li", "tr" or "" for a paragraph."""

    text: str
    kind: str = ""


def joined(blocks: Sequence[Block]) -> str:
    """Blocks with blank lines between them, but for the items of a list and the rows of a table."""
    parts: list[str] = []
    previous = ""
    for block in blocks:
        is_next_of_kind = block.kind in ("li", "tr") and block.kind == previous
        parts += ["\n" if is_next_of_kind else "\n\n", block.text]
        previous = block.kind
    return "".join(parts[1:])
