"""Checks what callers of the API send and turns it into values; knows nothing of Gradio or of the service.

Callers send JSON of any shape: every function takes an object of unknown type and raises a one-line error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from index.dates import parse_date
from index.errors import BadInputError
from index.types import Filters
from qa.types import Mode, Turn

MAX_QUESTION_CHARS = 2_000
MAX_TURNS = 100
MAX_TURN_CHARS = 20_000
MAX_ARTICLES_PER_CALL = 10_000
_MAX_LABEL_CHARS = 500
_MODES = ("full", "fast")
_ROLES = ("user", "assistant")


def required_text(value: object, name: str, max_chars: int) -> str:
    """A string with something in it, stripped of surrounding white space.

    :raises BadInputError: It is no string, is blank or is longer than ``max_chars``.
    """
    if not isinstance(value, str):
        raise BadInputError(f"{name} must be a string, not {_kind(value)}")
    text = value.strip()
    if not text:
        raise BadInputError(f"{name} is empty; expected 1 to {max_chars:,} characters")
    if len(text) > max_chars:
        raise BadInputError(f"{name} has {len(text):,} characters; expected at most {max_chars:,}")
    if "\x00" in text:
        raise BadInputError(f"{name} contains a zero byte; expected text")
    return _well_formed(text, name)


def optional_label(value: object, name: str) -> str | None:
    """A short string, or None when nothing (or only white space) was given."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    return required_text(value, name, _MAX_LABEL_CHARS)


def whole_number(value: object, name: str, low: int, high: int) -> int:
    """An integer in [low, high]; 10.0 counts as 10, since JSON writers do not tell them apart."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadInputError(f"{name} must be a whole number from {low} to {high:,}, not {_kind(value)}")
    if not low <= value <= high:
        shown = str(value) if abs(value) < 10**15 else "far out of range"  # printing huge integers is slow, or fails
        raise BadInputError(f"{name} is {shown}; expected a whole number from {low} to {high:,}")
    return value


def truth_value(value: object, name: str) -> bool:
    if not isinstance(value, bool):
        raise BadInputError(f"{name} must be true or false, not {_kind(value)}")
    return value


def optional_date(value: object, name: str) -> str | None:
    """An ISO date, or None when nothing was given."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadInputError(f"{name} must be a date such as 2024-03-28, not {_kind(value)}")
    try:
        return parse_date(value)
    except BadInputError as error:
        raise BadInputError(f"{name}: {error}") from None


def search_filters(published_after: object, published_before: object, source: object) -> Filters:
    """:raises BadInputError: A bound is no date, or the bounds exclude each other."""
    after = optional_date(published_after, "published_after")
    before = optional_date(published_before, "published_before")
    if after and before and after > before:
        raise BadInputError(f"published_after {after} is later than published_before {before}; swap them")
    return Filters(after, before, optional_label(source, "source"))


def one_of(value: object, name: str, choices: Sequence[str]) -> str:
    if not isinstance(value, str) or value not in choices:
        shown = repr(value)[:40] if isinstance(value, str) else _kind(value)
        expected = ", ".join(map(repr, choices[:-1])) + f" or {choices[-1]!r}"
        raise BadInputError(f"{name} must be {expected}, not {shown}")
    return value


def answer_mode(value: object) -> Mode:
    return cast(Mode, one_of(value, "mode", _MODES))


def conversation(value: object) -> list[Turn]:
    """Earlier turns, oldest first; other keys than role and content are ignored.

    :raises BadInputError: It is no list of at most 100 turns with the role "user" or "assistant" and a text.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadInputError(f"history must be a list of turns, not {_kind(value)}")
    if len(value) > MAX_TURNS:
        raise BadInputError(f"history has {len(value)} turns; expected at most {MAX_TURNS}: send the latest")
    return [_turn(turn, f"history[{number}]") for number, turn in enumerate(value)]


def records(value: object) -> list[object]:
    """The article objects of one call; each is judged by the reader, one by one."""
    if not isinstance(value, list):
        raise BadInputError(f"articles must be a list of article objects, not {_kind(value)}")
    if len(value) > MAX_ARTICLES_PER_CALL:
        raise BadInputError(f"articles has {len(value):,} entries; send at most {MAX_ARTICLES_PER_CALL:,} a call")
    return value


def _turn(turn: object, name: str) -> Turn:
    if not isinstance(turn, Mapping):
        raise BadInputError(f'{name} must be an object such as {{"role": "user", "content": "…"}}, not {_kind(turn)}')
    role = turn.get("role")
    if role not in _ROLES:
        raise BadInputError(f"{name}.role must be 'user' or 'assistant'")
    content = required_text(turn.get("content"), f"{name}.content", MAX_TURN_CHARS)
    return {"role": "user" if role == "user" else "assistant", "content": content}


def _well_formed(text: str, name: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise BadInputError(f"{name} contains half of a surrogate pair; expected valid Unicode text") from None
    return text


def _kind(value: object) -> str:
    names = {type(None): "nothing", bool: "true or false", int: "a number", float: "a number", str: "a string"}
    names |= {list: "a list", dict: "an object"}
    return names.get(type(value), f"a {type(value).__name__}")
