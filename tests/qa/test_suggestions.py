"""Suggested questions: made of the evidence, grammatical, not asked already, and none rather than a bad one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.readers import read_path
from index.sentences import split_sentences
from index.types import Article, make_article
from qa.people_questions import Around, questions_about_people
from qa.sentence_questions import questions_of
from qa.suggestions import NUM_SUGGESTIONS, suggestions
from qa.types import Answer
from qa.verbs import BASE_FORMS
from tests.qa.kept_answers import bridge_answer, cited, found

SAMPLES = [item for item in read_path(Path(__file__).parents[2] / "articles") if isinstance(item, Article)]
NAMES = frozenset(["Finland", "Argentina", "Acme", "Xiaomi", "Messi", "Biden", "Karikó"])


@pytest.mark.parametrize(
    ("sentence", "question", "answer"),
    [
        ("Finland joined NATO on Tuesday 4 April 2023.", "When did Finland join NATO?", "on Tuesday 4 April 2023"),
        ("On 4 May 2023, Finland joined NATO.", "When did Finland join NATO?", "on 4 May 2023"),
        ("Karikó was born in 1955 in Szolnok, Hungary.", "When was Karikó born?", "in 1955"),
        ("Acme paid $3 million for the Aurel bridge.", "How much did Acme pay for the Aurel bridge?", "$3 million"),
        ("Argentina won three titles in the Copa Libertadores.", None, "three titles"),
        (
            "Messi scored the decisive penalty against France.",
            "Who scored the decisive penalty against France?",
            "Messi",
        ),
        ("The Aurel bridge was designed by Ina Holt.", "Who designed the Aurel bridge?", "Ina Holt"),
        ("Acme bought the Aurel ferry because Borda went bankrupt.", None, "Borda went bankrupt"),
    ],
)
def test_a_sentence_is_asked_for_what_it_says(sentence: str, question: str | None, answer: str) -> None:
    made = {one.question: one.answer for one in questions_of(sentence, NAMES)}
    if question is not None:
        assert made[question] == answer
    else:
        assert answer in made.values()


@pytest.mark.parametrize(
    "sentence",
    [
        "He joined NATO on 4 May 2023.",
        "Officials closed the Aurel bridge on 4 May 2023.",
        "Acme said it sold the Aurel bridge on 4 May 2023.",
        "Acme founded in 1999 won the Aurel prize.",
        "Finland joined it in 2023.",
        "Then Messi scored in 2022.",
        "Will Finland join NATO in 2023?",
        "The company sold its bridge on 4 May 2023.",
        "Acme appealed to the Trademark Trial and Appeal Board in 2020.",
        "Finland's joined NATO in 2023.",
        "",
        "Finland",
        "joined NATO in 2023",
    ],
)
def test_an_unclear_sentence_makes_no_question(sentence: str) -> None:
    assert questions_of(sentence, NAMES) == []


@pytest.mark.parametrize(
    ("sentence", "question"),
    [
        ("Kremlin spokesman Dmitry Peskov said that it was so.", "What does Kremlin spokesman Dmitry Peskov say?"),
        ("“It is open,” said Ina Holt, the mayor of Aurel.", "What does Ina Holt, the mayor of Aurel, say?"),
        ("Karen Bass, the mayor of Los Angeles, received the flag.", "Who is Karen Bass?"),
        ("A coach, Cincinnati Bengals, said no.", None),
        ("Getty Images photographer Environment Tasmania said no.", None),
        ("Ina Holt said that it was so.", None),
    ],
)
def test_people_are_asked_about_when_the_sentence_says_who_they_are(sentence: str, question: str | None) -> None:
    around = Around.of([sentence, "the Bengals of the environment"])
    assert [made.question for made in questions_about_people(sentence, around)] == ([question] if question else [])


def test_suggestions_come_from_other_sentences_than_the_quoted_ones() -> None:
    text = "Finland joined NATO on 4 April 2023. Sweden joined NATO on 7 March 2024. So NATO grew, and Sweden was glad."
    article = make_article(text, title="Two new members")
    answer = bridge_answer(
        "How many members are there?", citations=(cited(found(article), "Finland joined NATO on 4 April 2023."),),
        passages=(found(article),),
    )  # fmt: skip
    assert [made.question for made in suggestions(answer)] == ["When did Sweden join NATO?"]
    assert suggestions(answer, ["When was it that Sweden joined NATO?"]) == []


def answers() -> list[Answer]:
    """One over each pair of sample articles, resting on the first sentence of the first."""
    made = []
    for first, second in zip(SAMPLES, SAMPLES[1:], strict=False):
        sentence = split_sentences(first.text)[0]
        passage = found(first, 1)
        quote = cited(passage, first.text[sentence.start : sentence.end])
        made.append(
            bridge_answer(f"What about {first.title}?", citations=(quote,), passages=(passage, found(second, 2)))
        )
    return made


def test_suggestions_over_the_sample_articles() -> None:
    offered = [suggestions(answer) for answer in answers()]
    assert sum(bool(some) for some in offered) >= 8
    for some, answer in zip(offered, answers(), strict=True):
        assert len(some) <= NUM_SUGGESTIONS
        assert len({made.question for made in some}) == len(some)
        texts = " ".join(" ".join(retrieved.passage.text.split()) for retrieved in answer.passages)
        for made in some:
            assert made.question.endswith("?") and made.question[0].isupper()
            assert made.answer in texts or made.answer.lower() in texts.lower()
            # Nothing stands in a question but words of the articles and of asking.
            words = made.question.rstrip("?").split()
            assert all(word.strip(",").lower()[:4] in texts.lower() or word in ASKING | BASES for word in words)


BASES = frozenset(BASE_FORMS.values())
ASKING = {"When", "Who", "What", "How", "Why", "did", "does", "was", "were", "is", "say", "take", "much", "many"}


@given(st.text(max_size=300), st.text(max_size=60))
def test_any_text_is_read_without_an_error(text: str, name: str) -> None:
    questions_of(text, frozenset([name]))
    questions_about_people(f"{name} said {text}", Around.of([text]))


@pytest.mark.parametrize(
    "piece", ["A", "A ", "Aa ", "Aa, ", "the ", "Aa-Bb’s ", "president of Aa ", "1,", "said Aa Bb, "]
)
def test_long_repetitions_take_no_long_time(piece: str) -> None:
    sentence = piece * 2000
    questions_of(f"Acme sold {sentence}", NAMES)
    questions_of(sentence, NAMES)
    questions_about_people(sentence, Around.of([sentence]))
