"""Scores answers against gold answers as SQuAD does; knows nothing of how answers are made.

Normalisation, exact match and token F1 follow Rajpurkar et al., "SQuAD: 100,000+ Questions for Machine Comprehension of
Text" (EMNLP 2016), with Unicode quotes and dashes counted as punctuation.
"""

from __future__ import annotations

import re
import string
from collections import Counter

_PUNCTUATION = frozenset(string.punctuation + "“”‘’«»–—…")
_ARTICLES = re.compile(r"\b(a|an|the)\b")


def normalise(text: str) -> str:
    """Lower case, without punctuation, English articles and extra white space."""
    without_punctuation = "".join(c for c in text.lower() if c not in _PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", without_punctuation).split())


def exact_match(prediction: str, gold: str) -> bool:
    return normalise(prediction) == normalise(gold)


def token_f1(prediction: str, gold: str) -> float:
    """Harmonic mean of token precision and recall, in [0, 1]; two empty texts agree."""
    predicted, expected = normalise(prediction).split(), normalise(gold).split()
    if not predicted or not expected:
        return float(predicted == expected)
    num_same = sum((Counter(predicted) & Counter(expected)).values())
    return 2 * num_same / (len(predicted) + len(expected))
