"""Brings the language marks of pages and documents to one ISO 639 code; knows nothing of how a text reads."""

from __future__ import annotations

import re

_TAG = re.compile(r"([a-zA-Z]{2,3})(?:[-_.][a-zA-Z0-9@._-]{0,60})?")
# What stands where a language was not chosen (ISO 639: undetermined, several, none, not coded; POSIX's own locale).
_NO_LANGUAGE = frozenset({"und", "mul", "zxx", "mis", "xx", "xxx"})


def language_code(*marks: object) -> str | None:
    """The lower-case code of the first mark that names one language: "pt" for "pt-BR" or "pt_BR.UTF-8", else None."""
    for mark in marks:
        match = _TAG.fullmatch(mark.strip()) if isinstance(mark, str) else None
        if match and match[1].lower() not in _NO_LANGUAGE:
            return match[1].lower()
    return None
