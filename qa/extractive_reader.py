"""Reads passages with an extractive question-answering model (span and "no answer", as trained on SQuAD 2.0).

Knows nothing of retrieval or of writing. Any model that AutoModelForQuestionAnswering loads can be used.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from safetensors import SafetensorError
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

from index.errors import ModelError
from index.openvino_graph import compile_graph, convert
from index.types import Passage
from qa.evidence import Reading, ScoredSpan
from qa.span_scores import MAX_ANSWER_TOKENS, MAX_SEQUENCE_TOKENS, Inputs, Window, padded_inputs, span_scores, windows

ReaderEngine = Literal["openvino", "torch"]

_NUM_SPANS = 5
_BATCH_WINDOWS = 6
_WINDOW_OVERLAP = 128
_INPUT_NAMES = ("input_ids", "attention_mask", "token_type_ids")

_Logits = tuple[torch.Tensor, torch.Tensor]


class ExtractiveReader:
    """One model, loaded from a local folder or from the local cache of a model hub.

    Passages longer than the model takes are read in overlapping windows.

    :param engine: "openvino" in bfloat16 where the CPU has it, for BERT-like models; "torch" in float32 for all.
    :param num_streams: Batches read side by side; the number of physical cores serves best.
    :raises ModelError: If the model cannot be loaded or is not extractive.
    """

    def __init__(
        self, path: Path | str, *, model_id: str, engine: ReaderEngine = "openvino", num_streams: int = 2
    ) -> None:
        self._model_id = model_id
        self._tokenizer, model = _load(path)
        self._pad_token_id = int(self._tokenizer.pad_token_id or 0)
        self._max_tokens = min(int(model.config.max_position_embeddings), MAX_SEQUENCE_TOKENS)
        self._network: _Network = _OpenVino(model, num_streams) if engine == "openvino" else _Torch(model)
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
                self._tokenizer,
                question,
                [(passage.title[:200], passage.text) for passage in passages],
                overlap=_WINDOW_OVERLAP,
                max_tokens=self._max_tokens,
            )
        # Windows of like length together, so that little is computed on padding.
        order = sorted(range(len(cut)), key=lambda i: len(cut[i].input_ids), reverse=True)
        batches = [order[i : i + _BATCH_WINDOWS] for i in range(0, len(order), _BATCH_WINDOWS)]
        inputs = [padded_inputs([cut[i] for i in rows], self._pad_token_id) for rows in batches]
        by_context: dict[int, list[_WindowReading]] = {}
        for rows, some, (start, end) in zip(batches, inputs, self._network.logits(inputs), strict=True):
            for i, reading in zip(rows, _decode([cut[i] for i in rows], some, start, end), strict=True):
                by_context.setdefault(cut[i].context, []).append(reading)
        return [_merged(by_context[number], passage.text) for number, passage in enumerate(passages)]


# Models


class _Network(Protocol):
    def logits(self, batches: Sequence[Inputs]) -> list[_Logits]:
        """Start and end logits (n, length), float32, of each batch, in order."""
        ...


class _Torch:
    def __init__(self, model: Any) -> None:
        self._model = model.float().eval()

    def logits(self, batches: Sequence[Inputs]) -> list[_Logits]:
        with torch.inference_mode():
            outputs = [self._model(**_named(inputs)) for inputs in batches]
        return [(output.start_logits, output.end_logits) for output in outputs]


class _OpenVino:
    def __init__(self, model: Any, num_streams: int) -> None:
        class Reader(torch.nn.Module):
            def __init__(self, inner: Any) -> None:
                super().__init__()
                self._inner: Any = inner

            def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
                output: Any = self._inner(
                    input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
                )
                return output.start_logits, output.end_logits

        ids = torch.tensor([[0, 1, 2, 1], [1, 2, 0, 2]])
        example = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "token_type_ids": torch.zeros_like(ids)}
        self._compiled = compile_graph(convert(Reader(model.float()), example), num_streams)
        self._lock = threading.Lock()

    def logits(self, batches: Sequence[Inputs]) -> list[_Logits]:
        from openvino import AsyncInferQueue  # heavy, and already loaded by the constructor

        found: list[_Logits | None] = [None] * len(batches)

        def store(request: Any, number: int) -> None:
            start, end = (np.array(request.get_output_tensor(i).data, dtype=np.float32) for i in (0, 1))
            found[number] = (torch.from_numpy(start), torch.from_numpy(end))

        # One queue serves one caller at a time: it waits for all that was started on it.
        with self._lock:
            queue = AsyncInferQueue(self._compiled)
            queue.set_callback(store)
            for number, inputs in enumerate(batches):
                queue.start_async({name: tensor.numpy() for name, tensor in _named(inputs).items()}, number)
            queue.wait_all()
        if any(logits is None for logits in found):
            raise ModelError("the evidence reader gave no result for a passage")
        return [logits for logits in found if logits is not None]


def _named(inputs: Inputs) -> dict[str, torch.Tensor]:
    return {name: getattr(inputs, name) for name in _INPUT_NAMES}


def _load(path: Path | str) -> tuple[Any, Any]:
    try:
        tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True, trust_remote_code=False)
        model, loading = AutoModelForQuestionAnswering.from_pretrained(
            path, local_files_only=True, trust_remote_code=False, use_safetensors=True, output_loading_info=True
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"the evidence reader {str(path)!r} cannot be loaded: {str(error).splitlines()[0]}") from error
    if loading["missing_keys"]:
        missing = ", ".join(sorted(loading["missing_keys"])[:3])
        raise ModelError(f"the evidence reader {str(path)!r} is no trained extractive model: it has no {missing}")
    if not getattr(tokenizer, "is_fast", False):
        raise ModelError(f"the evidence reader {str(path)!r} has no fast tokenizer, which tells where spans are")
    return tokenizer, model


# Logits to readings


_WindowReading = tuple[float, list[ScoredSpan]]
"""Log of the summed odds of all spans, and the best spans, best first."""


def _decode(some: Sequence[Window], inputs: Inputs, start: torch.Tensor, end: torch.Tensor) -> list[_WindowReading]:
    scores = span_scores(start, end, inputs.allowed).flatten(1)
    totals = torch.logsumexp(scores, dim=1)
    best, places = scores.topk(min(_NUM_SPANS, scores.shape[1]), dim=1)
    readings = []
    for row, window in enumerate(some):
        spans = []
        for score, place in zip(best[row].tolist(), places[row].tolist(), strict=True):
            first, length = divmod(place, MAX_ANSWER_TOKENS)
            if score > float("-inf"):
                spans.append(_span(window, first, first + length, score))
        readings.append((float(totals[row]), spans))
    return readings


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
