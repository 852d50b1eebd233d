"""What goes into an extractive model, and what its logits mean, held to a computation in plain Python."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.evidence_training.tensors import span_scores as tensor_span_scores
from qa.span_scores import (
    MAX_ANSWER_TOKENS,
    Window,
    context_of,
    log_sum_exp,
    padded_inputs,
    span_scores,
    windows,
)
from tests.qa.tiny_reader import tiny_tokenizer

pytestmark = pytest.mark.slow  # torch and transformers take longer to load than all of these to run

QUESTION = "What did the pier cost?"
TEXT = "The pier cost 12 million euros, said Mayor Ada Holm."
LONG = " ".join(f"Ferry {n} took {n * 7} years to build." for n in range(120))
TOKENIZER = tiny_tokenizer()
FAST = TOKENIZER.backend_tokenizer


def cut(*contexts: tuple[str, str], question: str = QUESTION, **options: Any) -> list[Window]:
    return windows(FAST, question, contexts, **options)


def segment_of(window: Window) -> list[int]:
    """The numbers of the tokens of the second segment, without the closing mark."""
    second = [i for i, kind in enumerate(window.token_type_ids) if kind == 1]
    return second[:-1]


# Windows


def test_a_title_stands_before_the_text_on_a_line_of_its_own() -> None:
    assert context_of("A pier", "It cost much.") == ("A pier\nIt cost much.", 7)
    assert context_of("  A pier \n", "It") == ("A pier\nIt", 7)
    assert context_of(" ", " It") == (" It", 0)


def test_offsets_point_at_the_text() -> None:
    (window,) = cut(("A title", TEXT))
    tokens = TOKENIZER.convert_ids_to_tokens(window.input_ids)
    assert len(window.offsets) == len(tokens) == len(window.token_type_ids)
    named = [(token, offset) for token, offset in zip(tokens, window.offsets, strict=True) if offset is not None]
    assert [token.removeprefix("##") for token, _ in named] == [TEXT[a:b].lower() for _, (a, b) in named]
    assert "".join(TEXT[a:b] for _, (a, b) in named) == TEXT.replace(" ", "")


def test_question_title_and_marks_have_no_offsets() -> None:
    (window,) = cut(("The pier cost", TEXT))
    first = next(i for i, offset in enumerate(window.offsets) if offset is not None)
    tokens = TOKENIZER.convert_ids_to_tokens(window.input_ids)
    before = [*TOKENIZER.tokenize(QUESTION), "[SEP]", *TOKENIZER.tokenize("The pier cost")]
    assert tokens[:first] == ["[CLS]", *before]
    assert (tokens[-1], window.offsets[-1]) == ("[SEP]", None)
    assert window.offsets[first] == (0, 3)


def test_a_context_without_title_begins_with_its_text() -> None:
    (window,) = cut(("", TEXT))
    assert window.offsets[segment_of(window)[0]] == (0, 3)


def test_one_window_a_context_in_order_where_texts_are_short() -> None:
    cut_up = cut(("A", TEXT), ("", "Monday."), ("B", TEXT), overlap=16)
    assert [window.context for window in cut_up] == [0, 1, 2]
    assert cut_up == cut(("A", TEXT), ("", "Monday."), ("B", TEXT))


def test_long_texts_are_cut_off_without_overlap() -> None:
    (window,) = cut(("A title", LONG), max_tokens=64)
    assert len(window.input_ids) == 64
    assert window.input_ids[-1] == TOKENIZER.sep_token_id
    offsets = [offset for offset in window.offsets if offset is not None]
    assert offsets[0] == (0, 1) and offsets[-1][1] < len(LONG)


@pytest.mark.parametrize(("max_tokens", "overlap"), [(64, 8), (64, 32), (128, 100)])
def test_overlapping_windows_cover_a_long_text(max_tokens: int, overlap: int) -> None:
    cut_up = cut(("A title", LONG), ("", TEXT), overlap=overlap, max_tokens=max_tokens)
    own = [window for window in cut_up if window.context == 0]
    assert len(own) > 2 and [window.context for window in cut_up] == [0] * len(own) + [1]
    assert all(len(window.input_ids) <= max_tokens for window in cut_up)
    offsets = [[offset for offset in window.offsets if offset is not None] for window in own]
    covered = {place for some in offsets for a, b in some for place in range(a, b)}
    assert covered == {place for place, character in enumerate(LONG) if character != " "}
    for one, other in zip(offsets, offsets[1:], strict=False):
        assert one[-overlap:] == other[:overlap]


def test_every_window_repeats_the_question() -> None:
    cut_up = cut(("A title", LONG), overlap=16, max_tokens=64)
    asked = TOKENIZER(QUESTION)["input_ids"]
    assert all(list(window.input_ids[: len(asked)]) == asked for window in cut_up)


def test_the_tokens_of_a_text_are_one_run() -> None:
    for window in cut(("A title", LONG), ("", TEXT), ("Ähm…", "“Öl”, sagte er."), overlap=16, max_tokens=64):
        allowed = [i for i, offset in enumerate(window.offsets) if offset is not None]
        assert allowed == list(range(allowed[0], allowed[-1] + 1))


def test_a_text_without_tokens_has_no_offsets() -> None:
    (window,) = cut(("A title", "\x00\x01"))
    assert not any(window.offsets)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=20), st.text(max_size=80), st.booleans())
def test_offsets_lie_inside_the_text_whatever_it_is(title: str, text: str, is_overlapping: bool) -> None:
    for window in cut((title, text), overlap=4 if is_overlapping else None, max_tokens=32):
        assert len(window.input_ids) == len(window.token_type_ids) == len(window.offsets) <= 32
        for offset in window.offsets:
            assert offset is None or 0 <= offset[0] < offset[1] <= len(text)


# Padding


def test_windows_are_filled_up_to_the_longest() -> None:
    short, long = cut(("", "Monday."), ("A title", TEXT))
    inputs = padded_inputs([short, long], 7)
    length, filled = len(long.input_ids), len(long.input_ids) - len(short.input_ids)
    assert all(
        tensor.shape == (2, length)
        for tensor in (inputs.input_ids, inputs.attention_mask, inputs.token_type_ids, inputs.allowed)
    )
    assert inputs.input_ids.tolist() == [[*short.input_ids, *[7] * filled], list(long.input_ids)]
    assert inputs.attention_mask.sum(1).tolist() == [len(short.input_ids), length]
    assert inputs.token_type_ids[0, -filled:].tolist() == [0] * filled
    assert inputs.allowed.tolist()[1] == [offset is not None for offset in long.offsets]
    assert not inputs.allowed[0, len(short.input_ids) :].any()
    assert (inputs.input_ids.dtype, inputs.allowed.dtype) == (np.int64, np.bool_)


# Scores


def plain_scores(start: list[float], end: list[float], allowed: list[bool]) -> dict[tuple[int, int], float]:
    """u of every span by its first and last token, as the formula says."""
    return {
        (i, j): start[i] + end[j] - start[0] - end[0]
        for i in range(len(start))
        for j in range(i, min(len(start), i + MAX_ANSWER_TOKENS))
        if allowed[i] and allowed[j]
    }


@pytest.mark.parametrize("length", [4, 23, 24, 60])
def test_scores_are_those_of_the_formula(length: int) -> None:
    rng = random.Random(length)
    first = rng.randint(1, length // 2)
    rows = [(first, length), (1, 2), (length - 1, length)]
    allowed = [[a <= i < b for i in range(length)] for a, b in rows]
    start, end = np.random.default_rng(length).standard_normal((2, 3, length)).astype(np.float32)
    scores = span_scores(start, end, np.array(allowed))
    assert scores.dtype == np.float32
    assert scores.shape == (3, length, MAX_ANSWER_TOKENS)
    for row in range(3):
        expected = plain_scores(start[row].tolist(), end[row].tolist(), allowed[row])
        for i in range(length):
            for more in range(MAX_ANSWER_TOKENS):
                found = float(scores[row, i, more])
                assert found == pytest.approx(expected.get((i, i + more), -math.inf), abs=1e-5)


def test_a_row_without_text_has_no_span_and_harms_no_other() -> None:
    allowed = np.array([[False] * 5, [False, True, True, False, False]])
    start, end = np.random.default_rng(0).standard_normal((2, 2, 5)).astype(np.float32)
    scores = span_scores(start, end, allowed)
    assert np.isneginf(scores[0]).all()
    assert np.isfinite(scores[1]).sum() == 3
    totals = log_sum_exp(scores.reshape(2, -1))
    assert np.isneginf(totals[0])
    assert totals[1] == pytest.approx(math.log(np.exp(scores[1][np.isfinite(scores[1])]).sum()), abs=1e-5)


def test_odds_too_large_for_a_float_are_summed() -> None:
    assert log_sum_exp(np.array([[200.0, 200.0, -np.inf]], dtype=np.float32))[0] == pytest.approx(200 + math.log(2))


# The same in tensors


@pytest.mark.parametrize("length", [4, 24, 60])
def test_tensors_give_the_same_scores(length: int) -> None:
    rng = np.random.default_rng(length)
    start, end = rng.standard_normal((2, 3, length)).astype(np.float32)
    allowed = np.arange(length)[None, :] >= np.array([[1], [length // 2], [length]])
    found = tensor_span_scores(*(torch.from_numpy(values) for values in (start, end, allowed)))
    assert np.array_equal(found.numpy(), span_scores(start, end, allowed))


def test_a_loss_goes_back_through_rows_with_a_span_only() -> None:
    allowed = torch.tensor([[False] * 5, [False, True, True, False, False]])
    start = torch.randn(2, 5, requires_grad=True)
    scores = tensor_span_scores(start, torch.randn(2, 5), allowed)
    torch.autograd.backward(scores[torch.isfinite(scores)].sum())
    assert start.grad is not None and torch.isfinite(start.grad).all()
