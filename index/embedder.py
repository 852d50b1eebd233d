"""Turns texts into unit vectors with a sentence-transformers model; knows nothing of passages or storage."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from index.errors import ModelError
from index.model_files import check_sentence_transformers_folder
from index.types import FloatArray

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class QueryEmbedder(Protocol):
    """What searching needs of an embedder."""

    @property
    def model_id(self) -> str:
        """Names the model and everything that changes its vectors; vectors of two ids are never mixed."""
        ...

    def embed_query(self, text: str) -> FloatArray:
        """(dim,) float32, unit norm."""
        ...


class Embedder(QueryEmbedder, Protocol):
    """Two methods, since E5-style models put different words in front of questions and passages."""

    @property
    def dim(self) -> int: ...

    def embed_passages(self, texts: Sequence[str]) -> FloatArray:
        """(n, dim) float32, each row of unit norm, in the order of ``texts``."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> Sequence[int]:
        """Number of tokens of each text, without special tokens."""
        ...


def load_sentence_transformer(path: Path) -> SentenceTransformer:
    """Load a checked local folder, on the CPU, never from a hub.

    :raises ModelError: See :func:`index.model_files.check_sentence_transformers_folder`.
    """
    check_sentence_transformers_folder(path)
    # Imported here: it brings torch and takes seconds, which `status` or `--help` should not pay.
    from sentence_transformers import SentenceTransformer

    try:
        model = SentenceTransformer(
            str(path),
            device="cpu",
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )
    except (OSError, ValueError) as error:
        raise ModelError(f"the embedding model in {path} does not load: {error}") from error
    return model.eval()


class SentenceTransformerEmbedder:
    """sentence-transformers as it comes: float32 in torch. The reference that faster engines are held to."""

    def __init__(
        self, path: Path, *, model_id: str, query_prefix: str = "", passage_prefix: str = "", batch_size: int = 16
    ) -> None:
        self._model = load_sentence_transformer(path)
        self._model_id = model_id
        self._query_prefix, self._passage_prefix = query_prefix, passage_prefix
        self._batch_size = batch_size
        self._dim = int(self._model.get_embedding_dimension() or 0)
        self._count_tokens = TokenCounter(self._model.tokenizer)
        self._encode(["warm up"])  # sets the tokenizer's length limit before there are two threads

    @property
    def model_id(self) -> str:
        return self._model_id

    @property
    def dim(self) -> int:
        return self._dim

    def embed_query(self, text: str) -> FloatArray:
        vector: FloatArray = self._encode([self._query_prefix + text])[0]
        return vector

    def embed_passages(self, texts: Sequence[str]) -> FloatArray:
        return self._encode([self._passage_prefix + text for text in texts])

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._count_tokens(texts)

    def _encode(self, texts: list[str]) -> FloatArray:
        vectors = self._model.encode(
            texts,
            batch_size=self._batch_size,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        matrix: FloatArray = np.asarray(vectors, dtype=np.float32).reshape(len(texts), self._dim)
        return matrix


class TokenCounter:
    """Number of tokens of each text, without special tokens, whatever the model's own length limit.

    It has a tokenizer of its own. A tokenizer keeps its length limit from one call to the next, so that one which is
    used with two limits fails when a question is embedded while the articles of another thread are counted.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = copy.deepcopy(tokenizer)
        self(["warm up"])  # sets its limit, to none, before there are two threads

    def __call__(self, texts: Sequence[str]) -> list[int]:
        if not texts:
            return []
        encoded = self._tokenizer(list(texts), add_special_tokens=False, truncation=False, padding=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]
