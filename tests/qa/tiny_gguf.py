"""A chat model of a few random numbers in the format GGUF, with a real tokenizer."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def write_tiny_gguf(packaged: Path, target: Path) -> None:
    """Two random layers with the tokenizer of the packaged model; what it writes is noise."""
    import gguf

    reader = gguf.GGUFReader(packaged)
    writer = gguf.GGUFWriter(target, "qwen2")
    width, hidden, heads = 64, 128, 2
    sizes = {
        "qwen2.block_count": 2,
        "qwen2.embedding_length": width,
        "qwen2.feed_forward_length": hidden,
        "qwen2.attention.head_count": heads,
        "qwen2.attention.head_count_kv": 1,
    }
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":
            continue
        is_array = field.types[0] == gguf.GGUFValueType.ARRAY
        value = sizes.get(field.name, field.contents())
        writer.add_key_value(field.name, value, field.types[0], field.types[-1] if is_array else None)
    vocabulary = len(reader.fields["tokenizer.ggml.tokens"].data)
    rng = np.random.default_rng(0)

    def matrix(name: str, rows: int, columns: int) -> None:
        weights = rng.normal(0, 0.2, (rows, columns)).astype(np.float32)
        kind = gguf.GGMLQuantizationType.Q8_0
        writer.add_tensor(name, gguf.quants.quantize(weights, kind), raw_dtype=kind)

    def vector(name: str, size: int, value: float) -> None:
        writer.add_tensor(name, np.full(size, value, np.float32))

    matrix("token_embd.weight", vocabulary, width)
    for layer in range(2):
        block = f"blk.{layer}"
        for norm in ("attn_norm", "ffn_norm"):
            vector(f"{block}.{norm}.weight", width, 1.0)
        for name, rows in (("attn_q", width), ("attn_k", width // heads), ("attn_v", width // heads)):
            matrix(f"{block}.{name}.weight", rows, width)
            vector(f"{block}.{name}.bias", rows, 0.0)
        matrix(f"{block}.attn_output.weight", width, width)
        matrix(f"{block}.ffn_gate.weight", hidden, width)
        matrix(f"{block}.ffn_up.weight", hidden, width)
        matrix(f"{block}.ffn_down.weight", width, hidden)
    vector("output_norm.weight", width, 1.0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
