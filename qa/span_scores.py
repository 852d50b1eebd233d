"""What goes into an extractive model and what its logits mean; knows nothing of where models or passages come from.

A model of the SQuAD 2.0 style (BERT; Devlin et al., NAACL 2019) gives each token a start and an end logit; the pair at
the first token stands for "no answer". The score of a span is measured against that pair:
``u(i, j) = start[i] + end[j] - start[0] - end[0]``. exp(u) are odds against "no answer", so that spans of different
passages can be compared and summed (the shared normalisation of Clark and Gardner, ACL 2018, with "no answer" as one
more choice).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

MAX_ANSWER_TOKENS = 24
MAX_SEQUENCE_TOKENS = 384
MAX_QUESTION_TOKENS = 64

_MAX_SPECIAL_TOKENS = 4
_MIN_STEP_TOKENS = 8

Offsets = tuple[tuple[int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """One input of the model, not padded.

    ``context``: the number of the context it was cut from. ``offsets``: for tokens of the context's text, characters
    [start, end) of it; None for the question, the title and special tokens, which no span may touch.
    """

    context: int
    input_ids: tuple[int, ...]
    token_type_ids: tuple[int, ...]
    offsets: Offsets


def context_of(title: str, text: str) -> tuple[str, int]:
    """The second segment, and the offset at which ``text`` begins in it. A passage deep in an article is often only
    understood with the title in front of it."""
    prefix = f"{title.strip()}\n" if title.strip() else ""
    return prefix + text, len(prefix)


def windows(
    tokenizer: Any,
    question: str,
    contexts: Sequence[tuple[str, str]],
    *,
    overlap: int | None = None,
    max_tokens: int = MAX_SEQUENCE_TOKENS,
) -> list[Window]:
    """Inputs for the (title, text) of each context, in order. Of a long question the beginning counts.

    :param overlap: Tokens that neighbouring windows of a long text share; None to cut long texts off.
    """
    pieces = [context_of(title, text) for title, text in contexts]
    question, num_tokens = _beginning(tokenizer, question, min(MAX_QUESTION_TOKENS, max_tokens // 3))
    room = max_tokens - num_tokens - _MAX_SPECIAL_TOKENS
    encoded = tokenizer(
        [question] * len(pieces),
        [piece for piece, _ in pieces],
        truncation="only_second",
        max_length=max_tokens,
        stride=min(overlap or 0, room - _MIN_STEP_TOKENS),
        return_overflowing_tokens=overlap is not None,
        return_offsets_mapping=True,
        return_token_type_ids=True,
    )
    contexts_of_rows = encoded["overflow_to_sample_mapping"] if overlap is not None else range(len(pieces))
    made = []
    for row, context in enumerate(contexts_of_rows):
        shift = pieces[context][1]
        offsets = tuple(
            (a - shift, b - shift) if segment == 1 and a >= shift and b > a else None
            for segment, (a, b) in zip(encoded.sequence_ids(row), encoded["offset_mapping"][row], strict=True)
        )
        ids, types = encoded["input_ids"][row], encoded["token_type_ids"][row]
        made.append(Window(int(context), tuple(ids), tuple(types), offsets))
    return made


def _beginning(tokenizer: Any, question: str, max_tokens: int) -> tuple[str, int]:
    """The question up to its ``max_tokens``-th token, and its number of tokens."""
    encoded = tokenizer(
        question,
        add_special_tokens=False,
        truncation=True,
        max_length=max_tokens,
        stride=0,
        return_offsets_mapping=True,
    )
    offsets = encoded["offset_mapping"]
    return (question[: offsets[-1][1]], len(offsets)) if offsets else ("", 0)


@dataclass(frozen=True, slots=True)
class Inputs:
    """Padded windows, all (n, length): int64, and ``allowed`` bool, the tokens that a span may touch."""

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    token_type_ids: torch.Tensor
    allowed: torch.Tensor


def padded_inputs(some: Sequence[Window], pad_token_id: int) -> Inputs:
    """The windows side by side, filled up to the longest."""
    length = max(len(window.input_ids) for window in some)

    def tensor(rows: Sequence[Sequence[Any]], fill: Any) -> torch.Tensor:
        return torch.tensor([[*row, *[fill] * (length - len(row))] for row in rows])

    return Inputs(
        tensor([window.input_ids for window in some], pad_token_id),
        tensor([[1] * len(window.input_ids) for window in some], 0),
        tensor([window.token_type_ids for window in some], 0),
        tensor([[offset is not None for offset in window.offsets] for window in some], False),
    )


def span_scores(start: torch.Tensor, end: torch.Tensor, allowed: torch.Tensor) -> torch.Tensor:
    """u(i, i + d) for every start i and every d.

    :param start: (n, length) float32 logits; ``end`` likewise.
    :param allowed: (n, length) bool, one run of tokens in each row.
    :return: (n, length, MAX_ANSWER_TOKENS) float32, -inf where no span may be.
    """
    null = (start[:, 0] + end[:, 0])[:, None, None]
    more = (0, MAX_ANSWER_TOKENS - 1)
    ends = torch.nn.functional.pad(end, more, value=0.0).unfold(1, MAX_ANSWER_TOKENS, 1)
    # The allowed tokens are one run: a span that starts and ends on them stays on them.
    end_allowed = torch.nn.functional.pad(allowed, more, value=False).unfold(1, MAX_ANSWER_TOKENS, 1)
    scores = start[:, :, None] + ends - null
    return scores.masked_fill(~(end_allowed & allowed[:, :, None]), float("-inf"))
