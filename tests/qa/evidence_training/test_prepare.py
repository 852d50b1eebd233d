"""What is learned from shares neither pages nor questions with what is tested on."""

from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from index.types import make_article
from qa.evidence_training.groups import read_groups
from qa.evidence_training.news_groups import QuizQuestion
from qa.evidence_training.prepare import NEWS_YEARS, SHIFTS, TEST_YEARS, News, prepare, without
from tests.fakes import HashEmbedder

pytestmark = pytest.mark.slow

SHARED = "The new hall did cost a lot, said those of the bridge of Korsund. Nobody there would have paid so much."


def news(*articles: tuple[str, str], questions: tuple[str, ...] = (), week: str = "20230106") -> News:
    made = [make_article(text, url=url) for url, text in articles]
    asked = [QuizQuestion(question, ("a bridge",), date(2023, 1, 6), week) for question in questions]
    return News(made, [week] * len(made), asked)


@pytest.mark.parametrize(
    "url",
    [
        "https://news.example/a",
        "http://www.news.example/a/",
        "https://NEWS.example/a?utm_source=feed",
        "https://news.example/a#top",
    ],
)
def test_a_page_of_the_test_is_dropped_whatever_led_to_it(url: str) -> None:
    kept = without(news((url, "Another text."), ("https://news.example/b", "B")), news(("https://news.example/a", "A")))
    assert [article.text for article in kept.articles] == ["B"]
    assert len(kept.weeks) == 1


def test_a_text_of_the_test_is_dropped_wherever_it_stands() -> None:
    test = news(("https://news.example/a", SHARED))
    assert without(news(("https://other.example/x", SHARED)), test).articles == []


def test_a_question_of_the_test_is_not_learned_when_it_is_asked_again() -> None:
    test = news(questions=("Which bridge was closed?",))
    kept = without(news(questions=("Which bridge was closed", "Which road was closed?")), test)
    assert [question.question for question in kept.questions] == ["Which road was closed?"]


def _write(path: Path, lines: list[dict[str, Any]]) -> None:
    path.write_bytes(gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode()))


def _squad(title: str) -> dict[str, Any]:
    text = f"The pier of {title} cost 12 million euros. It opened in May. Ferries have left from it since June."
    start = text.index("12 million")
    answered = {"id": f"{title}1", "question": f"What did {title} cost?", "answers": [
        {"text": "12 million euros", "answer_start": start}]}  # fmt: skip
    return {"title": title, "paragraphs": [{"context": text, "qas": [answered]}]}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Files like the development data: every week has one article of its own and one question on it."""
    for name in SHIFTS:
        document = {"data": [_squad(f"{name}{n}") for n in range(3)]}
        (tmp_path / f"squadshifts-{name}.json.gz").write_bytes(gzip.compress(json.dumps(document).encode()))
    document = {"data": [_squad(f"Town{n}") for n in range(12)]}
    (tmp_path / "squad2-dev-half.json.gz").write_bytes(gzip.compress(json.dumps(document).encode()))
    for year in (*TEST_YEARS, *NEWS_YEARS):
        articles, questions = [], []
        for week in range(1, 13):
            batch, day = f"{year}{week:02}06", f"{year}-{week:02}-06"
            where = f"Hall{year}{week}"
            text = f"The new hall {where} was opened by Mayor Smith{week}. It cost {week + 20} million euros in all."
            articles.append({"text": text, "title": where, "url": f"https://n.example/{where}", "published_at": day,
                             "batch": batch})  # fmt: skip
            articles.append({"text": SHARED, "title": "Bridge", "url": "https://n.example/bridge", "published_at": day,
                             "batch": batch})  # fmt: skip
            asked = {"id": f"{batch}_0", "question": f"What did the new hall {where} cost?", "as_of": day}
            questions.append(asked | {"answers": [f"{week + 20} million euros"]})
        _write(tmp_path / f"realtimeqa-{year}-articles.jsonl.gz", articles)
        _write(tmp_path / f"realtimeqa-{year}-questions.jsonl.gz", questions)
    return tmp_path


def test_training_development_and_test_share_no_question_and_no_page(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "groups"
    counts: dict[str, int] = {}
    prepare(data, out, HashEmbedder(dim=16), seed=7, report=counts.__setitem__)
    learned = read_groups(sorted(out.glob("train-*.jsonl")))
    asked = {group.question for group in learned}
    assert any("Hall2023" in question for question in asked)
    contexts = " ".join(context.text for group in learned for context in group.contexts)
    assert "Hall2023" in contexts
    assert "Hall2022" not in contexts + " ".join(asked)
    assert "bridge of Korsund" not in contexts, "that page is in the test year, too"
    development = [json.loads(line) for line in (out / "news-development.jsonl").read_text().splitlines()]
    assert {line["as_of"][:4] for line in development} == {"2024"}
    assert len(development) == 8 == counts["news-development"]
    assert not {line["question"] for line in development} & asked
    squad_learned = {group.question for group in read_groups([out / "train-squad.jsonl"])}
    for part, num in (("test", 5), ("development", 2)):
        kept = json.loads((out / f"squad-{part}.json").read_text())["data"]
        assert len(kept) == num
        assert not squad_learned & {q["question"] for a in kept for p in a["paragraphs"] for q in p["qas"]}
