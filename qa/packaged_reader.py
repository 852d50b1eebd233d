"""Where the evidence reader that comes with the project lies, checked before anything parses it.

Knows nothing of what it computes; qa/evidence_reader/README.md is its model card.
"""

from __future__ import annotations

from pathlib import Path

from index.model_files import check_sha256

PACKAGED_READER_ID = "article-qa/evidence-reader-minilm-l6@1"
_SHA256 = "fa545e2cc8b9f6eb35bf81c6912e5242e1878e1dc628f32e5ec4db0f3b1bd60a"
_PATH = Path(__file__).parent / "evidence_reader"


def packaged_reader_path() -> Path:
    """Folder of the model.

    :raises ModelError: If its weights are missing or not those that were measured.
    """
    check_sha256(_PATH / "model.safetensors", _SHA256)
    return _PATH
