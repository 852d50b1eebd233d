"""Runs a sentence-transformers BERT encoder on OpenVINO, several times faster on a CPU; the vectors agree to a
cosine of .9999. Knows nothing of passages or storage.

The torch model is traced and converted once per start (about 2 s).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from index.embedder import TokenCounter, load_sentence_transformer
from index.errors import ModelError
from index.openvino_graph import compile_graph, convert
from index.types import FloatArray

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_INPUT_NAMES = ("input_ids", "attention_mask", "token_type_ids")


class OpenVinoEmbedder:
    """Mean-pooled, normalised encoder in bfloat16 where the CPU has it, else float32.

    :param num_streams: Batches computed side by side; the number of physical cores serves throughput best.
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
    ) -> None:
        self._model = load_sentence_transformer(path)
        _require_mean_pooling(self._model, path)
        self._model_id = model_id
        self._query_prefix, self._passage_prefix = query_prefix, passage_prefix
        self._batch_size = batch_size
        self._dim = int(self._model.get_embedding_dimension() or 0)
        self._max_length = int(self._model.max_seq_length or 256)
        self._count_tokens = TokenCounter(self._model.tokenizer)
        graph = _convert(self._model)
        self._throughput = compile_graph(graph, num_streams)
        self._latency = compile_graph(graph, 1)
        self._tokenize(["warm up"])  # sets the tokenizer's length limit before there are two threads
        # One inference request is not safe to share between threads; questions come from several.
        self._query_lock = threading.Lock()

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
        from openvino import AsyncInferQueue  # heavy, and already loaded by the constructor

        vectors = np.zeros((len(texts), self._dim), dtype=np.float32)
        # Sorted by length, so that a batch holds texts alike and little is computed on padding.
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]), reverse=True)

        def store(request: Any, rows: list[int]) -> None:
            vectors[rows] = request.get_output_tensor(0).data

        queue = AsyncInferQueue(self._throughput)
        queue.set_callback(store)
        for first in range(0, len(order), self._batch_size):
            rows = order[first : first + self._batch_size]
            queue.start_async(self._tokenize([self._passage_prefix + texts[i] for i in rows]), rows)
        queue.wait_all()
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._count_tokens(texts)

    def _tokenize(self, texts: list[str]) -> dict[str, Any]:
        tokenizer: Any = self._model.tokenizer
        encoded = tokenizer(texts, padding=True, truncation=True, max_length=self._max_length, return_tensors="np")
        return {name: encoded[name].astype(np.int64) for name in _INPUT_NAMES}


def _require_mean_pooling(model: SentenceTransformer, path: Path) -> None:
    modules: list[Any] = list(model)
    encoder = modules[0].auto_model
    pooling = modules[1].get_config_dict() if len(modules) > 1 else {}
    is_mean = pooling.get("pooling_mode") == "mean" or pooling.get("pooling_mode_mean_tokens") is True
    if type(encoder).__name__ != "BertModel" or not is_mean:
        raise ModelError(
            f"{path} is a {type(encoder).__name__} with pooling {pooling or 'unknown'}; the openvino engine runs "
            "mean-pooled BERT encoders: set embedder.engine to 'torch'"
        )


def _convert(model: SentenceTransformer) -> Any:
    import torch  # heavy, and already loaded by sentence-transformers

    class Encoder(torch.nn.Module):
        def __init__(self, bert: Any) -> None:
            super().__init__()
            self._bert: Any = bert

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
            hidden: Any = self._bert(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)[
                0
            ]
            mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
            return torch.nn.functional.normalize(mean, dim=1)

    example = model.tokenizer(["an example", "a longer example of text"], padding=True, return_tensors="pt")
    return convert(Encoder(model[0].auto_model), {name: example[name] for name in _INPUT_NAMES})
