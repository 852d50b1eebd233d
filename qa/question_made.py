"""A question that was made of a sentence; knows nothing of how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["when", "how", "why", "who", "what", "is", "says"]
"""What is asked for; "is": who somebody is; "says": what somebody says."""


@dataclass(frozen=True, slots=True)
class MadeQuestion:
    """``answer``: the words of the sentence that answer it. ``is_whole``: it can be understood by itself; otherwise it
    speaks of "the match" or the like, which is clear only after an answer from the same article."""

    kind: Kind
    question: str
    answer: str
    is_whole: bool = True
