"""What a suite found, as figures, violations and JSON; knows nothing of how it was found."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Progress = Callable[[int, int], None]
"""Called with how much of a suite is done, and how much there is to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a suite runs. ``scale`` 1.0 is the long version; ``work`` is a folder of the suite's own."""

    work: Path
    seed: int = 1
    scale: float = 1.0
    progress: Progress = field(default=lambda done, total: None)

    def scaled(self, number: int, *, at_least: int = 1) -> int:
        return max(at_least, round(number * self.scale))


@dataclass(slots=True)
class SuiteReport:
    """Filled while a suite runs. ``messages`` counts the distinct errors that were shown on purpose."""

    suite: str
    figures: dict[str, Any] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    messages: Counter[str] = field(default_factory=Counter)
    skipped: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)
    seconds: float = 0.0

    @property
    def is_clean(self) -> bool:
        return not self.violations

    def blame(self, what: str, problems: Sequence[str]) -> None:
        self.violations += [f"{what}: {problem}" for problem in problems]

    def count(self, figure: str, number: int = 1) -> None:
        self.figures[figure] = self.figures.get(figure, 0) + number

    def raise_to(self, figure: str, value: float) -> None:
        """Keep the largest value."""
        self.figures[figure] = max(self.figures.get(figure, value), value)

    def finish(self) -> SuiteReport:
        self.seconds = time.monotonic() - self.started
        return self

    def to_json(self) -> dict[str, Any]:
        return {
            "suite": self.suite,
            "ok": self.is_clean,
            "seconds": round(self.seconds, 1),
            "figures": {k: round(v, 4) if isinstance(v, float) else v for k, v in self.figures.items()},
            "violations": self.violations,
            "messages": dict(self.messages.most_common()),
            "skipped": self.skipped,
        }


def spread(items: Sequence[Any], number: int) -> list[Any]:
    """At most ``number`` of them, evenly spread, in order."""
    if number >= len(items):
        return list(items)
    return [items[int((i + 0.5) * len(items) / number)] for i in range(number)]


def summary(reports: Sequence[dict[str, Any]]) -> str:
    """The report for people, one paragraph a suite."""
    lines = []
    for report in reports:
        verdict = "holds" if report["ok"] else f"{len(report['violations'])} VIOLATIONS"
        lines.append(f"{report['suite']}: {verdict} ({report['seconds']:.0f} s)")
        lines += [f"    {name.replace('_', ' ')}: {value}" for name, value in report["figures"].items()]
        lines += [f"    skipped: {reason}" for reason in report["skipped"]]
        lines += [f"    error shown {number} times: {message}" for message, number in report["messages"].items()]
        lines += [f"    VIOLATION {violation}" for violation in report["violations"][:20]]
    return "\n".join(lines)
