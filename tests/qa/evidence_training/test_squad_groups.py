"""Groups made from a made-up file in SQuAD's format."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from qa.evidence_training.groups import Context, Group, find_answer
from qa.evidence_training.squad_groups import read_squad, split_by_article, squad_groups

pytestmark = pytest.mark.slow

PIER = (
    "The harbour of Lindby opened a pier on Monday. The pier of Lindby cost 12 million euros. Mayor Ada Holm said that "
    "ferries to Korsund will start in June, if the weather is fair and the sea is calm."
)
RIVAL = "The pier of Korsund is older. What the pier of Korsund cost nobody in Korsund knows, and few want to know."
ALSO = "Another pier cost 12 million euros too, and the pier is not even half as long as that of Lindby."
BOOKS = "The library of Norwick lost 1,200 books in a flood, and its cellar is still wet."


def question(text: str, context: str, *answers: str) -> dict[str, Any]:
    given = [{"text": answer, "answer_start": context.index(answer)} for answer in answers]
    return {"id": text, "question": text, "answers": given, "is_impossible": not answers}


COST, WHEN, WHO = "What did the pier of Lindby cost?", "When will the ferries stop?", " Who is the mayor of Lindby? "
ARTICLES: list[dict[str, Any]] = [
    {
        "title": "Lindby_(town)",
        "paragraphs": [
            {
                "context": PIER,
                "qas": [
                    question(COST, PIER, "12 million euros", "12 million", "12 million euros"),
                    question(WHEN, PIER),
                    question(WHO, PIER, "Ada Holm"),
                ],
            },
            {"context": RIVAL, "qas": []},
            {"context": ALSO, "qas": []},
        ],
    },
    {"title": "Norwick", "paragraphs": [{"context": BOOKS, "qas": [question("How many books?", BOOKS, "1,200")]}]},
]


def groups(*, deceptive: bool = False, seed: int = 7) -> list[Group]:
    return list(squad_groups(ARTICLES, "squad", seed, deceptive=deceptive))


def group_of(asked: str) -> Group:
    (group,) = (group for group in groups() if group.question == asked.strip())
    return group


def test_every_question_makes_one_group() -> None:
    assert [(group.question, group.kind) for group in groups()] == [
        (COST, "squad"),
        (WHEN, "squad-unanswerable"),
        (WHO.strip(), "squad"),
        ("How many books?", "squad"),
    ]


def test_the_own_paragraph_comes_first_with_every_gold_span_once() -> None:
    own = group_of(COST).contexts[0]
    assert (own.title, own.text) == ("Lindby (town)", PIER)
    assert [PIER[start:end] for start, end in own.spans] == ["12 million euros", "12 million"]
    assert group_of(COST).positives == [own]


def test_negatives_hold_no_gold_answer() -> None:
    for group in groups():
        for gold in {group.contexts[0].text[a:b] for a, b in group.contexts[0].spans}:
            assert not any(find_answer(context.text, gold) for context in group.negatives)
    texts = [context.text for context in group_of(COST).negatives]
    assert RIVAL in texts
    assert ALSO not in texts and PIER not in texts


def test_the_own_paragraph_without_its_answer_is_a_negative() -> None:
    shortened = group_of(COST).negatives[-1]
    assert shortened.title == "Lindby (town)"
    assert shortened.text == PIER.replace("The pier of Lindby cost 12 million euros. ", "")


def test_a_paragraph_of_the_answer_alone_leaves_no_negative_of_its_own() -> None:
    assert all(context.text != "" and "1,200" not in context.text for context in group_of("How many books?").negatives)


def test_an_unanswerable_question_is_asked_of_its_own_paragraph_alone() -> None:
    assert group_of(WHEN).contexts == (Context("Lindby (town)", PIER),)


def test_deceptive_questions_make_groups_of_their_own_without_an_answer() -> None:
    made = [group for seed in range(20) for group in groups(deceptive=True, seed=seed)]
    deceptive = [group for group in made if group.kind == "squad-deceptive"]
    assert deceptive
    asked = {group.question for group in groups()}
    for group in deceptive:
        assert group.question not in asked
        assert len(group.contexts) == 1 and not group.positives
        assert group.contexts[0].text in (PIER, BOOKS)
    assert [group for group in made if group.kind != "squad-deceptive"] == groups() * 20


def test_the_same_seed_makes_the_same_groups() -> None:
    assert groups(deceptive=True, seed=3) == groups(deceptive=True, seed=3)


# Splits


TITLES = [{"title": f"Article {n}", "paragraphs": []} for n in range(12)]


def test_whole_articles_are_set_aside_whatever_their_order() -> None:
    split = split_by_article(TITLES, num_test=3, num_development=2)
    assert (len(split.test), len(split.development)) == (3, 2)
    assert not split.test & split.development
    assert split_by_article(TITLES[::-1], num_test=3, num_development=2) == split


def test_articles_that_are_added_later_move_none_from_training_to_test_without_need() -> None:
    before = split_by_article(TITLES[:-1], num_test=3, num_development=2)
    after = split_by_article(TITLES, num_test=3, num_development=2)
    assert after.test - before.test <= {TITLES[-1]["title"]}


def test_the_split_is_pinned() -> None:
    # By the SHA-256 of the titles: whoever changes the rule changes what figures were measured on.
    assert split_by_article(TITLES, num_test=2, num_development=1).test == {"Article 2", "Article 9"}


# Files


@pytest.mark.parametrize("name", ["squad.json", "squad.json.gz"])
def test_files_are_read_gzipped_or_not(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    data = json.dumps({"version": "v2.0", "data": ARTICLES}).encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    assert read_squad(path) == ARTICLES
    with pytest.raises(OSError, match="gone"):
        read_squad(tmp_path / f"gone-{name}")


def test_a_paragraph_that_gives_the_answer_twice_is_no_negative_without_one_sentence() -> None:
    text = "The pier cost 12 million euros. It was new. The 12 million euros came from the state."
    question = {"question": "What did it cost?", "answers": [{"text": "12 million euros", "answer_start": 14}]}
    articles = [{"title": "Pier", "paragraphs": [{"context": text, "qas": [question]}]}]
    (group,) = squad_groups(articles, "squad", 7, deceptive=False)
    assert group.negatives == []
