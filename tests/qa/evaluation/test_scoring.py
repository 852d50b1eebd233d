"""One row for each question: agreement with gold, rank of the gold answer, citations checked against the article."""

from __future__ import annotations

import json
from typing import Any

import pytest

from index.readers import article_from_mapping
from index.types import Article, RetrievedPassage
from qa.evaluation.datasets import EvalQuestion
from qa.evaluation.given import GivenPassages
from qa.evaluation.matching import holds, searchable, searchable_answers
from qa.evaluation.scoring import Row, Timing, failed, left_out, score
from qa.types import Answer, Citation, Models
from tests.fakes import HashEmbedder
from tests.qa.evaluation.helpers import make_row
from tests.qa.helpers import found, make_passage

ARTICLE = "The old town. The pier cost 12 million euros."
PASSAGES = found(
    make_passage("The old town.", number=1),
    make_passage("The pier cost 12 million euros.", number=2, start=14),
)


def make_answer(short: str | None, **values: Any) -> Answer:
    defaults: dict[str, Any] = {
        "outcome": "not_in_articles" if short is None else "answered",
        "confidence": 0.7,
        "citations": (Citation(1, PASSAGES[1], 0, 31),) if short is not None else (),
        "passages": tuple(PASSAGES),
    }
    defaults |= values
    return Answer("Q", "Q", short_answer=short, answer=short or "", models=Models("e", "r", None), **defaults)


def scored(answers: tuple[str, ...], answer: Answer, *, article: str = ARTICLE, **values: Any) -> Row:
    defaults: dict[str, Any] = {"deeper": answer.passages, "seconds": Timing(), "is_answerable": bool(answers)}
    defaults["read"] = [retrieved.passage for retrieved in answer.passages]
    return score(
        EvalQuestion("q", "Q", answers), answer, article_text=lambda retrieved: article, **{**defaults, **values}
    )


@pytest.mark.parametrize(
    ("answers", "short", "em", "f1"),
    [
        (("12 million euros", "twelve"), "The 12 million euros", 1.0, 1.0),
        (("12 million euros",), "12 million", 0.0, 0.8),
        (("12 million euros",), None, 0.0, 0.0),
        ((), None, 1.0, 1.0),
        ((), "12 million euros", 0.0, 0.0),
    ],
)
def test_agreement_is_the_best_over_gold_and_refusing_is_right_without_any(
    answers: tuple[str, ...], short: str | None, em: float, f1: float
) -> None:
    row = scored(answers, make_answer(short))
    assert (row.em, row.f1) == (em, pytest.approx(f1))
    assert row.is_right == (bool(answers) and f1 >= 0.5)


def test_a_kept_away_answer_counts_as_unanswerable_and_keeps_its_gold() -> None:
    row = scored(("12 million euros",), make_answer("12 million euros"), is_answerable=False)
    assert (row.em, row.f1, row.is_right, row.answers) == (0.0, 0.0, False, ("12 million euros",))


def test_gold_is_found_at_its_rank() -> None:
    row = scored(("12 Million euros!",), make_answer(None))
    assert (row.gold_rank, row.gold_rank_deep, row.answer_present, row.num_passages) == (2, 2, True, 2)
    row = scored(("13 million",), make_answer(None, passages=()), deeper=PASSAGES)
    assert (row.gold_rank, row.gold_rank_deep, row.answer_present, row.num_passages) == (None, None, False, 0)
    row = scored(("12 million",), make_answer(None, passages=()), deeper=PASSAGES)
    assert (row.gold_rank, row.gold_rank_deep) == (None, 2)


def test_what_was_read_is_more_than_what_is_returned() -> None:
    answer = make_answer(None, passages=(PASSAGES[0],))
    row = scored(("12 million",), answer, deeper=(), read=[retrieved.passage for retrieved in PASSAGES])
    assert (row.answer_present, row.gold_read, row.num_passages, row.num_read) == (False, True, 1, 2)
    assert not scored(("13 million",), answer, deeper=(), read=[PASSAGES[1].passage]).gold_read


