"""Which sentences the model is shown, and that each can be found in its article."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.sentences import split_sentences
from index.types import Passage, RetrievedPassage
from qa.evidence import Reading, ScoredSpan
from qa.excerpts import around, best_excerpts, sentence_around
from qa.prompts import passage_header
from tests.qa.helpers import found, make_passage

ARTICLE = (
    "The harbour opened on Monday. Mayor Ada Holm spoke. The pier cost 12 million euros. It took three years. "
    "Ferries will start in June. Nobody objected."
)
COST = "12 million euros"


def passage_of(article: str, start: int) -> Passage:
    """The end of an article as a passage."""
    return make_passage(article[start:], start=start)


def span(text: str, words: str) -> tuple[int, int]:
    start = text.index(words)
    return start, start + len(words)


def reading(text: str, words: str) -> Reading:
    return Reading(1.0, (ScoredSpan(*span(text, words), 1.0), ScoredSpan(0, 1, 0.0)))


def excerpts(texts: Sequence[str], words: Sequence[str], max_chars: int) -> list[RetrievedPassage]:
    passages = [make_passage(text, number=number) for number, text in enumerate(texts, start=1)]
    readings = [reading(text, some) for text, some in zip(texts, words, strict=True)]
    return best_excerpts(found(*passages), readings, max_chars)


# Around a span


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (COST, "Mayor Ada Holm spoke. The pier cost 12 million euros. It took three years."),
        ("harbour", "The harbour opened on Monday. Mayor Ada Holm spoke."),
        ("Nobody objected", "Ferries will start in June. Nobody objected."),
        ("euros. It took", "Mayor Ada Holm spoke. The pier cost 12 million euros. It took three years. "
         "Ferries will start in June."),
        (ARTICLE, ARTICLE),
    ],
    ids=["middle", "first", "last", "two sentences", "everything"],
)  # fmt: skip
def test_an_excerpt_is_the_sentence_with_its_neighbours(words: str, expected: str) -> None:
    assert around(make_passage(ARTICLE), *span(ARTICLE, words)).text == expected


def test_an_excerpt_stands_in_its_article() -> None:
    start = ARTICLE.index("Mayor")
    passage = passage_of(ARTICLE, start)
    excerpt = around(passage, *span(passage.text, COST))
    assert ARTICLE[excerpt.start : excerpt.end] == excerpt.text
    assert excerpt.text.startswith("Mayor Ada Holm") and excerpt.start == start
    assert (excerpt.passage_id, excerpt.revision_id, excerpt.title) == (1, 1, passage.title)


def test_a_passage_of_one_sentence_stays_as_it_is() -> None:
    passage = make_passage("The pier cost 12 million euros.", start=40)
    assert around(passage, *span(passage.text, COST)) == passage


@given(st.text(max_size=120), st.data())
def test_excerpts_hold_the_span_and_stand_in_the_article(text: str, data: st.DataObject) -> None:
    article = f"First line here.\n{text}"
    passage = passage_of(article, 17)
    start = data.draw(st.integers(0, max(len(text) - 1, 0)))
    end = data.draw(st.integers(start, len(text)))
    excerpt = around(passage, start, end)
    assert article[excerpt.start : excerpt.end] == excerpt.text
    words = text[start:end].strip()
    assert excerpt.start <= 17 + start + (len(text[start:end]) - len(text[start:end].lstrip())) or not words
    assert words in excerpt.text


# The sentence around a span


def test_the_sentence_around_words_is_whole() -> None:
    start, end = sentence_around(ARTICLE, *span(ARTICLE, COST))
    assert ARTICLE[start:end] == "The pier cost 12 million euros."
    assert sentence_around(ARTICLE, start, end) == (start, end)


def test_words_of_two_sentences_give_both() -> None:
    start, end = sentence_around(ARTICLE, *span(ARTICLE, "euros. It"))
    assert ARTICLE[start:end] == "The pier cost 12 million euros. It took three years."


def test_words_outside_every_sentence_are_all_there_is() -> None:
    assert sentence_around("  \n ", 1, 3) == (1, 3)
    assert sentence_around("", 0, 0) == (0, 0)


# The best few


def test_the_best_passage_comes_first() -> None:
    chosen = excerpts([ARTICLE, "The library lost 1,200 books."], [COST, "1,200"], 10_000)
    assert [retrieved.rank for retrieved in chosen] == [1, 2]
    assert COST in chosen[0].passage.text and "harbour" not in chosen[0].passage.text
    assert chosen[1].passage.text == "The library lost 1,200 books."


def test_ranks_and_scores_are_kept() -> None:
    (chosen,) = excerpts([ARTICLE], [COST], 10_000)
    assert (chosen.rank, chosen.score, chosen.stage, chosen.cosine) == (1, 1.0, "retrieval", 0.5)


def test_characters_are_limited_headers_included() -> None:
    texts = [f"Item {n} has some news." for n in range(5)]
    size = len(texts[0]) + len(passage_header(make_passage("")))
    for num in range(1, 6):
        assert len(excerpts(texts, ["news"] * 5, num * size)) == num
        assert len(excerpts(texts, ["news"] * 5, num * size + size - 1)) == num


@pytest.mark.parametrize("max_chars", [0, 1, 10])
def test_there_is_always_one(max_chars: int) -> None:
    (chosen,) = excerpts([ARTICLE, "The library."], [COST, "library"], max_chars)
    assert COST in chosen.passage.text


def test_the_same_words_are_not_shown_twice() -> None:
    chosen = excerpts(["It is so.", "It is so.", "It was so."], ["so"] * 3, 10_000)
    assert [(retrieved.rank, retrieved.passage.text) for retrieved in chosen] == [(1, "It is so."), (3, "It was so.")]


def test_words_that_are_not_shown_again_take_no_room() -> None:
    texts = ["It is so.", "It is so.", "It is so.", "It was so."]
    size = sum(len(text) + len(passage_header(make_passage(text))) for text in (texts[0], texts[3]))
    assert [retrieved.rank for retrieved in excerpts(texts, ["so"] * 4, size)] == [1, 4]


def test_without_passages_there_are_none() -> None:
    assert best_excerpts([], [], 1000) == []


def test_sentences_are_split_as_the_excerpts_show() -> None:
    assert len(split_sentences(ARTICLE)) == 6
