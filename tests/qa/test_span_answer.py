"""How readings become one answer: odds that add up, what is taken off, and what retrieval brings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.types import RetrievedPassage
from qa.evidence import Reading, ScoredSpan
from qa.metrics import normalise
from qa.span_answer import EvidenceWeights, SpanAnswer, choose_answer, priors, rank_by_evidence, tidy_span
from tests.qa.helpers import found, make_passage

QUESTION = "Who opened the pier?"
PLAIN = EvidenceWeights(retrieval=0.0, echo=0.0, misfit=0.0)


def passages(*texts: str, scores: Sequence[float] | None = None) -> list[RetrievedPassage]:
    """As retrieved, all with score 1 unless ``scores`` say otherwise."""
    retrieved = found(*[make_passage(text, number=number) for number, text in enumerate(texts, start=1)])
    return [replace(r, score=s) for r, s in zip(retrieved, scores or [1.0] * len(texts), strict=True)]


def read(passage: RetrievedPassage, *answers: tuple[str, float], relevance: float | None = None) -> Reading:
    """Each answer, with its log-odds, where it first stands in the passage."""
    places = [(passage.passage.text.index(words), words, log_odds) for words, log_odds in answers]
    spans = tuple(ScoredSpan(start, start + len(words), log_odds) for start, words, log_odds in places)
    return Reading(max(log_odds for _, _, log_odds in places) if relevance is None else relevance, spans)


def chosen(
    question: str,
    retrieved: Sequence[RetrievedPassage],
    readings: Sequence[Reading],
    weights: EvidenceWeights = PLAIN,
) -> SpanAnswer:
    answer = choose_answer(question, retrieved, readings, priors(retrieved, weights), weights)
    assert answer is not None
    return answer


# Agreement


def test_odds_of_the_same_words_are_summed() -> None:
    some = passages("Ada Holm opened it.", "It was the ADA HOLM!", "Tom Reyes opened it.")
    readings = [read(some[0], ("Ada Holm", 0.0)), read(some[1], ("the ADA HOLM!", 0.5)), read(some[2], ("Tom", 0.7))]
    answer = chosen(QUESTION, some, readings)
    assert normalise(answer.text) == "ada holm"
    assert answer.log_odds == pytest.approx(math.log(math.exp(0.0) + math.exp(0.5)))
    assert answer.margin == pytest.approx(answer.log_odds - 0.7)
    assert answer.num_passages == 2


def test_a_much_better_single_answer_outweighs_agreement() -> None:
    some = passages("Ada Holm.", "Ada Holm.", "Tom Reyes.")
    readings = [read(some[0], ("Ada", -1.0)), read(some[1], ("Ada", -1.0)), read(some[2], ("Tom", 2.0))]
    assert chosen(QUESTION, some, readings).text == "Tom"


def test_the_answer_stands_where_it_is_best_supported() -> None:
    some = passages("Ada Holm opened it.", "It was opened by Ada Holm.")
    readings = [read(some[0], ("Ada Holm", 0.0)), read(some[1], ("Ada Holm", 1.0))]
    answer = chosen(QUESTION, some, readings)
    assert answer.retrieved == some[1]
    assert some[1].passage.text[answer.start : answer.end] == "Ada Holm"


def test_two_places_in_one_passage_both_count_but_it_is_one_passage() -> None:
    (some,) = passages("Holm came. Holm left.")
    reading = Reading(1.0, (ScoredSpan(0, 4, 0.0), ScoredSpan(11, 15, 0.0)))
    answer = chosen(QUESTION, [some], [reading])
    assert answer.log_odds == pytest.approx(math.log(2))
    assert answer.num_passages == 1


def test_the_only_answer_leads_by_the_most_there_is() -> None:
    (some,) = passages("Holm came.")
    assert chosen(QUESTION, [some], [read(some, ("Holm", -9.0))]).margin == 10.0


def test_lead_is_cut_off() -> None:
    (some,) = passages("Holm came.")
    assert chosen(QUESTION, [some], [read(some, ("Holm", 30.0), ("came", -30.0))]).margin == 10.0


@pytest.mark.parametrize("log_odds", [1e6, -1e6])
def test_extreme_odds_do_not_overflow(log_odds: float) -> None:
    some = passages("Holm came.", "Holm left.")
    answer = chosen(QUESTION, some, [read(one, ("Holm", log_odds)) for one in some])
    assert answer.log_odds == pytest.approx(log_odds + math.log(2))


def test_no_passages_no_answer() -> None:
    assert choose_answer(QUESTION, [], [], [], EvidenceWeights()) is None


def test_spans_of_punctuation_and_articles_alone_are_no_answers() -> None:
    (some,) = passages("The … Holm (!) came.")
    spans = [read(some, (words, 5.0)) for words in ("The", "…", "(!)")]
    assert [choose_answer(QUESTION, [some], [reading], [0.0], PLAIN) for reading in spans] == [None, None, None]
    assert chosen(QUESTION, [some], [read(some, ("The …", 5.0), ("Holm", -5.0))]).text == "Holm"


# What is taken off


def test_a_span_that_only_repeats_the_question_costs() -> None:
    (some,) = passages("The opening of the pier by Holm.")
    reading = read(some, ("the pier", 2.0), ("Holm", 0.0))
    weights = replace(PLAIN, echo=3.0)
    assert chosen(QUESTION, [some], [reading]).text == "the pier"
    assert chosen(QUESTION, [some], [reading], weights).text == "Holm"
    assert chosen(QUESTION, [some], [reading], weights).margin == pytest.approx(1.0)


def test_a_span_that_adds_a_word_to_the_question_costs_nothing() -> None:
    (some,) = passages("The pier of Lindby, by Holm.")
    reading = read(some, ("pier of Lindby", 2.0), ("Holm", 0.0))
    assert chosen(QUESTION, [some], [reading], replace(PLAIN, echo=3.0)).text == "pier of Lindby"


@pytest.mark.parametrize(
    ("question", "misfit", "fit"),
    [("When did the pier open?", "Ada Holm", "Monday"), ("How much did it cost?", "Ada Holm", "12 million euros")],
)
def test_a_span_of_another_kind_than_asked_for_costs(question: str, misfit: str, fit: str) -> None:
    (some,) = passages("On Monday Ada Holm said it cost 12 million euros.")
    reading = read(some, (misfit, 2.0), (fit, 0.0))
    assert chosen(question, [some], [reading]).text == misfit
    assert chosen(question, [some], [reading], replace(PLAIN, misfit=3.0)).text == fit


def test_costs_add_up_and_change_no_odds() -> None:
    (some,) = passages("The opening, said Holm on Monday.")
    reading = read(some, ("The opening", 6.0), ("Monday", 1.0))
    answer = chosen("When was the opening?", [some], [reading], replace(PLAIN, echo=3.0, misfit=3.0))
    assert answer.text == "Monday"
    assert (answer.log_odds, answer.margin) == pytest.approx((1.0, 1.0))
    kept = chosen("When was the opening?", [some], [reading], replace(PLAIN, echo=2.0, misfit=2.0))
    assert kept.text == "The opening"
    assert (kept.log_odds, kept.margin) == pytest.approx((6.0, 1.0))


# What retrieval brings


def test_priors_are_counted_from_the_best_passage() -> None:
    some = passages("a", "b", "c", scores=[0.4, 0.9, 0.4])
    assert priors(some, EvidenceWeights(retrieval=4.0)) == pytest.approx([-2.0, 0.0, -2.0])
    assert priors([], EvidenceWeights()) == []


def test_a_prior_decides_between_equal_readings_and_is_not_part_of_the_odds() -> None:
    some = passages("Ada Holm.", "Tom Reyes.", scores=[0.5, 1.0])
    readings = [read(some[0], ("Ada", 1.0)), read(some[1], ("Tom", 1.0))]
    answer = chosen(QUESTION, some, readings, replace(PLAIN, retrieval=4.0))
    assert answer.text == "Tom"
    assert (answer.log_odds, answer.margin) == pytest.approx((1.0, 2.0))


def test_the_place_that_is_quoted_counts_the_prior_too() -> None:
    some = passages("Ada Holm came.", "Ada Holm left.", scores=[0.0, 1.0])
    readings = [read(some[0], ("Ada", 2.0)), read(some[1], ("Ada", 1.0))]
    assert chosen(QUESTION, some, readings, replace(PLAIN, retrieval=4.0)).retrieved == some[1]


def test_this_weeks_article_is_likelier_as_seen_from_the_day_of_the_question() -> None:
    days = ["2022-10-25", "2022-10-18", None]
    some = [
        replace(r, passage=replace(r.passage, published_at=d))
        for r, d in zip(passages("a", "b", "c"), days, strict=True)
    ]
    weights = replace(PLAIN, recency=2.0, half_life_days=7.0)
    assert priors(some, weights, date(2022, 10, 25)) == pytest.approx([0.0, -1.0, -2.0])
    assert priors(some, weights) == [0.0, 0.0, 0.0]


def test_of_two_answers_the_newer_one_stands_when_a_day_is_given() -> None:
    old, new = passages("Liz Truss became prime minister.", "Rishi Sunak became prime minister.")
    old = replace(old, passage=replace(old.passage, published_at="2022-09-06"))
    new = replace(new, passage=replace(new.passage, published_at="2022-10-25"))
    readings = [read(old, ("Liz Truss", 1.5)), read(new, ("Rishi Sunak", 1.0))]
    weights = EvidenceWeights(retrieval=0.0)
    for reference, expected in ((date(2022, 10, 26), "Rishi Sunak"), (None, "Liz Truss")):
        answer = choose_answer(QUESTION, [old, new], readings, priors([old, new], weights, reference), weights)
        assert answer is not None and answer.text == expected


# Ranking


def test_passages_are_ranked_by_relevance_and_prior() -> None:
    some = passages("a", "b", "c", scores=[1.0, 0.5, 0.9])
    readings = [Reading(value, (ScoredSpan(0, 1, value),)) for value in (0.0, 1.9, 1.0)]
    ranked, read_in_order = rank_by_evidence(some, readings, priors(some, replace(PLAIN, retrieval=4.0)))
    # 0 + 0, 1.9 - 2 and 1 - 0.4
    assert [retrieved.passage.text for retrieved in ranked] == ["c", "a", "b"]
    assert [retrieved.score for retrieved in ranked] == pytest.approx([1 / (1 + math.exp(-x)) for x in (0.6, 0, -0.1)])
    assert [retrieved.rank for retrieved in ranked] == [1, 2, 3]
    assert {retrieved.stage for retrieved in ranked} == {"evidence"}
    assert read_in_order == [readings[2], readings[0], readings[1]]
    assert [(r.cosine, r.bm25) for r in ranked] == [(0.5, 1.0)] * 3


def test_equal_passages_keep_the_order_of_retrieval() -> None:
    some = passages("a", "b", "c")
    readings = [Reading(1.0, (ScoredSpan(0, 1, 1.0),))] * 3
    ranked, _ = rank_by_evidence(some, readings, priors(some, PLAIN))
    assert [retrieved.passage.text for retrieved in ranked] == ["a", "b", "c"]


@pytest.mark.parametrize("relevance", [1e6, -1e6, 750.0, -750.0])
def test_scores_stay_probabilities_whatever_the_odds(relevance: float) -> None:
    some = passages("a", "b", scores=[1.0, 0.0])
    ranked, _ = rank_by_evidence(some, [Reading(relevance, (ScoredSpan(0, 1, relevance),))] * 2, [0.0, -5.0])
    assert [retrieved.passage.text for retrieved in ranked] == ["a", "b"]
    assert all(0.0 <= retrieved.score <= 1.0 for retrieved in ranked)


def test_nothing_is_ranked_without_complaint() -> None:
    assert rank_by_evidence([], [], []) == ([], [])


def test_choosing_does_not_depend_on_the_order_of_passages() -> None:
    some = passages("Ada Holm.", "Ada Holm again.", "Tom Reyes.", scores=[0.2, 1.0, 0.7])
    readings = [read(some[0], ("Ada Holm", 1.0)), read(some[1], ("Ada Holm", 0.3)), read(some[2], ("Tom", 1.2))]
    forwards = chosen(QUESTION, some, readings, EvidenceWeights())
    backwards = chosen(QUESTION, some[::-1], readings[::-1], EvidenceWeights())
    assert forwards.retrieved == backwards.retrieved
    assert (forwards.log_odds, forwards.margin) == pytest.approx((backwards.log_odds, backwards.margin))


# Tidying


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ("Ada Holm", "Ada Holm"),
        ("Ada\n  Holm,", "Ada Holm"),
        ("“Squid Game”", "Squid Game"),
        ("(Ada Holm)", "Ada Holm"),
        ("the U.S.", "the U.S."),
        ("$5.5 billion;", "$5.5 billion"),
        ("‘Dune’:", "Dune"),
        ("-5 degrees", "-5 degrees"),
        ("40%", "40%"),
        ("", ""),
    ],
)
def test_a_span_is_tidied(span: str, expected: str) -> None:
    assert tidy_span(span) == expected


@pytest.mark.parametrize("span", ["the International Space Station (ISS)", "“Dune” and “Alien”", "“Dune” (1984)"])
def test_a_mark_whose_partner_stays_stays(span: str) -> None:
    assert tidy_span(span) == span


@given(st.text(max_size=30))
def test_tidying_changes_no_word(span: str) -> None:
    tidied = tidy_span(span)
    assert normalise(tidied).split() == normalise(span).split()
    assert "\n" not in tidied
    assert tidy_span(tidied) == tidied
