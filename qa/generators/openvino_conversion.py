"""Turns a GGUF chat model into files that OpenVINO reads fast, as a process of its own: it takes 4 GB for a minute.

The weights become Q4_0 (blocks of 32 with one scale; embeddings Q8_0), the format whose products OpenVINO computes in
int8. Prints ``{"done", "total"}`` lines. Knows nothing of where the files go.

    python -m qa.generators.openvino_conversion MODEL.gguf FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import index.openvino_graph  # noqa: F401 - keeps OpenVINO from reporting its use when it is imported

_FINE = ("token_embd.weight", "output.weight")
_FILE_TYPE_Q4_0 = 2
_OWN_KEYS = ("general.architecture", "general.file_type")


def requantize(source: Path, target: Path) -> None:
    """Write the model again with its matrices in Q4_0; vectors stay as they are."""
    import gguf

    reader = gguf.GGUFReader(source)
    architecture = reader.fields["general.architecture"].contents()
    writer = gguf.GGUFWriter(target, architecture)
    writer.add_file_type(_FILE_TYPE_Q4_0)
    for field in reader.fields.values():
        if not field.name.startswith("GGUF.") and field.name not in _OWN_KEYS:
            is_array = field.types[0] == gguf.GGUFValueType.ARRAY
            writer.add_key_value(field.name, field.contents(), field.types[0], field.types[-1] if is_array else None)
    for number, tensor in enumerate(reader.tensors):
        data: Any = np.array(tensor.data)
        kind = tensor.tensor_type
        if len(tensor.shape) == 2:
            weights = gguf.quants.dequantize(data, kind).astype(np.float32)
            kind = gguf.GGMLQuantizationType.Q8_0 if tensor.name in _FINE else gguf.GGMLQuantizationType.Q4_0
            data = gguf.quants.quantize(weights, kind)
        writer.add_tensor(tensor.name, data, raw_dtype=kind)
        print(json.dumps({"done": number + 1, "total": len(reader.tensors) + 1}), flush=True)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def convert(source: Path, folder: Path) -> None:
    """Write OpenVINO's model and tokenizer into ``folder``."""
    import openvino_genai as genai

    requantized = folder / "weights.gguf"
    requantize(source, requantized)
    genai.LLMPipeline(str(requantized), "CPU", enable_save_ov_model=True)
    requantized.unlink()


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
