"""Asks an operator's probe questions of a generation before it replaces another; knows nothing of building or serving.

``probes.jsonl`` in the data folder has one question a line: {"question", "answers": [...], "as_of"?}. It is answered
when an expected answer stands in the short answer as whole words, or agrees with it by token F1 (normalised as in
SQuAD).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from index.dates import parse_date
from index.errors import BadInputError, StorageError
from index.protocols import PassageSnapshot
from qa.metrics import normalise, token_f1
from qa.pipeline import Pipeline, SnapshotSource
from qa.types import Done

MIN_F1 = 0.6
_KEYS = {"question", "answers", "as_of"}


@dataclass(frozen=True, slots=True)
class Probe:
    """A question that must be answered, in any of these ways."""

    question: str
    answers: tuple[str, ...]
    as_of: date | None = None


@dataclass(frozen=True, slots=True)
class FixedSource:
    """Always the same generation."""

    fixed: PassageSnapshot

    def snapshot(self) -> PassageSnapshot:
        return self.fixed


def probe_verifier(
    path: Path, make_pipeline: Callable[[SnapshotSource], Pipeline]
) -> Callable[[PassageSnapshot], list[str]]:
    """What says which probes a generation fails; without a file of probes, none.

    :param make_pipeline: Makes what answers over a generation; called only when there are probes to ask.
    """

    def verify(snapshot: PassageSnapshot) -> list[str]:
        probes = read_probes(path)
        return failed_probes(probes, make_pipeline(FixedSource(snapshot))) if probes else []

    return verify


def read_probes(path: Path) -> list[Probe]:
    """The probes in a file, none when there is no file; empty lines are passed over.

    :raises BadInputError: Naming the first line that is no probe, and why.
    :raises StorageError: If the file cannot be read.
    """
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageError(f"the probe questions {path} cannot be read: {error.strerror}") from error
    return [_probe(line, f"{path}:{number}") for number, line in enumerate(lines, start=1) if line.strip()]


def failed_probes(probes: Sequence[Probe], pipeline: Pipeline) -> list[str]:
    """One line for each probe that is not answered as expected."""
    failures = []
    for number, probe in enumerate(probes, start=1):
        *_, last = pipeline.ask(probe.question, as_of=probe.as_of, mode="fast")
        if not isinstance(last, Done):
            raise TypeError(f"the last event is {last!r}, and must be the answer")
        given = last.answer.short_answer
        if given is None or not is_expected(given, probe.answers):
            answered = "did not answer" if given is None else f"answered {given!r}"
            failures.append(
                f"probe {number}: {probe.question!r} {answered}, expected one of {', '.join(map(repr, probe.answers))}"
            )
    return failures


def is_expected(given: str, answers: Sequence[str]) -> bool:
    """Whether a short answer is one of the expected ones."""
    words = f" {normalise(given)} "
    return any(f" {normalise(answer)} " in words or token_f1(given, answer) >= MIN_F1 for answer in answers)


def _probe(line: bytes, place: str) -> Probe:
    expected = 'expected {"question": "...", "answers": ["..."]}, and "as_of" if it has a date'
    try:
        values: Any = json.loads(line)
    except ValueError as error:
        raise BadInputError(f"{place}: no JSON ({error}); {expected}") from error
    if not isinstance(values, dict):
        raise BadInputError(f"{place}: found {type(values).__name__}; {expected}")
    unknown = sorted(values.keys() - _KEYS)
    if unknown:
        raise BadInputError(f"{place}: unknown key {unknown[0]!r}; {expected}")
    question, answers = values.get("question"), values.get("answers")
    if not isinstance(question, str) or not question.strip():
        raise BadInputError(f"{place}: no question; {expected}")
    if not isinstance(answers, list) or not answers or not all(_has_words(answer) for answer in answers):
        raise BadInputError(f"{place}: answers must be a list of texts with a word in each; {expected}")
    return Probe(question, tuple(answers), _as_of(values.get("as_of"), place))


def _has_words(answer: object) -> bool:
    return isinstance(answer, str) and bool(normalise(answer))


def _as_of(value: object, place: str) -> date | None:
    if value is None:
        return None
    try:
        iso = parse_date(value) if isinstance(value, str) else None
    except BadInputError as error:
        raise BadInputError(f"{place}: as_of: {error}") from error
    if iso is None:
        raise BadInputError(f'{place}: as_of {value!r} is no date; expected one like "2024-03-28"')
    return date.fromisoformat(iso)
