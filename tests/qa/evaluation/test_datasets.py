"""Readers of questions: what they take, and the one line they say of what they do not."""

from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from index.errors import BadInputError
from qa.evaluation.datasets import ALL_WEEKS, opened, read_articles, read_questions, sampled
from tests.qa.evaluation.helpers import ARTICLES, QUESTIONS, WEEKS, write_json_lines

SQUAD: dict[str, Any] = {
    "version": "v2.0",
    "data": [
        {
            "title": "Old_piers",
            "paragraphs": [
                {
                    "context": "The pier was built in 1901.",
                    "qas": [
                        {"id": "a", "question": "When?", "answers": [{"text": "1901", "answer_start": 22}] * 3},
                        {"id": "b", "question": "By whom?", "answers": [], "is_impossible": True},
                    ],
                },
                {
                    "context": "It has a café.",
                    "qas": [{"id": 3, "question": "What?", "answers": [{"text": "a café"}], "is_impossible": False}],
                },
            ],
        }
    ],
}


def squad_file(folder: Path, value: Any = SQUAD) -> Path:
    path = folder / "squad.json.gz"
    path.write_bytes(gzip.compress(json.dumps(value).encode(), mtime=0))
    return path


def test_weekly_questions_have_their_day_and_week(tmp_path: Path) -> None:
    for name in ("q.jsonl", "q.jsonl.gz"):
        first, *others = read_questions(write_json_lines(tmp_path / name, QUESTIONS))
        assert (first.question_id, first.week, first.as_of) == ("20240105_0", WEEKS[0], date(2024, 1, 5))
        assert first.answers == ("12 million euros",)
        assert first.passages is None
        assert [question.week for question in others] == [WEEKS[0], WEEKS[1], WEEKS[2]]


def test_lines_may_bring_passages_and_no_answers(tmp_path: Path) -> None:
    records = [
        {
            "id": 7,
            "question": "Who?",
            "answers": ["Ada", "Ada"],
            "passages": ["Ada came.", {"text": "B.", "title": "T"}],
        },
        {"id": "x", "question": "Why?", "answers": []},
    ]
    first, second = read_questions(write_json_lines(tmp_path / "q.jsonl", records))
    assert (first.question_id, first.week, first.answers) == ("7", None, ("Ada",))
    assert first.passages is not None
    assert [(article.title, article.text) for article in first.passages] == [("Ada came.", "Ada came."), ("T", "B.")]
    assert (second.answers, second.passages) == ((), None)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not valid JSON"),
        ("[1]", "must be an object"),
        ('{"question": "Who?", "answers": []}', '"id" must be'),
        ('{"id": " ", "question": "Who?", "answers": []}', '"id" must be'),
        ('{"id": "a", "answers": []}', '"question" must be'),
        ('{"id": "a", "question": "Who?"}', '"answers" must be a list'),
        ('{"id": "a", "question": "Who?", "answers": "Ada"}', '"answers" must be a list'),
        ('{"id": "a", "question": "Who?", "answers": [""]}', '"answers" must be a list'),
        ('{"id": "a", "question": "Who?", "answers": [], "as_of": "soon"}', "soon"),
        ('{"id": "a", "question": "Who?", "answers": [], "passages": "P"}', '"passages" must be a list'),
        ('{"id": "a", "question": "Who?", "answers": [], "passages": [{"title": "T"}]}', "passage a/1 has no text"),
    ],
)
def test_a_malformed_line_is_told_with_its_number(line: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(f"{json.dumps(QUESTIONS[0])}\n\n{line}\n")
    with pytest.raises(BadInputError) as caught:
        read_questions(path)
    message = str(caught.value)
    assert message.startswith("q.jsonl:3: ")
    assert reason in message
    assert "\n" not in message


def test_an_id_that_stands_twice_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="'20240105_0' stands there twice"):
        read_questions(write_json_lines(tmp_path / "q.jsonl", [QUESTIONS[0], QUESTIONS[0]]))


@pytest.mark.parametrize("name", ["q.jsonl", "q.txt", "gone.jsonl"])
def test_files_without_questions_are_told(name: str, tmp_path: Path) -> None:
    if name != "gone.jsonl":
        (tmp_path / name).write_text("")
    with pytest.raises(BadInputError, match=name):
        read_questions(tmp_path / name)


