"""The encoder that is built from weights computes what transformers computes, and refuses what it cannot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from transformers import BertConfig, BertForQuestionAnswering, BertModel

from index.errors import ModelError
from index.openvino_bert import INPUT_NAMES, build_bert, finish, model_type
from index.openvino_graph import compile_graph
from index.tokenizing import count_tokens, load_tokenizer
from tests.qa.tiny_reader import save_tiny_reader, tiny_tokenizer

pytestmark = pytest.mark.slow  # torch and transformers take longer to load than all of these to run


def _save(folder: Path, kind: Any = BertModel, **options: Any) -> Any:
    torch.manual_seed(3)
    settings: dict[str, Any] = {
        "vocab_size": 50,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 40,
        "initializer_range": 0.3,
    }
    model = kind(BertConfig(**settings | options)).eval()
    model.save_pretrained(folder)
    return model


def _inputs(*lengths: int) -> dict[str, np.ndarray]:
    """Rows of random tokens, padded to the longest, the second half of each in segment 1."""
    rng, longest = np.random.default_rng(0), max(lengths)
    place = np.arange(longest)[None, :]
    mask = (place < np.array(lengths)[:, None]).astype(np.int64)
    types = (place >= np.array(lengths)[:, None] // 2).astype(np.int64) * mask
    return dict(zip(INPUT_NAMES, (rng.integers(1, 50, mask.shape) * mask, mask, types), strict=True))


def _hidden(folder: Path, inputs: dict[str, np.ndarray]) -> np.ndarray:
    bert = build_bert(folder)
    compiled = compile_graph(finish(bert, [bert.hidden]), 1)
    return np.array(compiled(inputs)[0])


def _error(folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        build_bert(folder)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 500
    return message


@pytest.mark.parametrize("activation", ["gelu", "gelu_new", "relu"])
@pytest.mark.parametrize("kind", [BertModel, BertForQuestionAnswering])
def test_it_computes_what_transformers_computes(tmp_path: Path, kind: Any, activation: str) -> None:
    model = _save(tmp_path, kind, hidden_act=activation)
    encoder = model if kind is BertModel else model.bert
    inputs = _inputs(40, 7, 1, 23)
    with torch.no_grad():
        expected = encoder(**{name: torch.from_numpy(values) for name, values in inputs.items()})[0].numpy()
    found = _hidden(tmp_path, inputs)
    is_token = inputs["attention_mask"].astype(bool)
    # bfloat16 has eight bits; values are some 1 in size.
    assert np.abs(found - expected)[is_token].max() < 0.12
    cosines = (found * expected).sum(-1) / (np.linalg.norm(found, axis=-1) * np.linalg.norm(expected, axis=-1))
    assert cosines[is_token].min() > 0.9995


def test_other_rows_and_padding_change_nothing(tmp_path: Path) -> None:
    _save(tmp_path)
    together = _inputs(30, 12)
    alone = {name: values[1:, :12] for name, values in together.items()}
    assert np.abs(_hidden(tmp_path, together)[1, :12] - _hidden(tmp_path, alone)[0]).max() < 0.12


def test_half_precision_weights_are_read(tmp_path: Path) -> None:
    _save(tmp_path)
    expected = _hidden(tmp_path, _inputs(9))
    weights = {name: tensor.astype(np.float16) for name, tensor in load_file(tmp_path / "model.safetensors").items()}
    save_file(weights, tmp_path / "model.safetensors")
    assert np.abs(_hidden(tmp_path, _inputs(9)) - expected).max() < 0.12


def test_a_lost_tensor_is_named(tmp_path: Path) -> None:
    _save(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    del weights["encoder.layer.1.output.dense.bias"]
    save_file(weights, tmp_path / "model.safetensors")
    assert "encoder.layer.1.output.dense.bias" in _error(tmp_path)


def test_damaged_and_missing_weights_are_one_line(tmp_path: Path) -> None:
    _save(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"no tensors")
    assert "model.safetensors" in _error(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    assert "model.safetensors" in _error(tmp_path)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"hidden_size": 64}, "do not fit"),
        ({"vocab_size": 60}, "word_embeddings"),
        ({"max_position_embeddings": 80}, "position_embeddings"),
        ({"intermediate_size": "many"}, None),
        ({"num_attention_heads": 5}, "5 heads"),
        ({"num_hidden_layers": 3}, "encoder.layer.2"),
        ({"hidden_act": "silu"}, "silu"),
        ({"position_embedding_type": "relative_key"}, "relative_key"),
        ({"model_type": "mpnet"}, "mpnet"),
        ({"is_decoder": True}, "decoder"),
        ({"layer_norm_eps": None}, "lacks a number"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(
    tmp_path: Path, changes: dict[str, Any], told: str | None
) -> None:
    _save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | changes))
    if told is None:  # nothing is computed from it: the weights say how wide the inner layer is
        build_bert(tmp_path)
    else:
        assert told in _error(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", ""])
def test_a_damaged_configuration_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ModelError, match=r"config\.json"):
        model_type(tmp_path)


# Tokenizers


def test_tokens_are_those_of_transformers_whatever_the_file_says_of_length(tmp_path: Path) -> None:
    save_tiny_reader(tmp_path)
    file = tmp_path / "tokenizer.json"
    settings = json.loads(file.read_text())
    padding = {
        "strategy": {"Fixed": 9},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
    }
    truncation = {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}
    file.write_text(json.dumps(settings | {"padding": padding | {"pad_token": "[PAD]"}, "truncation": truncation}))
    texts = ["The pier cost 12 million euros, said Mayor Ada Holm.", "Pier", "", "ÄÖ 中文"]
    expected = [tiny_tokenizer()(text)["input_ids"] for text in texts]
    tokenizer = load_tokenizer(tmp_path, 1000)
    assert [encoding.ids for encoding in tokenizer.encode_batch(texts)] == expected
    assert count_tokens(tokenizer, texts) == [len(ids) - 2 for ids in expected]


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    save_tiny_reader(tmp_path)
    with pytest.raises(ModelError, match="its model 12"):
        load_tokenizer(tmp_path, 12)


def test_a_missing_or_damaged_tokenizer_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no tokenizer\.json"):
        load_tokenizer(tmp_path, 10)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be loaded") as caught:
        load_tokenizer(tmp_path, 10)
    assert "\n" not in str(caught.value)
