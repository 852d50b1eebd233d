"""Answers read back from their JSON."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import BadInputError
from qa.answer_json import answer_from_json, article_keys
from qa.types import Answer
from tests.qa.kept_answers import BRIDGE, COPY, FERRY, bridge_answer, ferry_answer, refusal


@pytest.mark.parametrize("answer", [bridge_answer(), ferry_answer(), refusal(), bridge_answer(passages=())])
def test_the_json_of_what_is_read_back_is_the_same(answer: Answer) -> None:
    value = json.loads(json.dumps(answer.to_json()))
    read = answer_from_json(value)
    assert read.to_json() == value
    assert [c.quote for c in read.citations] == [c.quote for c in answer.citations]


def test_a_citation_is_in_the_passage_it_was_cut_from() -> None:
    read = answer_from_json(bridge_answer().to_json())
    assert read.citations[0].retrieved is read.passages[0]


def test_a_quote_of_a_passage_that_was_not_returned_is_kept_by_itself() -> None:
    read = answer_from_json(bridge_answer(passages=()).to_json())
    assert read.citations[0].quote == read.citations[0].retrieved.passage.text


def test_keys_of_newer_versions_are_passed_over_and_those_of_older_ones_may_lack() -> None:
    value = bridge_answer().to_json() | {"suggestions": ["What?"]}
    del value["notes"], value["date_window"]
    assert answer_from_json(value).notes == ()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"outcome": "guessed"}, "outcome"),
        ({"confidence": 7}, "confidence"),
        ({"confidence": float("nan")}, "confidence"),
        ({"question": None}, "question"),
        ({"citations": [{"marker": 1}]}, "citations.0"),
        ({"passages": "none"}, "passages"),
        ({"models": {}}, "models"),
        ({"date_window": {"phrase": "May", "after": "yesterday", "before": None, "source": None}}, "date"),
        ({"date_window": {"phrase": "May", "after": "2023-05-02", "before": "2023-05-01", "source": None}}, "date"),
    ],
)
def test_what_is_damaged_is_named(change: dict[str, Any], named: str) -> None:
    with pytest.raises(BadInputError, match=named):
        answer_from_json(bridge_answer().to_json() | change)


def test_a_quote_that_differs_from_its_offsets_is_refused() -> None:
    value = bridge_answer().to_json()
    value["citations"][0]["quote"] += "!"
    with pytest.raises(BadInputError, match="offsets"):
        answer_from_json(value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(bridge_answer().to_json())), JSON)
def test_any_value_in_any_place_is_read_or_refused(key: str, value: Any) -> None:
    with suppress(BadInputError):
        answer_from_json(ferry_answer().to_json() | {key: value})


def test_every_article_an_answer_names_is_found() -> None:
    ids, urls = article_keys(bridge_answer().to_json())
    assert ids == {BRIDGE.article_id, FERRY.article_id, COPY.article_id}
    assert urls == {BRIDGE.url, FERRY.url, COPY.url}
    assert "d" in article_keys(ferry_answer().to_json())[0]
