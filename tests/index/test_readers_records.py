"""Article records, as JSON lines and the API give them: what is taken, kept aside or rejected."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.readers import ReadLimits, article_from_mapping
from index.types import Article, Rejection


def _article(**record: Any) -> Article:
    article = article_from_mapping({"text": "The plant reopened.", **record}, "item")
    assert isinstance(article, Article), article
    return article


def _reason(record: object) -> str:
    rejection = article_from_mapping(record, "lines.jsonl:3")
    assert isinstance(rejection, Rejection), rejection
    assert rejection.item == "lines.jsonl:3"
    return rejection.reason


def test_every_field_of_the_contract_is_taken() -> None:
    article = _article(
        url="https://news.example/a", title="Plant reopens", published_at="2022-06-16T10:00:00Z", source="The Daily"
    )
    assert (article.url, article.title, article.text) == (
        "https://news.example/a",
        "Plant reopens",
        "The plant reopened.",
    )
    assert (article.published_at, article.source, article.metadata) == ("2022-06-16", "The Daily", {})


def test_only_text_is_required() -> None:
    article = _article()
    assert (article.title, article.url, article.source, article.published_at) == (
        "The plant reopened.",
        None,
        None,
        None,
    )


def test_unknown_keys_are_kept_as_metadata() -> None:
    article = _article(batch="20220610", tags=["a", "b"], scores={"x": 1.5}, checked=date(2022, 6, 16))
    assert article.metadata == {"batch": "20220610", "tags": ["a", "b"], "scores": {"x": 1.5}, "checked": "2022-06-16"}


def test_text_is_stored_clean() -> None:
    assert _article(text="  One\u202e\r\n\r\n\r\n\ttwo ").text == "One\n\ntwo"


def test_null_fields_count_as_absent() -> None:
    article = _article(url=None, title=None, published_at=None, source=None, article_id=None)
    assert article == _article()


def test_the_source_defaults_to_the_host() -> None:
    assert _article(url="https://www.News.example:8080/a").source == "news.example"
    assert _article(url="https://www.news.example/a", source="The Daily").source == "The Daily"


def test_the_same_url_is_the_same_article() -> None:
    one = _article(url="https://news.example/a")
    other = _article(url="https://news.example/a", text="The plant closed.")
    assert one.article_id == other.article_id
    assert one.content_hash != other.content_hash


def test_a_given_article_id_is_kept() -> None:
    assert _article(article_id=" a-17 ", url="https://news.example/a").article_id == "a-17"


def test_without_url_the_identity_decides_and_without_identity_the_text() -> None:
    one = article_from_mapping({"text": "One."}, "i", identity="file:/a.txt")
    other = article_from_mapping({"text": "Two."}, "i", identity="file:/a.txt")
    assert isinstance(one, Article)
    assert isinstance(other, Article)
    assert one.article_id == other.article_id
    assert _article(text="One.").article_id != _article(text="Two.").article_id


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        pytest.param(["text"], "must be an object with at least a text, not a list", id="list"),
        pytest.param("text", "must be an object with at least a text, not a str", id="string"),
        pytest.param(None, "must be an object with at least a text, not a NoneType", id="null"),
        pytest.param({"title": "No text"}, 'has no text; every article needs a "text"', id="no_text"),
        pytest.param({"text": None}, 'has no text; every article needs a "text"', id="null_text"),
        pytest.param({"text": 17}, "its text must be a string, not a int", id="text_is_a_number"),
        pytest.param({"text": ["a"]}, "its text must be a string, not a list", id="text_is_a_list"),
        pytest.param({"text": " \n\u200b "}, "its text is empty", id="empty_text"),
        pytest.param({"text": "a", "title": 1}, "its title must be a string, not a int", id="title_is_a_number"),
        pytest.param({"text": "a", "url": {}}, "its url must be a string, not a dict", id="url_is_an_object"),
        pytest.param({"text": "a", "source": []}, "its source must be a string, not a list", id="source_is_a_list"),
        pytest.param({"text": "a", "article_id": 7}, "its article_id must be a string", id="article_id_is_a_number"),
        pytest.param({"text": "a", "article_id": "x" * 201}, "its article_id has 201 characters", id="long_article_id"),
        pytest.param({"text": "a", "extra": {1, 2}}, "its metadata holds a set", id="metadata_not_json"),
    ],
)
def test_rejected_with_a_reason(record: object, reason: str) -> None:
    assert reason in _reason(record)


def test_deeply_nested_metadata_is_rejected() -> None:
    nested: Any = "x"
    for _ in range(5000):
        nested = [nested]
    assert "nested more than 20 levels" in _reason({"text": "a", "extra": nested})


def test_a_too_long_text_is_rejected() -> None:
    rejection = article_from_mapping({"text": "word " * 30}, "i", limits=ReadLimits(max_article_chars=100))
    assert rejection == Rejection("i", "its text has 149 characters; at most 100 are taken, so split it")


@pytest.mark.parametrize("value", ["banana", "yesterday", 1655337600, {"year": 2022}], ids=repr)
def test_a_date_that_cannot_be_read_is_kept_aside(value: object) -> None:
    article = _article(published_at=value)
    assert article.published_at is None
    assert article.metadata == {"published_at_raw": value}


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        " JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "ftp://news.example/a",
        "//news.example/a",
        "news.example/a",
        "https://",
        "http:///a",
        "https://www.",
        "http://[::1",
        "http://news.example:port/",
        'https://news.example/"onclick=',
        "https://news.example/<script>",
        "https://news.example/a b",
        "https://news.example\\@evil.example/",
        "https://news.example/\u202egpj",
        "java\nscript:alert(1)",
        "https://news.example/" + "a" * 4000,
    ],
)
def test_only_web_addresses_become_the_url(url: str) -> None:
    article = _article(url=url)
    assert article.url is None
    assert set(article.metadata) == {"url_raw"}
    assert article.source is None


def test_numbers_that_json_lacks_become_none() -> None:
    assert _article(score=float("nan"), other=[float("inf")]).metadata == {"score": None, "other": [None]}


def test_a_very_long_title_is_cut() -> None:
    title = _article(title="word " * 1000).title
    assert len(title) <= 300
    assert title.endswith("word…")


_json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters(exclude_categories=()))),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_keys = st.sampled_from(["text", "title", "url", "source", "published_at", "article_id", "other"])


@given(st.one_of(_json_values, st.dictionaries(_keys, _json_values)))
def test_any_json_value_is_an_article_or_a_rejection(value: object) -> None:
    assert isinstance(article_from_mapping(value, "item"), Article | Rejection)


def test_lone_surrogates_break_nothing() -> None:
    article = _article(
        text="a \ud800 b", title="\udfff", url="https://x.example/\ud800", source="\ud800", extra="\udc00"
    )
    assert article.text == "a \ufffd b"
    assert article.url is None
    assert article.metadata["extra"] == "\ufffd"
    repr(article).encode("utf-8")
