"""Holds reports of evaluations against pinned floors; knows nothing of how reports come about.

A floor names the report (its file's name without ending), a figure in it by its path, the least (or, as a ceiling, the
most) it may be, the data it was measured on by SHA-256, over how many questions, and what else it expects of the
report: mode, protocol, settings. No question of it may have failed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from index.errors import BadInputError

_KEYS = {"name", "report", "metric", "floor", "ceiling", "data_sha256", "n", "expects"}


@dataclass(frozen=True, slots=True)
class Floor:
    """``metric`` is a path such as "metrics.answerable.f1.value"; one of ``floor`` and ``ceiling`` is None.

    ``expects``: what the report must hold, by path ("settings.answer.min_fast_confidence"): the experiment the figure
    is of.
    """

    name: str
    report: str
    metric: str
    data_sha256: str
    n: int
    floor: float | None
    ceiling: float | None
    expects: Mapping[str, Any] = field(default_factory=dict)


def read_floors(path: Path) -> list[Floor]:
    """:raises BadInputError: If the file is not ``{"floors": [...]}``, each complete and with a name of its own."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))["floors"]
    except OSError as error:
        raise BadInputError(f"the floors {path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise BadInputError(f'{path} holds no {{"floors": [...]}}: {error}') from error
    if not isinstance(values, list):
        raise BadInputError(f'"floors" in {path} must be a list')
    floors = [_floor(value, f"{path.name}, floor {number}") for number, value in enumerate(values, start=1)]
    names = [floor.name for floor in floors]
    if twice := {name for name in names if names.count(name) > 1}:
        raise BadInputError(f"{path.name}: two floors are named {min(twice)!r}")
    return floors


def breaches(floors: Sequence[Floor], reports: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """One line for each floor that does not hold; none when all do.

    :param reports: By the name that floors call them.
    """
    return [f"{floor.name}: {reason}" for floor in floors if (reason := _breach(floor, reports.get(floor.report)))]


def _breach(floor: Floor, report: Mapping[str, Any] | None) -> str | None:
    if report is None:
        return f"no report {floor.report!r} was given"
    data = _at(report, "data.sha256")
    if data != floor.data_sha256:
        return f"the report is of other data: SHA-256 {data}, pinned {floor.data_sha256}"
    for path, expected in floor.expects.items():
        found = _at(report, path)
        # By JSON form: false is not 0.
        if json.dumps(found, sort_keys=True) != json.dumps(expected, sort_keys=True):
            return f"the report is of another experiment: {path} is {found!r}, pinned {expected!r}"
    num_errors = _at(report, "metrics.n_errors")
    if num_errors != 0:
        return f"in the report {num_errors} questions failed, none may"
    num = _at(report, "metrics.n")
    if not _is_number(num) or num < floor.n:
        return f"the report is over {num} questions, pinned {floor.n}"
    value = _at(report, floor.metric)
    if not _is_number(value):
        return f"the report has no number at {floor.metric} (found {value!r})"
    if floor.floor is not None and value < floor.floor:
        return f"{floor.metric} is {value:.4f}, below its floor {floor.floor:.4f}"
    if floor.ceiling is not None and value > floor.ceiling:
        return f"{floor.metric} is {value:.4f}, above its ceiling {floor.ceiling:.4f}"
    return None


def _at(report: Mapping[str, Any], path: str) -> Any:
    value: Any = report
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _floor(value: object, where: str) -> Floor:
    if not isinstance(value, Mapping):
        raise BadInputError(f"{where} must be an object, not a {type(value).__name__}")
    if unknown := value.keys() - _KEYS:
        raise BadInputError(f"{where}: the key {min(unknown)!r} is unknown; known are {', '.join(sorted(_KEYS))}")
    for key in ("name", "report", "metric", "data_sha256"):
        if not isinstance(value.get(key), str) or not value[key]:
            raise BadInputError(f'{where}: "{key}" must be a string that is not empty')
    if not isinstance(value.get("n"), int) or value["n"] < 1:
        raise BadInputError(f'{where}: "n" must be a number of questions of at least 1')
    bounds = [value.get("floor"), value.get("ceiling")]
    if sum(map(_is_number, bounds)) != 1 or sum(bound is None for bound in bounds) != 1:
        raise BadInputError(f'{where}: one number is needed, either as "floor" or as "ceiling"')
    expects = value.get("expects", {})
    if not isinstance(expects, Mapping):
        raise BadInputError(f'{where}: "expects" must map paths of the report to values, found {expects!r}')
    return Floor(
        value["name"], value["report"], value["metric"], value["data_sha256"], value["n"], bounds[0], bounds[1], expects
    )
