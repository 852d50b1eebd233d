"""Builds a BERT encoder as an OpenVINO graph straight from its safetensors; knows nothing of what is read off it.

Devlin et al., "BERT", NAACL 2019. Neither torch nor transformers is needed, whose import alone takes longer than an
answer: tests hold the results to theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import index.openvino_graph  # noqa: F401  before anything of OpenVINO: it keeps telemetry out
from index.errors import ModelError
from index.model_files import read_settings

WEIGHTS = "model.safetensors"
INPUT_NAMES = ("input_ids", "attention_mask", "token_type_ids")

_ACTIVATIONS = ("gelu", "gelu_new", "gelu_pytorch_tanh", "relu")


@dataclass(frozen=True, slots=True)
class BertConfig:
    """What ``config.json`` says that changes the computation."""

    hidden_size: int
    num_layers: int
    num_heads: int
    max_tokens: int
    layer_norm_eps: float
    activation: str
    vocab_size: int
    pad_token_id: int


@dataclass(frozen=True, slots=True)
class BertGraph:
    """A graph in the making: ``inputs`` are of :data:`INPUT_NAMES`, each (batch, length) int64; ``hidden`` is the
    last layer, (batch, length, hidden_size) float32."""

    config: BertConfig
    inputs: tuple[Any, ...]
    hidden: Any
    weights: Mapping[str, Any]

    def weight(self, name: str) -> Any:
        """:raises ModelError: If the file has no such tensor."""
        return _constant(self.weights, name)


def model_type(path: Path) -> str:
    """The kind of model that a folder holds, as transformers names it.

    :raises ModelError: If the folder does not say.
    """
    return str(read_settings(path / "config.json").get("model_type", ""))


def read_bert_config(path: Path) -> BertConfig:
    """:raises ModelError: If the folder does not say, or is of a kind of BERT that is not computed here."""
    settings = read_settings(path / "config.json")
    if settings.get("model_type") != "bert":
        raise ModelError(f"{path} holds a {settings.get('model_type') or 'model of unknown kind'}, no bert")
    if settings.get("is_decoder"):
        raise ModelError(f"{path} is a decoder, which looks at earlier words only; that is not computed here")
    if settings.get("position_embedding_type", "absolute") != "absolute":
        raise ModelError(
            f"{path}: position_embedding_type {settings['position_embedding_type']!r} is not computed here"
        )
    try:
        config = BertConfig(
            hidden_size=int(settings["hidden_size"]),
            num_layers=int(settings["num_hidden_layers"]),
            num_heads=int(settings["num_attention_heads"]),
            max_tokens=int(settings["max_position_embeddings"]),
            layer_norm_eps=float(settings["layer_norm_eps"]),
            activation=str(settings["hidden_act"]),
            vocab_size=int(settings["vocab_size"]),
            pad_token_id=int(settings.get("pad_token_id") or 0),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path / 'config.json'} lacks a number of a bert: {error}") from error
    if config.activation not in _ACTIVATIONS:
        raise ModelError(f"{path}: hidden_act {config.activation!r} is none of {', '.join(_ACTIVATIONS)}")
    return config


def build_bert(path: Path) -> BertGraph:
    """:raises ModelError: If the folder holds no BERT, or its weights are damaged or incomplete."""
    from openvino import opset13 as ops  # heavy

    config, weights = read_bert_config(path), _weights(path)
    prefix = "bert." if any(name.startswith("bert.") for name in weights) else ""
    _check_sizes(path, config, weights, prefix)
    encoder = _Encoder(ops, config, weights, prefix)
    inputs = tuple(ops.parameter([-1, -1], np.int64, name=name) for name in INPUT_NAMES)
    for node, name in zip(inputs, INPUT_NAMES, strict=True):
        node.output(0).set_names({name})
    try:
        hidden = encoder.hidden(*inputs)
    except RuntimeError as error:
        raise ModelError(f"the weights {path / WEIGHTS} do not fit {path / 'config.json'}") from error
    return BertGraph(config, inputs, hidden, weights)


def finish(bert: BertGraph, outputs: list[Any]) -> Any:
    """The graph of these outputs, to be compiled."""
    from openvino import Model

    return Model(outputs, list(bert.inputs))


class _Encoder:
    """Puts the layers together.

    :param prefix: In front of the names of all tensors.
    """

    def __init__(self, ops: Any, config: BertConfig, weights: Mapping[str, Any], prefix: str) -> None:
        self._ops = ops
        self._config = config
        self._weights = weights
        self._prefix = prefix

    def hidden(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
        ops = self._ops
        hidden = self._embeddings(input_ids, token_type_ids)
        # Boolean, (batch, 1, 1, length): which tokens may be looked at.
        mask = ops.convert(ops.unsqueeze(attention_mask, np.array([1, 2])), "boolean")
        for number in range(self._config.num_layers):
            hidden = self._layer(hidden, mask, f"encoder.layer.{number}")
        return hidden

    def _embeddings(self, input_ids: Any, token_type_ids: Any) -> Any:
        ops, axis = self._ops, np.int64(0)
        length = ops.gather(ops.shape_of(input_ids), np.int64(1), axis)
        places = ops.range(np.int64(0), length, np.int64(1), "i64")
        words = ops.gather(self._weight("embeddings.word_embeddings.weight"), input_ids, axis)
        positions = ops.gather(self._weight("embeddings.position_embeddings.weight"), places, axis)
        segments = ops.gather(self._weight("embeddings.token_type_embeddings.weight"), token_type_ids, axis)
        return self._normalized(ops.add(ops.add(words, segments), positions), "embeddings.LayerNorm")

    def _layer(self, hidden: Any, mask: Any, name: str) -> Any:
        ops = self._ops
        attention = self._linear(
            self._attention(hidden, mask, f"{name}.attention.self"), f"{name}.attention.output.dense"
        )
        hidden = self._normalized(ops.add(attention, hidden), f"{name}.attention.output.LayerNorm")
        inner = self._activated(self._linear(hidden, f"{name}.intermediate.dense"))
        return self._normalized(
            ops.add(self._linear(inner, f"{name}.output.dense"), hidden), f"{name}.output.LayerNorm"
        )

    def _attention(self, hidden: Any, mask: Any, name: str) -> Any:
        ops, heads = self._ops, self._config.num_heads
        split = np.array([0, 0, heads, self._config.hidden_size // heads])  # 0: as it is
        query, key, value = (
            ops.transpose(ops.reshape(self._linear(hidden, f"{name}.{part}"), split, True), np.array([0, 2, 1, 3]))
            for part in ("query", "key", "value")
        )
        mixed = ops.scaled_dot_product_attention(query, key, value, mask)
        joined = np.array([0, 0, self._config.hidden_size])
        return ops.reshape(ops.transpose(mixed, np.array([0, 2, 1, 3])), joined, True)

    def _activated(self, node: Any) -> Any:
        if self._config.activation == "relu":
            return self._ops.relu(node)
        return self._ops.gelu(node, "erf" if self._config.activation == "gelu" else "tanh")

    def _linear(self, node: Any, name: str) -> Any:
        product = self._ops.matmul(node, self._weight(f"{name}.weight"), False, True)
        return self._ops.add(product, self._weight(f"{name}.bias"))

    def _normalized(self, node: Any, name: str) -> Any:
        ops = self._ops
        even = ops.mvn(node, np.array([-1]), True, self._config.layer_norm_eps, "inside_sqrt")
        return ops.add(ops.multiply(even, self._weight(f"{name}.weight")), self._weight(f"{name}.bias"))

    def _weight(self, name: str) -> Any:
        return _constant(self._weights, self._prefix + name)


def _constant(weights: Mapping[str, Any], name: str) -> Any:
    from openvino import opset13 as ops

    if name not in weights:
        raise ModelError(f"the model's weights have no {name}: they are damaged, or of another kind of model")
    return ops.constant(np.ascontiguousarray(weights[name], dtype=np.float32), shared_memory=True)


def _check_sizes(path: Path, config: BertConfig, weights: Mapping[str, Any], prefix: str) -> None:
    """What the graph would only show by wrong results: a token or place outside a table, heads that do not divide."""
    expected = {
        "word_embeddings": (config.vocab_size, config.hidden_size),
        "position_embeddings": (config.max_tokens, config.hidden_size),
        "token_type_embeddings": (2, config.hidden_size),
    }
    for table, shape in expected.items():
        tensor = weights.get(f"{prefix}embeddings.{table}.weight")
        if tensor is not None and tensor.shape != shape:  # one that is missing is named when it is asked for
            raise ModelError(
                f"the weights {path / WEIGHTS} do not fit {path / 'config.json'}: {table} is "
                f"{tensor.shape}, not {shape}"
            )
    if config.num_heads < 1 or config.hidden_size % config.num_heads:
        raise ModelError(
            f"{path / 'config.json'}: {config.hidden_size} numbers cannot be shared by {config.num_heads} heads"
        )


def _weights(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path / WEIGHTS)
    except (OSError, SafetensorError, TypeError, KeyError) as error:
        raise ModelError(f"the weights {path / WEIGHTS} cannot be loaded: {error}") from error
