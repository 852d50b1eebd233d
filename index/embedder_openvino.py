"""Runs a sentence-transformers BERT encoder on OpenVINO, several times faster on a CPU; the vectors agree to a
cosine of .9999. Knows nothing of passages or storage.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from index.errors import ModelError
from index.model_files import check_sentence_transformers_folder, read_settings
from index.openvino_bert import INPUT_NAMES, BertGraph, build_bert, finish, model_type
from index.openvino_graph import compile_graph, infer_batches
from index.tokenizing import count_tokens, load_tokenizer
from index.types import FloatArray


class OpenVinoEmbedder:
    """Mean-pooled, normalised encoder in bfloat16 where the CPU has it, else float32.

    :param num_streams: Batches computed side by side; the number of physical cores serves throughput best.
    :param num_threads: See :func:`index.openvino_graph.compile_graph`.
    :raises ModelError: If the folder holds no mean-pooling BERT encoder; configure the torch engine for others.
    """

    def __init__(
        self,
        path: Path,
        *,
        model_id: str,
        query_prefix: str = "",
        passage_prefix: str = "",
        batch_size: int = 16,
        num_streams: int = 2,
        num_threads: int | None = None,
    ) -> None:
        check_sentence_transformers_folder(path)
        encoder, pooling = _module_folders(path)
        _require_mean_pooled_bert(path, encoder, pooling)
        settings = _encoder_settings(encoder)
        bert = build_bert(encoder)
        self._model_id = model_id
        self._query_prefix, self._passage_prefix = query_prefix, passage_prefix
        self._batch_size = batch_size
        self._dim = bert.config.hidden_size
        self._is_lowercasing = bool(settings.get("do_lower_case"))
        self._pad_token_id = bert.config.pad_token_id
        self._counting, self._cutting = (load_tokenizer(encoder, bert.config.vocab_size) for _ in range(2))
        self._cutting.enable_truncation(_max_tokens(encoder, settings, bert.config.max_tokens))
        self._cutting.enable_padding(pad_id=self._pad_token_id)
        self._graph = _mean_pooled(bert)
        self._latency = compile_graph(self._graph, 1, num_threads)
        self._num_streams, self._num_threads = num_streams, num_threads
        self._throughput: Any = None  # compiled when passages are first embedded: answering needs none of it
        # One inference request is not safe to share between threads; questions come from several.
        self._query_lock, self._compile_lock = threading.Lock(), threading.Lock()

    @property
    def model_id(self) -> str:
        return self._model_id

    @property
    def dim(self) -> int:
        return self._dim

    def embed_query(self, text: str) -> FloatArray:
        inputs = self._tokenize([self._query_prefix + text])
        with self._query_lock:
            return np.array(self._latency(inputs)[0][0], dtype=np.float32)

    def embed_passages(self, texts: Sequence[str]) -> FloatArray:
        with self._compile_lock:
            if self._throughput is None:
                self._throughput = compile_graph(self._graph, self._num_streams, self._num_threads)
        vectors = np.zeros((len(texts), self._dim), dtype=np.float32)
        # Sorted by length, so that a batch holds texts alike and little is computed on padding.
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]), reverse=True)
        batches = [order[first : first + self._batch_size] for first in range(0, len(order), self._batch_size)]
        inputs = (self._tokenize([self._passage_prefix + texts[i] for i in rows]) for rows in batches)
        for rows, (found,) in zip(batches, infer_batches(self._throughput, inputs, self._num_streams), strict=True):
            vectors[rows] = found
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return count_tokens(self._counting, self._cased(texts))

    def _tokenize(self, texts: list[str]) -> dict[str, Any]:
        encodings = self._cutting.encode_batch(self._cased(texts))
        fields = ("ids", "attention_mask", "type_ids")
        return {
            name: np.array([getattr(encoding, field) for encoding in encodings], dtype=np.int64)
            for name, field in zip(INPUT_NAMES, fields, strict=True)
        }

    def _cased(self, texts: Sequence[str]) -> list[str]:
        return [text.lower() for text in texts] if self._is_lowercasing else list(texts)


def _mean_pooled(bert: BertGraph) -> Any:
    """The mean of the tokens that are no padding, of unit length."""
    from openvino import opset13 as ops

    mask = ops.unsqueeze(ops.convert(bert.inputs[1], "f32"), np.int64(-1))
    total = ops.reduce_sum(ops.multiply(bert.hidden, mask), np.array([1]))
    mean = ops.divide(total, ops.maximum(ops.reduce_sum(mask, np.array([1])), np.float32(1e-9)))
    return finish(bert, [ops.normalize_l2(mean, np.array([1]), 1e-12, "max")])


def _module_folders(path: Path) -> tuple[Path, Path | None]:
    """Where the encoder and the pooling are described, of a folder that was checked."""
    modules = json.loads((path / "modules.json").read_text(encoding="utf-8"))
    by_kind = {str(module["type"]).rsplit(".", 1)[-1]: path / str(module.get("path", "")) for module in modules}
    if "Transformer" not in by_kind:
        raise ModelError(f"{path} is not a sentence-transformers model: modules.json lists no Transformer")
    return by_kind["Transformer"], by_kind.get("Pooling")


def _max_tokens(encoder: Path, settings: dict[str, Any], most: int) -> int:
    """As sentence-transformers has it: the folder's word, else its tokenizer's, else what the model takes."""
    file = encoder / "tokenizer_config.json"
    of_tokenizer = read_settings(file).get("model_max_length") if file.is_file() else None
    return min(int(settings.get("max_seq_length") or of_tokenizer or most), most)


def _encoder_settings(encoder: Path) -> dict[str, Any]:
    file = encoder / "sentence_bert_config.json"
    return read_settings(file) if file.is_file() else {}


def _require_mean_pooled_bert(path: Path, encoder: Path, pooling: Path | None) -> None:
    settings = read_settings(pooling / "config.json") if pooling is not None else {}
    # Written as one name, or as one switch a mode.
    modes = {str(settings["pooling_mode"])} if "pooling_mode" in settings else set()
    modes |= {name.removeprefix("pooling_mode_") for name, is_on in settings.items() if is_on is True}
    if model_type(encoder) != "bert" or modes - {"include_prompt"} not in ({"mean"}, {"mean_tokens"}):
        raise ModelError(
            f"{path} is a {model_type(encoder) or 'model of unknown kind'} with pooling "
            f"{', '.join(sorted(modes)) or 'unknown'}; the openvino engine runs mean-pooled BERT encoders: set "
            "embedder.engine to 'torch'"
        )
