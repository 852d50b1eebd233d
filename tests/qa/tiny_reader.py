"""A random extractive model of two layers and its WordPiece tokenizer of few words; what it prefers means nothing."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import torch
from transformers import BertConfig, BertForQuestionAnswering, BertTokenizer

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_WORDS = """
the a of in on to and is was what who how when many much did pier cost million euros harbour opened monday mayor ada
holm library books lost flood norwick lindby korsund ferries start june three years build took
""".split()
_CHARACTERS = [*string.ascii_lowercase, *string.digits]


def tiny_tokenizer() -> Any:
    """Known words are one token, other ASCII words one token a character, punctuation stands alone."""
    tokens = [*SPECIAL, *string.punctuation, *_CHARACTERS, *(f"##{c}" for c in _CHARACTERS), *_WORDS]
    return BertTokenizer(vocab={token: number for number, token in enumerate(dict.fromkeys(tokens))})


def tiny_model(tokenizer: Any, *, seed: int = 0, max_tokens: int = 512) -> Any:
    """Weights ten times as large as is usual, so that logits differ by more than rounding."""
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=max_tokens,
        attention_probs_dropout_prob=0.0,
        hidden_dropout_prob=0.0,
        initializer_range=0.2,
    )
    return BertForQuestionAnswering(config)


def save_tiny_reader(folder: Path, *, seed: int = 0, max_tokens: int = 512) -> Path:
    tokenizer = tiny_tokenizer()
    tokenizer.save_pretrained(folder)
    tiny_model(tokenizer, seed=seed, max_tokens=max_tokens).save_pretrained(folder)
    return folder
