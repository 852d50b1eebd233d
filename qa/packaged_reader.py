"""Where the evidence reader that comes with the project lies, checked before anything parses it.

Knows nothing of what it computes; qa/evidence_reader/README.md is its model card.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from index.model_files import check_sha256

PACKAGED_READER_ID = "article-qa/evidence-reader-minilm-l6@1"
READER_FILES: Mapping[str, str] = {
    "config.json": "2d13dedb1e376427a4dc8e8afb8a3e8d4ac8b5c70c9eccc05b8600be35a7e8db",
    "model.safetensors": "fa545e2cc8b9f6eb35bf81c6912e5242e1878e1dc628f32e5ec4db0f3b1bd60a",
    "tokenizer.json": "da0e79933b9ed51798a3ae27893d3c5fa4a201126cef75586296df9b4d2c62a0",
    "tokenizer_config.json": "1128dd50ff3f913671a9405619c1bd8f9e9ddc28f62257cb94ed70683590b715",
}
"""SHA-256 of each file that is parsed when the reader is loaded; ``scripts/train_evidence.py export`` prints them."""

_PATH = Path(__file__).parent / "evidence_reader"


def packaged_reader_path() -> Path:
    """Folder of the model.

    :raises ModelError: If one of its files is missing or not the one that was measured.
    """
    for name, sha256 in READER_FILES.items():
        check_sha256(_PATH / name, sha256)
    return _PATH
