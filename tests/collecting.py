"""Which test modules can hold a test that is asked for by ``-m``; knows of a module only its text.

The others need not be imported: torch, Gradio and scikit-learn take longer to load than most tests that use them.
"""

from __future__ import annotations

import re
from itertools import chain, combinations

from _pytest.mark.expression import Expression  # what -m is read with; pytest has no public name for it

MARKS = frozenset({"model", "browser", "slow"})
_MODULE_MARKS = re.compile(r"^pytestmark = (.*)$", re.MULTILINE)
_MARK = re.compile(r"\bmark\.(\w+)")
# What comes of tests/databases.py: its cases on a real server are slow.
_SLOW_CASES = re.compile(r"\b(sql_database|opened_collection|BOTH)\b")
_OPERATORS = frozenset({"and", "or", "not"})


def can_hold(text: str, expression: str) -> bool:
    """Whether a test in a module of this text can have marks that the expression asks for.

    All of its tests have the marks of its ``pytestmark``; each may have any others that the module names, and none
    that it does not. Where the expression asks for more than our marks, every module can.

    :param expression: What ``-m`` was given; an empty one asks for every test.
    """
    if not expression or set(re.findall(r"\w+", expression)) - MARKS - _OPERATORS:
        return True
    of_all = marks_in("".join(_MODULE_MARKS.findall(text)))
    others = marks_in(text) - of_all
    compiled = Expression.compile(expression)
    return any(_fits(compiled, of_all.union(some)) for some in _subsets(others))


def marks_in(text: str) -> frozenset[str]:
    of_fixtures = {"slow"} if _SLOW_CASES.search(text) else set()
    return (frozenset(_MARK.findall(text)) & MARKS) | of_fixtures


def _fits(expression: Expression, marks: frozenset[str]) -> bool:
    return expression.evaluate(lambda name, **keywords: name in marks)


def _subsets(names: frozenset[str]) -> chain[tuple[str, ...]]:
    return chain.from_iterable(combinations(sorted(names), count) for count in range(len(names) + 1))
