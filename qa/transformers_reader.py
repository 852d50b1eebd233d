"""Loads any extractive model that transformers knows, for torch or for OpenVINO; knows nothing of passages or spans."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

from index.errors import ModelError
from index.openvino_bert import INPUT_NAMES
from index.openvino_graph import convert
from qa.reader_models import Logits, OpenVinoNetwork, ReaderEngine, ReaderModel, ReaderNetwork
from qa.span_scores import Inputs


def load_with_transformers(path: Path | str, engine: ReaderEngine, num_streams: int) -> ReaderModel:
    """:param path: A local folder, or an id that is in the local cache of a model hub.

    :raises ModelError: If the model cannot be loaded or is not extractive.
    """
    tokenizer, model = _load(path)
    network: ReaderNetwork = OpenVinoNetwork(_traced(model), num_streams) if engine == "openvino" else _Torch(model)
    backend = tokenizer.backend_tokenizer
    backend.no_padding()
    return ReaderModel(backend, network, int(model.config.max_position_embeddings), int(tokenizer.pad_token_id or 0))


class _Torch:
    def __init__(self, model: Any) -> None:
        self._model = model.float().eval()

    def logits(self, batches: Sequence[Inputs]) -> list[Logits]:
        found = []
        with torch.inference_mode():
            for inputs in batches:
                output = self._model(**{name: torch.from_numpy(getattr(inputs, name)) for name in INPUT_NAMES})
                found.append((output.start_logits.numpy(), output.end_logits.numpy()))
        return found


def _traced(model: Any) -> Any:
    class Reader(torch.nn.Module):
        def __init__(self, inner: Any) -> None:
            super().__init__()
            self._inner: Any = inner

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
            output: Any = self._inner(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)
            return output.start_logits, output.end_logits

    ids = torch.tensor([[0, 1, 2, 1], [1, 2, 0, 2]])
    example = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "token_type_ids": torch.zeros_like(ids)}
    return convert(Reader(model.float()), example)


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
