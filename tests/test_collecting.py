"""A module is left out only when none of its tests can be asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.collecting import MARKS, can_hold, marks_in

FAST = "not model and not browser and not slow"
SLOW = f"not ({FAST}) and not browser"
# In pieces, or this module would name the marks itself.
M = "pytest.mark"
PLAIN = "def test_it() -> None: ..."
ALL_SLOW = f"pytestmark = {M}.slow  # they take long\n\n{PLAIN}"
ONE_SLOW = f"@{M}.slow\n{PLAIN}\n\n{PLAIN}"
ALL_SLOW_ONE_BROWSER = f"{ALL_SLOW}\n\n@{M}.browser\n{PLAIN}"
BOTH = f"pytestmark = [{M}.browser, {M}.slow]\n"
PARAMETER = f"    pytest.param(1, marks=[{M}.model])"

REAL_SERVER = f"def test_it(sql{'_'}database: object) -> None: ..."


@pytest.mark.parametrize(
    ("text", "expression", "can"),
    [
        (PLAIN, FAST, True),
        (PLAIN, SLOW, False),
        (PLAIN, "browser", False),
        (PLAIN, "", True),
        (ALL_SLOW, FAST, False),
        (ALL_SLOW, SLOW, True),
        (ALL_SLOW, "browser", False),
        (ALL_SLOW, "", True),
        (ONE_SLOW, FAST, True),
        (ONE_SLOW, SLOW, True),
        (ALL_SLOW_ONE_BROWSER, FAST, False),
        (ALL_SLOW_ONE_BROWSER, SLOW, True),
        (ALL_SLOW_ONE_BROWSER, "browser", True),
        (BOTH, FAST, False),
        (BOTH, SLOW, False),
        (BOTH, "browser", True),
        (PARAMETER, FAST, True),
        (PARAMETER, SLOW, True),
        (REAL_SERVER, FAST, True),
        (REAL_SERVER, SLOW, True),
        (REAL_SERVER, "model", False),
        (PLAIN, "slow or timeout", True),  # of other marks nothing is known
    ],
)
def test_a_module_is_left_out_when_none_of_its_tests_fits(text: str, expression: str, can: bool) -> None:
    assert can_hold(text, expression) == can


def test_the_marks_of_a_test_stand_in_its_own_module(request: pytest.FixtureRequest) -> None:
    texts: dict[Path, frozenset[str]] = {}
    for item in request.session.items:
        named = texts.setdefault(item.path, marks_in(item.path.read_text(encoding="utf-8")))
        assert {mark.name for mark in item.iter_markers()} & MARKS <= named, item.nodeid


def test_the_makefile_asks_for_what_is_tried_here() -> None:
    assert f"FAST := {FAST}\n" in (Path(__file__).parent.parent / "Makefile").read_text(encoding="utf-8")
