"""Loads extractive models and computes their logits; knows nothing of passages or spans.

A BERT in a local folder is read by itself (:mod:`index.openvino_bert`); all else takes torch and transformers, whose
import alone takes seconds.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from index.errors import ModelError
from index.openvino_bert import INPUT_NAMES, build_bert, finish, model_type
from index.openvino_graph import compile_graph, infer_batches
from index.tokenizing import TOKENIZER_FILE, load_tokenizer
from index.types import FloatArray
from qa.span_scores import Inputs

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_log = logging.getLogger(__name__)

ReaderEngine = Literal["openvino", "torch"]

Logits = tuple[FloatArray, FloatArray]
"""Of the start and of the end of a span, (n, length) each."""


class ReaderNetwork(Protocol):
    """Safe to share between threads."""

    def logits(self, batches: Sequence[Inputs]) -> list[Logits]:
        """Of each batch, in order."""
        ...


@dataclass(frozen=True, slots=True)
class ReaderModel:
    """``max_tokens``: the longest input that the network takes. The tokenizer serves one thread at a time."""

    tokenizer: Tokenizer
    network: ReaderNetwork
    max_tokens: int
    pad_token_id: int


def load_reader_model(path: Path | str, engine: ReaderEngine, num_streams: int) -> ReaderModel:
    """:raises ModelError: If the model cannot be loaded or is not extractive."""
    folder = Path(path)
    if engine == "openvino" and (folder / TOKENIZER_FILE).is_file():
        try:
            if model_type(folder) == "bert":
                return _load_bert(folder, num_streams)
        except ModelError as error:
            # Old names, several files, kinds that are not computed here; what is damaged is an error there, too.
            _log.info("%s is loaded by transformers: %s", path, error)
    # Imported here: it brings torch.
    from qa.transformers_reader import load_with_transformers

    return load_with_transformers(path, engine, num_streams)


class OpenVinoNetwork:
    """A compiled graph whose two outputs are the logits.

    :param graph: Its inputs are named as in :data:`index.openvino_bert.INPUT_NAMES`.
    """

    def __init__(self, graph: Any, num_streams: int) -> None:
        self._compiled = compile_graph(graph, num_streams)
        self._num_streams = num_streams
        # One question after the other: side by side each would need memory of its own and none would be done sooner.
        self._lock = threading.Lock()

    def logits(self, batches: Sequence[Inputs]) -> list[Logits]:
        """See :class:`ReaderNetwork`."""
        inputs = ({name: getattr(some, name) for name in INPUT_NAMES} for some in batches)
        with self._lock:
            return [(start, end) for start, end in infer_batches(self._compiled, inputs, self._num_streams)]


def _load_bert(path: Path, num_streams: int) -> ReaderModel:
    from openvino import opset13 as ops

    bert = build_bert(path)
    try:
        weight, bias = bert.weight("qa_outputs.weight"), bert.weight("qa_outputs.bias")
    except ModelError as error:
        raise ModelError(f"the evidence reader {str(path)!r} is no trained extractive model: {error}") from error
    if list(weight.shape) != [2, bert.config.hidden_size] or list(bias.shape) != [2]:
        raise ModelError(f"the evidence reader {str(path)!r} does not tell starts and ends: {weight.shape}")
    both = ops.split(ops.add(ops.matmul(bert.hidden, weight, False, True), bias), np.int64(-1), 2)
    start, end = (ops.squeeze(both.output(i), np.array([-1])) for i in (0, 1))
    network = OpenVinoNetwork(finish(bert, [start, end]), num_streams)
    tokenizer = load_tokenizer(path, bert.config.vocab_size)
    return ReaderModel(tokenizer, network, bert.config.max_tokens, bert.config.pad_token_id)
