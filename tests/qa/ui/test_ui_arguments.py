"""Whatever a caller sends becomes a checked value or an error of one line."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import BadInputError
from index.types import Filters
from qa.ui import arguments

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


def test_text_is_stripped() -> None:
    assert arguments.required_text("  who?\n", "question", 10) == "who?"


@pytest.mark.parametrize("value", ["", "  \n", "x" * 11, None, 5, ["who?"], "a\x00b", "half a pair \ud800"])
def test_what_is_no_text_is_refused_by_name(value: Any) -> None:
    with pytest.raises(BadInputError, match=r"^question "):
        arguments.required_text(value, "question", 10)


@pytest.mark.parametrize(("value", "expected"), [(1, 1), (100, 100), (10.0, 10)])
def test_whole_numbers_in_range_are_taken(value: object, expected: int) -> None:
    assert arguments.whole_number(value, "k", 1, 100) == expected


@pytest.mark.parametrize("value", [0, 101, -1, 2.5, "7", None, True, float("nan"), float("inf"), 10**400])
def test_other_numbers_are_refused(value: object) -> None:
    with pytest.raises(BadInputError, match=r"^k .*1 to 100"):
        arguments.whole_number(value, "k", 1, 100)


def test_dates_become_iso_dates() -> None:
    assert arguments.optional_date("March 28, 2024", "as_of") == "2024-03-28"
    assert arguments.optional_date(None, "as_of") is None
    assert arguments.optional_date("", "as_of") is None


@pytest.mark.parametrize("value", ["yesterday", "2024-13-01", 20240328, {}])
def test_what_is_no_date_is_refused_by_name(value: object) -> None:
    with pytest.raises(BadInputError, match=r"^as_of"):
        arguments.optional_date(value, "as_of")


def test_filters_hold_what_was_given() -> None:
    assert arguments.search_filters("2024-01-01", None, " Reuters ") == Filters("2024-01-01", None, "Reuters")
    assert arguments.search_filters(None, None, "").is_empty


def test_bounds_that_exclude_each_other_are_refused() -> None:
    with pytest.raises(BadInputError, match="swap"):
        arguments.search_filters("2024-02-01", "2024-01-01", None)


def test_history_keeps_roles_and_words_only() -> None:
    turns = [{"role": "user", "content": "Who?", "metadata": None}, {"role": "assistant", "content": "NIO."}]
    assert arguments.conversation(turns) == [
        {"role": "user", "content": "Who?"},
        {"role": "assistant", "content": "NIO."},
    ]


@pytest.mark.parametrize("value", ["x", {}, [1], [{"role": "system", "content": "x"}], [{"role": "user"}], [{}] * 101])
def test_other_histories_are_refused(value: object) -> None:
    with pytest.raises(BadInputError, match=r"^history"):
        arguments.conversation(value)


@given(json_values)
def test_no_value_causes_any_other_error(value: object) -> None:
    checks = (
        lambda: arguments.required_text(value, "question", 100),
        lambda: arguments.optional_label(value, "source"),
        lambda: arguments.whole_number(value, "k", 1, 100),
        lambda: arguments.truth_value(value, "full"),
        lambda: arguments.search_filters(value, value, value),
        lambda: arguments.answer_mode(value),
        lambda: arguments.conversation(value),
        lambda: arguments.conversation([value]),
        lambda: arguments.records(value),
    )
    for check in checks:
        try:
            check()
        except BadInputError as error:
            assert "\n" not in str(error)
