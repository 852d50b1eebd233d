"""Groups made from made-up news of three weeks, found by the real word search."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date

import pytest

from index.chunker import Chunker, ChunkerSettings
from index.types import Article, make_article
from qa.evidence_training.groups import Group, find_answer
from qa.evidence_training.mining import passages_of, searchable
from qa.evidence_training.news_groups import QuizQuestion, Search, cloze_groups, cloze_questions, quiz_groups

CHUNKER = Chunker(lambda texts: [len(text.split()) for text in texts], ChunkerSettings(min_tokens=8, max_tokens=60))
WEEKS = ["20240105", "20240112", "20240119"]
COST = QuizQuestion("What did the new pier of Lindby cost?", ("12 million euros",), date(2024, 1, 12), WEEKS[1])

NEAR = "The new pier of Lindby was opened today. It cost 12 million euros, the mayor said. Ferries will start in June."
FAR = (
    "The pier of Lindby is new. The sea was calm. Nobody was seen there. The wind blew all day. "
    "A house in Norwick was sold for 12 million euros."
)
WITHOUT = "The new pier of Lindby was dear, but nobody knows what it cost. Lindby has other worries, its people say."


def article(text: str, *, title: str = "News", day: str = "2024-01-10") -> Article:
    return make_article(text, title=title, published_at=day)


@contextmanager
def searching(articles: Sequence[Article]) -> Iterator[Search]:
    with searchable(passages_of(articles, CHUNKER)) as search:
        yield search


def quiz(articles: Sequence[Article], question: QuizQuestion = COST, weeks: Sequence[str] | None = None) -> list[Group]:
    """Groups of one question; all articles are of its week unless ``weeks`` say otherwise."""
    with searching(articles) as search:
        return list(quiz_groups([question], weeks or [WEEKS[1]] * len(articles), search))


def texts(group: Group) -> tuple[list[str], list[str]]:
    return [context.text for context in group.positives], [context.text for context in group.negatives]


# Passages


def test_passages_stand_in_their_articles() -> None:
    articles = [article(NEAR), article(" ".join([NEAR, FAR, WITHOUT] * 4))]
    passages = list(passages_of(articles, CHUNKER))
    assert len(passages) > 3
    assert len({passage.passage_id for passage in passages}) == len(passages)
    for passage in passages:
        assert articles[passage.revision_id].text[passage.start : passage.end] == passage.text


def test_the_search_gives_the_best_first_and_at_most_so_many() -> None:
    with searching([article(WITHOUT), article(NEAR), article("Nothing at all."), article(FAR)]) as search:
        found = search("pier of Lindby", 2)
        assert len(found) == 2
        assert found[0][1] >= found[1][1] > 0
        assert search("absent words only", 5) == []


# Quizzes


def test_a_passage_with_the_answer_near_the_questions_words_is_positive() -> None:
    (group,) = quiz([article(NEAR), article(WITHOUT)])
    assert (group.question, group.kind) == (COST.question, "news-quiz")
    assert texts(group) == ([NEAR], [WITHOUT])
    assert [NEAR[start:end] for start, end in group.positives[0].spans] == ["12 million euros"]


def test_a_passage_with_the_answer_far_from_the_questions_words_is_neither() -> None:
    (group,) = quiz([article(NEAR), article(FAR), article(WITHOUT)])
    assert texts(group) == ([NEAR], [WITHOUT])


def test_the_title_counts_as_near() -> None:
    (group,) = quiz([article(FAR, title="New pier of Lindby")])
    assert texts(group) == ([FAR], [])


def test_only_the_spans_that_are_near_count() -> None:
    text = f"{NEAR} The wind blew all day. Nobody was seen there. A house was sold for 12 million euros."
    (group,) = quiz([article(text)])
    assert [span[0] for span in group.positives[0].spans] == [text.index("12 million")]


def test_the_answers_own_words_do_not_make_it_near() -> None:
    question = QuizQuestion("Who is Ada Holm of Lindby?", ("Ada Holm",), date(2024, 1, 12), WEEKS[1])
    text = "Then Ada Holm came in and sat down among the guests for a while."
    (group,) = quiz(
        [article(text), article("The harbour of Lindby is empty in winter, say all who live there.")], question
    )
    assert group.kind == "news-quiz-absent"
    assert text not in texts(group)[1]


def test_no_article_of_a_later_week_is_seen() -> None:
    later = NEAR.replace("Ferries", "Big ferries")
    (group,) = quiz([article(later), article(WITHOUT)], weeks=[WEEKS[2], WEEKS[0]])
    assert texts(group) == ([], [WITHOUT])
    assert group.kind == "news-quiz-absent"
    assert quiz([article(later)], weeks=[WEEKS[2]]) == []


def test_every_answer_of_the_question_counts() -> None:
    question = QuizQuestion(COST.question, ("12 million euros", "15 million euros"), COST.as_of, COST.week)
    dearer = NEAR.replace("12 million", "15 million")
    (group,) = quiz([article(NEAR), article(dearer)], question)
    assert sorted(texts(group)[0]) == sorted([NEAR, dearer])


@pytest.mark.parametrize("answer", ["True", "All of the above.", "yes", "Neither"])
def test_questions_whose_answer_is_no_span_are_left_out(answer: str) -> None:
    assert quiz([article(NEAR)], QuizQuestion(COST.question, ("12 million", answer), COST.as_of, COST.week)) == []


def test_a_passage_whose_title_names_the_answer_is_no_negative() -> None:
    (group,) = quiz([article(NEAR), article(WITHOUT, title="A pier for 12 million euros")])
    assert texts(group) == ([NEAR], [])


def test_negatives_hold_no_answer_and_contexts_are_few() -> None:
    some = [article(NEAR.replace("June", f"June {n}"), day=f"2024-01-{n:02d}") for n in range(1, 10)]
    others = [article(WITHOUT.replace("people", f"{n} people")) for n in range(10, 30)]
    (group,) = quiz([*some, *others])
    assert (len(group.positives), len(group.negatives)) == (4, 10)
    assert not any(find_answer(context.text, COST.answers[0]) for context in group.negatives)


def test_of_like_articles_those_of_the_questions_days_come_first() -> None:
    days = ["2024-01-02", "2024-01-12", "2023-01-12", "2024-01-11", "2023-12-12", "2024-01-10", "2024-01-09"]
    some = [article(NEAR.replace("June", f"June {n}"), day=day) for n, day in enumerate(days)]
    (group,) = quiz(some)
    numbers = [re.findall(r"June (\d)", context.text)[0] for context in group.positives]
    assert numbers == ["1", "3", "5", "6"]


def test_a_question_without_candidates_makes_no_group() -> None:
    assert quiz([article("Nothing of the kind.")]) == []


# Cloze


LEAD = "Acme Motors has bought the car factory of Korsund for a price that nobody would tell."
OTHER = "For weeks it was expected: the car factory of Korsund was bought by Acme Motors for a price not told."


def test_a_leading_sentence_is_asked_for_its_subject() -> None:
    ((number, question, answer),) = cloze_questions([article(f"{LEAD} More follows.")], seed=1)
    assert (number, answer) == (0, "Acme Motors")
    assert question.endswith(" has bought the car factory of Korsund for a price that nobody would tell?")
    assert re.match(r"(Who|What|Which)\b", question)
    assert "Acme" not in question


@pytest.mark.parametrize(
    "text",
    [
        "He has bought the car factory of Korsund for a price that nobody would tell.",
        "This has been the car factory of Korsund for a time that nobody would tell.",
        "Acme has bought it.",
        "“We have bought the car factory of Korsund for a price,” he said, and left at once.",
        "acme motors has bought the car factory of Korsund for a price that nobody would tell.",
        "",
    ],
)
def test_pronouns_short_sentences_and_quotes_are_not_asked_for(text: str) -> None:
    assert list(cloze_questions([article(text)], seed=1)) == []


def test_each_article_is_asked_of_once_and_the_seed_decides_how() -> None:
    articles = [article(f"{LEAD} Beta Works has sold the old shipyard of Lindby to the town for nothing.")] * 2
    made = list(cloze_questions(articles, seed=1))
    assert [number for number, _, _ in made] == [0, 1]
    assert made == list(cloze_questions(articles, seed=1))
    assert len({tuple(cloze_questions(articles, seed=seed)) for seed in range(20)}) > 1


def cloze(*articles: Article) -> list[Group]:
    with searching(articles) as search:
        return list(cloze_groups(articles, [WEEKS[0]] * len(articles), search, seed=1, before="99999999"))


def test_the_answer_is_looked_for_in_other_articles() -> None:
    (group,) = cloze(article(LEAD, title="Lead"), article(OTHER, title="Other"), article(WITHOUT))
    assert group.kind == "news-cloze"
    assert [context.title for context in group.positives] == ["Other"]
    assert [OTHER[a:b] for context in group.positives for a, b in context.spans] == ["Acme Motors"]
    assert all(context.text != LEAD for context in group.contexts)


def test_a_copy_of_the_article_is_no_other_article() -> None:
    assert cloze(article(LEAD, title="Lead"), article(LEAD, title="Copy", day="2024-01-11")) == []


def test_what_no_other_article_tells_makes_no_group() -> None:
    assert cloze(article(LEAD), article("The car factory of Korsund has a price that nobody would tell.")) == []


def test_articles_of_the_weeks_held_out_are_no_contexts() -> None:
    articles = [article(LEAD, title="Lead"), article(OTHER, title="Other"), article(WITHOUT)]
    with searching(articles) as search:
        assert list(cloze_groups(articles, [WEEKS[0], WEEKS[2], WEEKS[0]], search, seed=1, before=WEEKS[2])) == []
        assert list(cloze_groups(articles, [WEEKS[0], WEEKS[1], WEEKS[0]], search, seed=1, before=WEEKS[2])) != []


def test_a_page_that_prints_the_quiz_is_no_context() -> None:
    quiz_page = "What did the new pier of Lindby cost? A. 12 million euros B. 3 million euros C. Nothing at all."
    (group,) = quiz([article(NEAR), article(quiz_page), article(WITHOUT)])
    assert texts(group) == ([NEAR], [WITHOUT])
