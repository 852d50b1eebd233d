"""Draws groups by a recipe and packs them into padded batches; knows nothing of losses or optimisers.

Everything follows from the recipe and the seed: the same step always sees the same batch, so that an interrupted
training goes on where it stopped.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from qa.evidence_training.groups import Group, Span, read_groups
from qa.evidence_training.tensors import TensorInputs, to_tensors
from qa.span_scores import MAX_ANSWER_TOKENS, Window, padded_inputs, windows

_POOL = 1024


@dataclass(frozen=True, slots=True)
class Source:
    """How often a file's groups are seen, and with how many contexts.

    ``passes``: whole passes, and a drawn share for what is left (0.5: half the groups once). ``from_progress`` in [0,
    1): the part of the training after which the file comes in; ``until_progress``: before which.
    """

    name: str
    passes: float
    num_positives: int
    num_negatives: int
    from_progress: float = 0.0
    until_progress: float = 1.0


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded inputs of several groups: ``group`` (n,) int64, the group of each row, and ``positives`` (p, 3) int64,
    row, first and last token of every right span."""

    inputs: TensorInputs
    group: torch.Tensor
    positives: torch.Tensor
    num_groups: int


def drawn_groups(folder: Path, recipe: Sequence[Source], seed: int, scale: float = 1.0) -> list[Group]:
    """Every group of the training in its order.

    :raises OSError: If a file of the recipe is missing.
    """
    placed: list[tuple[float, Group]] = []
    for source in recipe:
        groups = read_groups([folder / f"{source.name}.jsonl"])
        rng = random.Random(f"{seed}:{source.name}")  # noqa: S311  Sampling, not secrets.
        left = source.passes * scale
        while left > 0:
            for group in groups:
                if left >= 1 or rng.random() < left:
                    place = rng.uniform(source.from_progress, source.until_progress)
                    drawn = group.draw(source.num_positives, source.num_negatives, rng)
                    # A group without negatives has nothing to show when no positives are wanted.
                    if drawn.contexts:
                        placed.append((place, drawn))
            left -= 1
    return [group for _, group in sorted(placed, key=lambda item: item[0])]


def batches(groups: Sequence[Group], tokenizer: Any, seed: int, max_tokens: int) -> Iterator[Batch]:
    """Batches of at most ``max_tokens`` padded tokens (one group at least), of groups of like length.

    Groups whose right spans were all cut off by the length limit are left out.
    """
    for first in range(0, len(groups), _POOL):
        rng = random.Random(f"{seed}:{first}")  # noqa: S311
        encoded = [_encode(group, tokenizer) for group in groups[first : first + _POOL]]
        usable = [rows for rows in encoded if rows is not None]
        usable.sort(key=_longest)
        packed = list(_pack(usable, max_tokens))
        rng.shuffle(packed)
        for rows in packed:
            yield _collate(rows, tokenizer.pad_token_id or 0)


@dataclass(frozen=True, slots=True)
class _Row:
    window: Window
    positives: tuple[Span, ...]


def _encode(group: Group, tokenizer: Any) -> list[_Row] | None:
    cut = windows(tokenizer.backend_tokenizer, group.question, [(c.title, c.text) for c in group.contexts])
    rows = []
    for window, context in zip(cut, group.contexts, strict=True):
        spans = (token_span(window.offsets, span) for span in context.spans)
        positives = tuple(dict.fromkeys(span for span in spans if span is not None))
        # A context whose answer was cut off is neither right nor wrong.
        if positives or not context.spans:
            rows.append(_Row(window, positives))
    if group.positives and not any(row.positives for row in rows):
        return None
    return rows


def token_span(offsets: Sequence[Span | None], span: Span) -> Span | None:
    """First and last token that touch a character span; None when it was cut off or is too long."""
    touching = [i for i, o in enumerate(offsets) if o is not None and o[0] < span[1] and span[0] < o[1]]
    if not touching or touching[-1] - touching[0] >= MAX_ANSWER_TOKENS:
        return None
    last = offsets[touching[-1]]
    if last is None or last[1] < span[1]:
        return None
    return touching[0], touching[-1]


def _pack(groups: Sequence[list[_Row]], max_tokens: int) -> Iterator[list[list[_Row]]]:
    batch: list[list[_Row]] = []
    for rows in groups:
        if batch and (sum(map(len, batch)) + len(rows)) * _longest(rows) > max_tokens:
            yield batch
            batch = []
        batch.append(rows)
    if batch:
        yield batch


def _longest(rows: Sequence[_Row]) -> int:
    return max(len(row.window.input_ids) for row in rows)


def _collate(groups: Sequence[list[_Row]], pad_token_id: int) -> Batch:
    rows = [row for group in groups for row in group]
    positives = [(i, *span) for i, row in enumerate(rows) for span in row.positives]
    return Batch(
        inputs=to_tensors(padded_inputs([row.window for row in rows], pad_token_id)),
        group=torch.tensor([number for number, group in enumerate(groups) for _ in group]),
        positives=torch.tensor(positives, dtype=torch.long).reshape(-1, 3),
        num_groups=len(groups),
    )
