"""Padded inputs and span scores as tensors, through which a loss can be taken back; knows nothing of batches.

The same as :mod:`qa.span_scores` computes when articles are read, which does without torch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from qa.span_scores import MAX_ANSWER_TOKENS, Inputs


@dataclass(frozen=True, slots=True)
class TensorInputs:
    """:class:`qa.span_scores.Inputs`, likewise (n, length)."""

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    token_type_ids: torch.Tensor
    allowed: torch.Tensor


def to_tensors(inputs: Inputs) -> TensorInputs:
    return TensorInputs(
        torch.from_numpy(inputs.input_ids),
        torch.from_numpy(inputs.attention_mask),
        torch.from_numpy(inputs.token_type_ids),
        torch.from_numpy(inputs.allowed),
    )


def span_scores(start: torch.Tensor, end: torch.Tensor, allowed: torch.Tensor) -> torch.Tensor:
    """See :func:`qa.span_scores.span_scores`."""
    null = (start[:, 0] + end[:, 0])[:, None, None]
    more = (0, MAX_ANSWER_TOKENS - 1)
    ends = torch.nn.functional.pad(end, more, value=0.0).unfold(1, MAX_ANSWER_TOKENS, 1)
    # The allowed tokens are one run: a span that starts and ends on them stays on them.
    end_allowed = torch.nn.functional.pad(allowed, more, value=False).unfold(1, MAX_ANSWER_TOKENS, 1)
    scores = start[:, :, None] + ends - null
    return scores.masked_fill(~(end_allowed & allowed[:, :, None]), float("-inf"))
