"""Says what counts as a question; knows nothing of how it is answered."""

from __future__ import annotations

from index.errors import BadInputError


def checked_question(question: str, max_chars: int) -> str:
    """The question without white space around it, in characters that models take.

    :raises BadInputError: If it is empty or has more than ``max_chars`` characters.
    """
    if not isinstance(question, str) or not question.strip():
        raise BadInputError("the question is empty; ask something in a few words")
    # A lone surrogate (half a character, from broken input) has no UTF-8 form, and models take only UTF-8.
    question = question.strip().encode("utf-8", errors="replace").decode("utf-8")
    if len(question) > max_chars:
        raise BadInputError(f"the question has {len(question):,} characters; at most {max_chars:,} are read")
    return question