@pytest.mark.parametrize(
    ("text", "answer", "expected"),
    [
        ("It cost 12 million.", "12 million", True),
        ("It cost 312 million.", "12 million", False),
        ("It cost 12 millions.", "12 million", False),
        ("He said “Squid Game” won", "Squid Game", True),
        ("Squid\nGame", "the squid game", True),
        ("Anything at all", "The", False),
        ("", "Ada", False),
        ("Then Mariah Carey’s song came.", "Mariah Carey", True),
        ("Then Mariah Carey's song came.", "Mariah Carey", True),
        ("Mariah Carey sang.", "Mariah Carey’s", False),
        ("At McDonald’s", "McDonald's", True),
        ("At McDonalds", "McDonald's", True),
        ("Old McDonald had a farm.", "McDonald's", False),
        ("a 12-year sentence", "12 year", True),
        ("a 12 year sentence", "12-year", True),
        ("the Russia–Ukraine war", "Ukraine", True),
        ("a COVID-19 test", "covid19", True),
        ("minus -5", "5", True),
        ("Harry‑Potter", "Harry Potter", True),
    ],
)
def test_gold_stands_in_a_text_as_whole_words(text: str, answer: str, expected: bool) -> None:
    assert holds(searchable(text), searchable_answers([answer])) is expected


@pytest.mark.parametrize(("short", "agrees"), [("12 million", True), ("Ada Holm", False), (None, False)])
def test_an_answer_may_agree_with_a_gold_that_was_kept_away(short: str | None, agrees: bool) -> None:
    row = scored(("12 million euros",), make_answer(short), is_answerable=False)
    assert row.agrees_with_gold is agrees
    assert not row.is_right
    assert not scored((), make_answer("Ada Holm")).agrees_with_gold


def test_only_what_was_asked_and_not_answered_is_refused() -> None:
    question = EvalQuestion("q", "Q", ("A",), group="paragraph")
    assert make_row("a", outcome="not_in_articles").is_refused
    assert make_row("a", outcome="no_articles").is_refused
    assert not make_row("a").is_refused
    assert not failed(question, "too long", is_answerable=True).is_refused
    row = left_out(question, "bare_number")
    assert not row.is_refused and not row.is_answered
    assert (row.left_out, row.error, row.group, row.is_answerable) == ("bare_number", None, "paragraph", False)
    assert Row.from_json(json.loads(json.dumps(row.to_json()))) == row


def test_citations_are_checked_against_the_article() -> None:
    whole = scored(("x",), make_answer("12 million euros"))
    assert (whole.num_citations, whole.num_verbatim) == (1, 1)
    shifted = scored(("x",), make_answer("12 million euros"), article=f" {ARTICLE}")
    assert (shifted.num_citations, shifted.num_verbatim) == (1, 0)
    empty = make_answer("12 million euros", citations=(Citation(1, PASSAGES[0], 0, 0),))
    assert scored(("x",), empty).num_verbatim == 0


def test_a_row_survives_json() -> None:
    row = make_row("a", answers=("A", "B"), signals={"yes_no": 1.5}, week="20240105", seconds=Timing(total=1.0))
    assert Row.from_json(json.loads(json.dumps(row.to_json()))) == row
    error = failed(EvalQuestion("b", "Q", ("A",)), "too long", is_answerable=True)
    assert Row.from_json(json.loads(json.dumps(error.to_json()))) == error
    assert (error.outcome, error.em, error.is_answered) == ("error", 0.0, False)


def articles(*texts: str) -> list[Article]:
    made = [article_from_mapping({"text": text}, "x") for text in texts]
    return [article for article in made if isinstance(article, Article)]


def test_given_passages_are_whole_and_ranked_by_closeness() -> None:
    long = "The harbour was quiet. " * 300
    given = GivenPassages(HashEmbedder()).retrieved(
        "Who built the red pier?", articles(long, "Ada built the red pier.")
    )
    assert [retrieved.passage.text for retrieved in given] == ["Ada built the red pier.", long.strip()]
    assert [retrieved.rank for retrieved in given] == [1, 2]
    assert given[0].cosine > given[1].cosine
    assert len({retrieved.passage.passage_id for retrieved in given}) == 2
    for retrieved in given:
        passage = retrieved.passage
        assert (passage.start, passage.end) == (0, len(passage.text))


def test_a_paragraph_is_embedded_once_for_all_its_questions() -> None:
    embedder = HashEmbedder()
    given, paragraph = GivenPassages(embedder), articles("Ada built the red pier.")
    first: list[RetrievedPassage] = given.retrieved("Who?", paragraph)
    assert given.retrieved("Who?", paragraph) == first
    assert len(embedder.embedded) == 1
    assert given.retrieved("Who?", []) == []


@pytest.mark.parametrize("key", ["question_id", "answers", "group", "gold_read", "left_out", "error", "seconds"])
def test_a_row_that_lacks_a_value_is_refused(key: str) -> None:
    values = make_row("a").to_json()
    del values[key]
    with pytest.raises(KeyError, match=key):
        Row.from_json(values)


def test_a_row_that_lacks_a_time_is_refused() -> None:
    values = make_row("a").to_json()
    del values["seconds"]["retrieve"]
    with pytest.raises(KeyError, match="retrieve"):
        Row.from_json(values)
