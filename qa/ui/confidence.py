"""Confidence in words, and what the words mean; knows nothing of HTML."""

from __future__ import annotations

from qa.ui import text


def confidence_words(confidence: float) -> str:
    """ "High confidence" and the like, for a calibrated probability."""
    lowest = text.CONFIDENCE_WORDS[-1][1]
    return next((words for floor, words in text.CONFIDENCE_WORDS if confidence >= floor), lowest)


def confidence_level(confidence: float) -> str:
    """The first of the words in small letters: a name for style sheets."""
    return confidence_words(confidence).split()[0].lower()


def confidence_meaning(confidence: float) -> str:
    """How often short answers of this confidence are right; never "always" and never "never"."""
    if confidence >= 0.95:
        often = text.CONFIDENCE_ABOVE
    elif confidence < 0.15:
        often = text.CONFIDENCE_BELOW
    else:
        often = text.CONFIDENCE_TENTHS.format(tenths=round(confidence * 10))
    return text.CONFIDENCE_MEANING.format(often=often)


def is_unsure(confidence: float) -> bool:
    """Whether the lowest words apply."""
    return confidence_words(confidence) == text.CONFIDENCE_WORDS[-1][1]
