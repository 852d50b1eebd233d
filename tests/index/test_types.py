"""How articles are identified and hashed, and what the reports look like from outside."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.types import AddReport, Article, Filters, Rejection, make_article

_TEXT = "The bridge is late.\nIt will open in May."


def _make(**changes: Any) -> Article:
    fields = {"title": "Bridge", "url": "https://a.example/1", "source": "A", "published_at": "2024-03-28"}
    text = changes.pop("text", _TEXT)
    return make_article(text, **(fields | changes))


def test_the_same_url_gives_the_same_id_whatever_the_text() -> None:
    assert _make().article_id == _make(text="Other.", title="Other", source=None, published_at=None).article_id


def test_other_urls_give_other_ids() -> None:
    assert _make().article_id != _make(url="https://a.example/2").article_id


def test_without_a_url_the_identity_gives_the_id() -> None:
    first = make_article("One.", identity="/news/a.txt")
    assert first.article_id == make_article("Two.", identity="/news/a.txt").article_id
    assert first.article_id != make_article("One.", identity="/news/b.txt").article_id


def test_without_url_and_identity_the_text_gives_the_id() -> None:
    assert make_article("One.").article_id == make_article("One.", title="Other title").article_id
    assert make_article("One.").article_id != make_article("Two.").article_id


def test_a_given_id_wins_over_the_url() -> None:
    assert _make(article_id="mine").article_id == "mine"


@pytest.mark.parametrize(
    "change", [{"title": "B"}, {"text": "Other."}, {"source": "B"}, {"source": None}, {"published_at": "2024-03-29"}]
)
def test_the_content_hash_changes_with(change: dict[str, Any]) -> None:
    assert _make(**change).content_hash != _make().content_hash


@pytest.mark.parametrize("change", [{"url": "https://b.example"}, {"metadata": {"a": 1}}, {"article_id": "x"}])
def test_the_content_hash_does_not_change_with(change: dict[str, Any]) -> None:
    assert _make(**change).content_hash == _make().content_hash


def test_fields_cannot_slide_into_each_other_in_the_content_hash() -> None:
    assert _make(source="2024-03-28", published_at=None).content_hash != _make(source=None).content_hash


def test_the_text_hash_depends_on_the_text_alone() -> None:
    assert _make(title="B", source="B", published_at=None, url=None).text_hash == _make().text_hash
    assert _make(text=_TEXT + " ").text_hash != _make().text_hash


def test_a_missing_title_is_the_first_line_that_is_not_blank() -> None:
    assert make_article("\n \n  The bridge is late. \nMore.").title == "The bridge is late."


def test_a_text_of_blank_lines_is_untitled() -> None:
    assert make_article(" \n ").title == "Untitled"


@given(st.text(alphabet=st.sampled_from("ab "), min_size=1, max_size=300))
def test_a_title_taken_from_the_text_has_at_most_120_characters(text: str) -> None:
    title = make_article(text).title
    first_line = text.strip() or "Untitled"
    if len(first_line) <= 120:
        assert title == first_line
    else:
        assert title.endswith("…")
        assert len(title) <= 120
        assert first_line.startswith(title[:-1])


def test_the_metadata_is_a_copy() -> None:
    metadata = {"section": "world"}
    article = make_article("One.", metadata=metadata)
    metadata["section"] = "sport"
    assert article.metadata == {"section": "world"}


def test_an_article_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        _make().text = "Other."  # type: ignore[misc]


@pytest.mark.parametrize("field", ["published_after", "published_before", "source"])
def test_filters_with_any_bound_are_not_empty(field: str) -> None:
    assert Filters().is_empty
    assert not Filters(**{field: "2024-01-01"}).is_empty


def test_the_report_of_an_added_batch_has_the_keys_of_the_public_contract() -> None:
    report = AddReport(1, 2, 3, 4, (Rejection("a.jsonl:7", "has no text"),), "gen-000005")
    assert report.to_json() == {
        "added": 1,
        "revised": 2,
        "unchanged": 3,
        "duplicates": 4,
        "rejected": [{"item": "a.jsonl:7", "reason": "has no text"}],
        "generation": "gen-000005",
    }
