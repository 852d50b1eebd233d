"""Reads passages with an extractive question-answering model (span and "no answer", as trained on SQuAD 2.0).

Knows nothing of retrieval, of writing or of how a model computes.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from index.types import FloatArray, Passage
from qa.evidence import Reading, ScoredSpan
from qa.reader_models import ReaderEngine, load_reader_model
from qa.span_scores import (
    MAX_ANSWER_TOKENS,
    MAX_SEQUENCE_TOKENS,
    Inputs,
    Window,
    log_sum_exp,
    padded_inputs,
    span_scores,
    windows,
)

_NUM_SPANS = 5
_BATCH_WINDOWS = 6
_WINDOW_OVERLAP = 128


class ExtractiveReader:
    """One model, loaded from a local folder or from the local cache of a model hub.

    Passages longer than the model takes are read in overlapping windows.

    :param engine: "openvino" in bfloat16 where the CPU has it, for BERT-like models; "torch" in float32 for all that
        AutoModelForQuestionAnswering loads.
    :param num_streams: Batches read side by side; the number of physical cores serves best.
    :raises ModelError: If the model cannot be loaded or is not extractive.
    """

    def __init__(
        self, path: Path | str, *, model_id: str, engine: ReaderEngine = "openvino", num_streams: int = 2
    ) -> None:
        self._model_id = model_id
        self._model = load_reader_model(path, engine, num_streams)
        self._max_tokens = min(self._model.max_tokens, MAX_SEQUENCE_TOKENS)
        # A tokenizer keeps its limits from one call to the next, and questions come from several threads.
        self._tokenizer_lock = threading.Lock()

    @property
    def model_id(self) -> str:
        return self._model_id

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """See :class:`qa.evidence.EvidenceReader`. Of a very long question the beginning is read."""
        if not passages:
            return []
        with self._tokenizer_lock:
            cut = windows(
                self._model.tokenizer,
                question,
                [(passage.title[:200], passage.text) for passage in passages],
                overlap=_WINDOW_OVERLAP,
                max_tokens=self._max_tokens,
            )
        # Windows of like length together, so that little is computed on padding.
        order = sorted(range(len(cut)), key=lambda i: len(cut[i].input_ids), reverse=True)
        batches = [order[i : i + _BATCH_WINDOWS] for i in range(0, len(order), _BATCH_WINDOWS)]
        inputs = [padded_inputs([cut[i] for i in rows], self._model.pad_token_id) for rows in batches]
        by_context: dict[int, list[_WindowReading]] = {}
        for rows, some, (start, end) in zip(batches, inputs, self._model.network.logits(inputs), strict=True):
            for i, reading in zip(rows, _decode([cut[i] for i in rows], some, start, end), strict=True):
                by_context.setdefault(cut[i].context, []).append(reading)
        return [_merged(by_context[number], passage.text) for number, passage in enumerate(passages)]


# Logits to readings


_WindowReading = tuple[float, list[ScoredSpan]]
"""Log of the summed odds of all spans, and the best spans, best first."""


def _decode(some: Sequence[Window], inputs: Inputs, start: FloatArray, end: FloatArray) -> list[_WindowReading]:
    scores = span_scores(start, end, inputs.allowed).reshape(len(some), -1)
    readings = []
    for row, (window, total) in enumerate(zip(some, log_sum_exp(scores).tolist(), strict=True)):
        spans = []
        for place in _best_places(scores[row]):
            first, length = divmod(place, MAX_ANSWER_TOKENS)
            spans.append(_span(window, first, first + length, float(scores[row, place])))
        readings.append((total, spans))
    return readings


def _best_places(scores: FloatArray) -> list[int]:
    """Where the best scores (n,) stand, best first, of equal ones the first; those of -inf are none."""
    kept = np.flatnonzero(np.isfinite(scores))
    if len(kept) > _NUM_SPANS:
        least = np.partition(scores[kept], -_NUM_SPANS)[-_NUM_SPANS]
        kept = kept[scores[kept] >= least]
    places: list[int] = kept[np.argsort(-scores[kept], kind="stable")][:_NUM_SPANS].tolist()
    return places


def _span(window: Window, first: int, last: int, score: float) -> ScoredSpan:
    begin, stop = window.offsets[first], window.offsets[last]
    assert begin is not None and stop is not None, "spans touch text tokens only"
    return ScoredSpan(begin[0], stop[1], score)


def _merged(readings: Sequence[_WindowReading], text: str) -> Reading:
    """Of several windows of one passage the best of each span; the passage is as relevant as its best window."""
    best: dict[tuple[int, int], ScoredSpan] = {}
    for _, spans in readings:
        for span in spans:
            known = best.get((span.start, span.end))
            if known is None or span.log_odds > known.log_odds:
                best[(span.start, span.end)] = span
    ranked = sorted(best.values(), key=lambda span: (-span.log_odds, span.start))[:_NUM_SPANS]
    # A text without a single token (control characters alone) answers nothing.
    return Reading(max(total for total, _ in readings), tuple(ranked)) if ranked else _nothing(text)


def _nothing(text: str) -> Reading:
    return Reading(-100.0, (ScoredSpan(0, len(text), -100.0),))
