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
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from index.types import FloatArray, IntArray

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

BoolArray = npt.NDArray[np.bool_]

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
    tokenizer: Tokenizer,
    question: str,
    contexts: Sequence[tuple[str, str]],
    *,
    overlap: int | None = None,
    max_tokens: int = MAX_SEQUENCE_TOKENS,
) -> list[Window]:
    """Inputs for the (title, text) of each context, in order. Of a long question the beginning counts.

    :param tokenizer: Its length limit is set here, so that one thread at a time may use it.
    :param overlap: Tokens that neighbouring windows of a long text share; None to cut long texts off.
    """
    pieces = [context_of(title, text) for title, text in contexts]
    question, num_tokens = _beginning(tokenizer, question, min(MAX_QUESTION_TOKENS, max_tokens // 3))
    room = max_tokens - num_tokens - _MAX_SPECIAL_TOKENS
    stride = min(overlap or 0, room - _MIN_STEP_TOKENS)
    tokenizer.enable_truncation(max_tokens, stride=stride, strategy="only_second")
    made = []
    for context, encoding in enumerate(tokenizer.encode_batch([(question, piece) for piece, _ in pieces])):
        parts = [encoding] if overlap is None else [encoding, *encoding.overflowing]
        made += [_window(context, part, pieces[context][1]) for part in parts]
    return made


def _window(context: int, encoding: Encoding, shift: int) -> Window:
    """:param shift: Where the text begins in the second segment."""
    offsets = tuple(
        (a - shift, b - shift) if segment == 1 and a >= shift and b > a else None
        for segment, (a, b) in zip(encoding.sequence_ids, encoding.offsets, strict=True)
    )
    return Window(context, tuple(encoding.ids), tuple(encoding.type_ids), offsets)


def _beginning(tokenizer: Tokenizer, question: str, max_tokens: int) -> tuple[str, int]:
    """The question up to its ``max_tokens``-th token, and its number of tokens."""
    tokenizer.no_truncation()
    offsets = tokenizer.encode(question, add_special_tokens=False).offsets[:max_tokens]
    return (question[: offsets[-1][1]], len(offsets)) if offsets else ("", 0)


@dataclass(frozen=True, slots=True)
class Inputs:
    """Padded windows, all (n, length): int64, and ``allowed`` bool, the tokens that a span may touch."""

    input_ids: IntArray
    attention_mask: IntArray
    token_type_ids: IntArray
    allowed: BoolArray


def padded_inputs(some: Sequence[Window], pad_token_id: int) -> Inputs:
    """The windows side by side, filled up to the longest."""
    length = max(len(window.input_ids) for window in some)

    def filled(rows: Sequence[Sequence[Any]], fill: Any) -> npt.NDArray[Any]:
        return np.array([[*row, *[fill] * (length - len(row))] for row in rows])

    return Inputs(
        filled([window.input_ids for window in some], pad_token_id),
        filled([[1] * len(window.input_ids) for window in some], 0),
        filled([window.token_type_ids for window in some], 0),
        filled([[offset is not None for offset in window.offsets] for window in some], False),
    )


def span_scores(start: FloatArray, end: FloatArray, allowed: BoolArray) -> FloatArray:
    """u(i, i + d) for every start i and every d.

    :param start: (n, length) float32 logits; ``end`` likewise.
    :param allowed: (n, length) bool, one run of tokens in each row.
    :return: (n, length, MAX_ANSWER_TOKENS) float32, -inf where no span may be.
    """
    null = (start[:, 0] + end[:, 0])[:, None, None]
    # The allowed tokens are one run: a span that starts and ends on them stays on them.
    is_allowed = _following(allowed) & allowed[:, :, None]
    scores: FloatArray = np.where(is_allowed, start[:, :, None] + _following(end) - null, np.float32("-inf"))
    return scores


def log_sum_exp(scores: FloatArray) -> FloatArray:
    """log of the sum of exp along the last axis; -inf where all are."""
    highest = scores.max(axis=-1, keepdims=True)
    shift = np.where(np.isfinite(highest), highest, 0)
    with np.errstate(divide="ignore"):  # log 0 is meant to be -inf
        total: FloatArray = np.log(np.exp(scores - shift).sum(axis=-1)) + shift[..., 0]
    return total


def _following(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(n, length, MAX_ANSWER_TOKENS): of each place its value and those behind it; zeros past the end."""
    padded = np.pad(values, ((0, 0), (0, MAX_ANSWER_TOKENS - 1)))
    return np.lib.stride_tricks.sliding_window_view(padded, MAX_ANSWER_TOKENS, axis=1)
