"""Turns a follow-up question into one that can be understood alone; knows nothing of retrieval or answers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from index.errors import BadInputError
from index.words import content_stems
from qa.generators.protocol import Generator
from qa.prompts import rewrite_messages
from qa.types import Turn

_MAX_TURNS = 3
_MAX_TURN_CHARS = 600  # names that a follow-up refers to stand early; a prompt has only so much room
_MAX_REWRITE_TOKENS = 60
_REFERENCES = re.compile(
    r"\b(it|its|he|him|his|she|her|hers|they|them|their|theirs|this|that|these|those|there|then|one|ones|former|latter|"
    r"other|another|else|same|too|also)\b",
    re.IGNORECASE,
)
_OPENINGS = re.compile(r"\s*(and|but|or|so|what about|how about|why|since when|until when|by whom)\b", re.IGNORECASE)
_MIN_STANDALONE_STEMS = 3


def depends_on_history(question: str) -> bool:
    """Whether a question seems to refer to what was said before: by a pronoun, an opening, or its shortness."""
    is_short = len(content_stems(question)) < _MIN_STANDALONE_STEMS
    return bool(_REFERENCES.search(question) or _OPENINGS.match(question) or is_short)


def exchanges(history: Sequence[Turn]) -> list[tuple[str, str]]:
    """The last (question, answer) pairs of a conversation, oldest first, at most three.

    :raises BadInputError: If a turn has another shape than ``{"role": "user" | "assistant", "content": text}``.
    """
    pairs: list[tuple[str, str]] = []
    question: str | None = None
    if not isinstance(history, (list, tuple)):
        raise _malformed(history)
    for turn in history:
        role, content = (turn.get("role"), turn.get("content")) if isinstance(turn, dict) else (None, None)
        if role not in ("user", "assistant") or not isinstance(content, str):
            raise _malformed(turn)
        # As in questions, half a character becomes "?".
        content = content.encode("utf-8", errors="replace").decode("utf-8")[:_MAX_TURN_CHARS]
        if role == "user":
            question = content
        elif question is not None:
            pairs.append((question, content))
            question = None
    return pairs[-_MAX_TURNS:]


def standalone_question(question: str, history: Sequence[Turn], generator: Generator | None) -> str:
    """The question as it would be asked without the conversation.

    With no history, or when nothing in it refers back, it is returned as it is. Without a generator (or when the
    generator's rewriting is no question of its own) the last question is put in front, which retrieval understands.
    """
    pairs = exchanges(history)
    if not pairs or not depends_on_history(question):
        return question
    joined = f"{pairs[-1][0]} {question}"
    if generator is None:
        return joined
    rewritten = "".join(generator.stream(rewrite_messages(question, pairs), _MAX_REWRITE_TOKENS)).strip().strip('"')
    rewritten = rewritten.removeprefix("Question:").removeprefix("Rewritten:").removeprefix("Last question:").strip()
    return rewritten if _is_plausible(rewritten, question, pairs) else joined


def _malformed(found: object) -> BadInputError:
    shape = '{"role": "user" or "assistant", "content": text}'
    return BadInputError(f"history must be a list of {shape}; found {str(found)[:80]!r}")


def _is_plausible(rewritten: str, question: str, pairs: Sequence[tuple[str, str]]) -> bool:
    """One line of a question's length that names something, most of whose words come from the conversation."""
    if not rewritten or "\n" in rewritten or len(rewritten) > 300 or not rewritten.endswith("?"):
        return False
    known = set(content_stems(" ".join([question, *(f"{q} {a}" for q, a in pairs)])))
    words = content_stems(rewritten)
    return bool(words) and sum(word in known for word in words) >= 0.6 * len(words)
