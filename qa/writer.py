"""Has the model judge whether passages hold the answer, write it, and keeps only what the passages support.

Knows nothing of retrieval or of how confident is confident enough.
"""

from __future__ import annotations

import re
from collections.abc import Generator as Pieces
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import cast

from index.types import RetrievedPassage
from index.words import content_stems, stems
from qa.answer_types import fits_question
from qa.generators.protocol import Generator
from qa.grounding import GroundedText, Grounder, Span, make_citations, numbers
from qa.prompts import gate_messages, sentence_messages, short_answer_messages

_MIN_SHORT_COVERAGE = 0.5
_REFUSAL = re.compile(
    r"(it is |that is |the answer is )?"
    r"(not (specified|mentioned|stated|provided|given|available|known|applicable)"
    r"|unknown|n/a|no (answer|information) (is )?(specified|mentioned|stated|provided|given|available))"
    r"( (in|by) the (articles?|text|passages?))?$|(the )?(articles?|passages?|text) (does|do) not ",
    re.IGNORECASE,
)
_MARKER = re.compile(r"\[\d+\]")
_LIST_MARK = re.compile(r"^(?:[-*•]+\s+|•)")  # the minus of "-5" is none
_QUOTES = "\"“”'`* "
_ABBREVIATION = re.compile(r"(?:^|[\s(])(?:[^\W\d_]{1,3}\.)+[^\W\d_]{1,3}\.$|\b(?:Inc|Jr|Sr|Co|Corp|Ltd)\.$")


@dataclass(frozen=True, slots=True)
class WriterSettings:
    """Most tokens of a short answer and of the sentences that follow it."""

    max_short_tokens: int = 40
    max_answer_tokens: int = 90


@dataclass(frozen=True, slots=True)
class Verdict:
    """``yes_no``: log P(Yes) - log P(No) that the passages state the answer; ``support``: where the short answer
    stands, None when nothing supports it or it is no answer of the kind asked for."""

    yes_no: float
    short_answer: str
    support: Span | None


class AnswerWriter:
    """Works on one question.

    :param context: The passages in the order of the prompt.
    """

    def __init__(
        self,
        generator: Generator,
        context: Sequence[RetrievedPassage],
        question: str,
        settings: WriterSettings | None = None,
    ) -> None:
        self._generator = generator
        self._passages = [retrieved.passage for retrieved in context]
        self._question = question
        self._settings = settings or WriterSettings()
        self._grounder = Grounder(context)

    def judge(self) -> Verdict:
        """Ask for Yes or No, then for the answer in a few words, and look for what supports it."""
        yes, no = self._generator.score(gate_messages(self._passages, self._question), ["Yes", "No"])
        messages = short_answer_messages(self._passages, self._question)
        short = tidy_short_answer("".join(self._generator.stream(messages, self._settings.max_short_tokens)))
        is_answer = not is_refusal(short) and fits_question(self._question, short)
        support = self._grounder.support(short, hint=self._question) if is_answer else None
        return Verdict(yes - no, short, support)

    def write(self, short_answer: str) -> Pieces[str, None, None]:
        """The sentence around the short answer, piece by piece; closing it stops the model."""
        messages = sentence_messages(self._passages, self._question, short_answer)
        # Every engine returns a generator, so that it can be closed; the protocol only promises iteration.
        pieces = cast("Pieces[str, None, None]", self._generator.stream(messages, self._settings.max_answer_tokens))
        with closing(pieces):
            yield from pieces

    def ground(self, written: str, short_answer: str, support: Span) -> GroundedText:
        """The written sentences that hold; the quote itself when none of them does, or none holds the short answer.

        :param support: Where the short answer stands.
        """
        grounded = self._grounder.ground(written.strip())
        # The markers are not words of the answer: "[1]" does not hold the short answer "1".
        if grounded.text and _states(_MARKER.sub("", grounded.text), short_answer):
            return grounded
        citations = make_citations([support])
        return GroundedText(f"{citations[0].quote} [1]", citations, grounded.dropped)


def is_refusal(short_answer: str) -> bool:
    """Whether the model says, in its own words, that there is no answer."""
    return _REFUSAL.match(short_answer) is not None


def tidy_short_answer(written: str) -> str:
    """What the model wrote without quotes, labels, list marks and a closing full stop, on one line."""
    lines = [_LIST_MARK.sub("", line.strip()).strip() for line in written.strip().splitlines()]
    text = "; ".join(line for line in lines if line)
    for label in ("Answer:", "The answer is:", "The answer is"):
        text = text.removeprefix(label).strip()
    text = text.strip(_QUOTES)
    # A full stop that belongs to an abbreviation ("U.S.", "Apple Inc.") stays.
    return text if _ABBREVIATION.search(text) else text.removesuffix(".").rstrip(_QUOTES)


def _states(text: str, short_answer: str) -> bool:
    """Whether a text holds an answer: all of its numbers, and half of its words or more."""
    return numbers(short_answer) <= numbers(text) and _coverage(short_answer, text) >= _MIN_SHORT_COVERAGE


def _coverage(wanted: str, text: str) -> float:
    """Share, in [0, 1], of the words of ``wanted`` that stand in ``text``."""
    wanted_stems = content_stems(wanted) or stems(wanted)
    present = set(stems(text))
    return sum(stem in present for stem in wanted_stems) / len(wanted_stems) if wanted_stems else 0.0