# The ids must not be the bytes: they hold the time, and two test processes would disagree on what the tests are called.
@pytest.mark.parametrize(
    "data",
    [b"no gzip", gzip.compress(b"x" * 9999)[:20], gzip.compress(b"\xff\xfe\xfd")],
    ids=["no gzip", "cut off", "no text"],
)
def test_damaged_files_are_told(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "q.jsonl.gz").write_bytes(data)
    with pytest.raises(BadInputError, match=r"q\.jsonl\.gz"):
        read_questions(tmp_path / "q.jsonl.gz")


def test_squad_gives_each_question_its_paragraph(tmp_path: Path) -> None:
    first, second, third = read_questions(squad_file(tmp_path))
    assert (first.answers, second.answers, third.answers) == (("1901",), (), ("a café",))
    assert third.question_id == "3"
    assert first.passages == second.passages
    assert first.passages is not None
    assert (first.passages[0].title, first.passages[0].text) == ("Old piers", "The pier was built in 1901.")
    assert first.group == second.group != third.group
    assert first.group == first.passages[0].text_hash[:16]


def test_squad_opened_indexes_every_paragraph_once(tmp_path: Path) -> None:
    questions, articles = opened(read_questions(squad_file(tmp_path)))
    assert [question.passages for question in questions] == [None] * 3
    assert len({question.group for question in questions}) == 2
    assert [a.text for a in articles.weeks[ALL_WEEKS]] == ["The pier was built in 1901.", "It has a café."]


def test_opening_questions_without_passages_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="give --articles"):
        opened(read_questions(write_json_lines(tmp_path / "q.jsonl", QUESTIONS)))


@pytest.mark.parametrize(
    "value",
    [
        [],
        {"data": [{}]},
        {"data": 5},
        {"data": [{"paragraphs": [{"qas": []}]}]},
        {"data": [{"paragraphs": [{"context": "C.", "qas": [{"id": "a", "question": "Who?"}]}]}]},
        {"data": [{"paragraphs": [{"context": "C.", "qas": [{"id": "a", "question": "", "answers": []}]}]}]},
        {"data": []},
    ],
)
def test_what_is_no_squad_file_is_one_line(value: Any, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"squad\.json\.gz") as caught:
        read_questions(squad_file(tmp_path, value))
    assert "\n" not in str(caught.value)


def test_articles_are_put_in_the_order_of_their_weeks(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "a.jsonl.gz", [*ARTICLES[::-1], {"title": "No text"}])
    weekly = read_articles(path, by_week=True)
    assert list(weekly.weeks) == list(WEEKS)
    assert [len(articles) for articles in weekly.weeks.values()] == [2, 1, 1]
    assert len(weekly.rejected) == 1
    assert list(read_articles(path, by_week=False).weeks) == [ALL_WEEKS]


@pytest.mark.parametrize("batch", [None, "", "2024-01-05", "all"])
def test_an_article_of_no_week_is_told(batch: str | None, tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "a.jsonl", [{**ARTICLES[0], "batch": batch}])
    with pytest.raises(BadInputError, match="'Lindby opens its pier' has no \"batch\""):
        read_articles(path, by_week=True)


def test_a_file_without_articles_says_why(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"gone\.jsonl holds no articles: .*no such file"):
        read_articles(tmp_path / "gone.jsonl", by_week=False)


def test_a_sample_is_the_same_for_the_same_seed_and_in_order(tmp_path: Path) -> None:
    questions = read_questions(
        write_json_lines(tmp_path / "q.jsonl", [{**QUESTIONS[0], "id": str(i)} for i in range(50)])
    )
    chosen = sampled(questions, 10, seed=1)
    assert chosen == sampled(questions, 10, seed=1)
    assert chosen != sampled(questions, 10, seed=2)
    assert [int(q.question_id) for q in chosen] == sorted(int(q.question_id) for q in chosen)
    assert sampled(questions, None, seed=1) == sampled(questions, 99, seed=1) == questions
