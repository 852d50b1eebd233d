"""Loads the tokenizer of a model's folder; knows nothing of models.

The Rust library alone, without transformers: importing that takes seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from index.errors import ModelError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TOKENIZER_FILE = "tokenizer.json"


def load_tokenizer(path: Path, vocab_size: int) -> Tokenizer:
    """One that neither pads nor cuts, whatever its file says.

    A tokenizer keeps its limits from one call to the next: who sets some loads one of its own, or holds a lock.

    :param path: The model's folder.
    :param vocab_size: How many tokens the model knows.
    :raises ModelError: If there is none that says where its tokens are, or it is damaged or another model's.
    """
    from tokenizers import Tokenizer

    file = path / TOKENIZER_FILE
    if not file.is_file():
        raise ModelError(f"{path} has no {TOKENIZER_FILE}; without it nothing tells where words stand in a text")
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises bare Exception for files that it cannot read
        raise ModelError(f"the tokenizer {file} cannot be loaded: {error}") from error
    if tokenizer.get_vocab_size() > vocab_size:
        raise ModelError(f"the tokenizer {file} has {tokenizer.get_vocab_size()} tokens, its model {vocab_size}")
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def count_tokens(tokenizer: Tokenizer, texts: Sequence[str]) -> list[int]:
    """Number of tokens of each text, without special tokens.

    :param tokenizer: One that does not cut.
    """
    return [len(encoding.ids) for encoding in tokenizer.encode_batch(list(texts), add_special_tokens=False)]
