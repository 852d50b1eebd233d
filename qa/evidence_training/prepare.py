"""Writes the training groups of every source into a folder, once; knows nothing of models or training.

Test data stays out: of the RealTimeQA year 2022 nothing is learned (articles of later years that are also in it are
dropped, and so are its questions when they are asked again); five articles of the SQuAD half and the last eight weeks
of 2024 are set aside.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from index.atomic import write_atomically
from index.chunker import Chunker
from index.dates import parse_date
from index.embedder import Embedder
from index.types import Article, make_article
from qa.evidence_training.development import development_lines
from qa.evidence_training.groups import Group, write_groups
from qa.evidence_training.mining import passages_of, searchable
from qa.evidence_training.news_groups import QuizQuestion, cloze_groups, quiz_groups
from qa.evidence_training.squad_groups import read_squad, split_by_article, squad_groups
from qa.metrics import normalise

SHIFTS = ("new_wiki", "amazon_reviews", "reddit")
NEWS_YEARS = (2023, 2024)
TEST_YEARS = (2022,)
NUM_DEVELOPMENT_WEEKS = 8

Report = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class News:
    """Articles of one or more years with the week in which each arrived, and the questions asked of them."""

    articles: list[Article]
    weeks: list[str]
    questions: list[QuizQuestion]


def prepare(data: Path, out: Path, embedder: Embedder, *, seed: int, report: Report) -> None:
    """Write out/train-*.jsonl and, for measuring, what scripts/evaluate.py reads: out/squad-{test,development}.json and
    out/news-development.jsonl.

    :param report: Told each file's name and its number of groups or questions.
    :raises OSError: If a data file is missing.
    """
    out.mkdir(parents=True, exist_ok=True)
    _prepare_squad(data, out, seed, report)
    for name in SHIFTS:
        groups = squad_groups(read_squad(data / f"squadshifts-{name}.json.gz"), name, seed, deceptive=True)
        _write(out, f"train-{name}", groups, report)
    news = without(read_news(data, NEWS_YEARS), read_news(data, TEST_YEARS))
    held_out = sorted({question.week for question in news.questions})[-NUM_DEVELOPMENT_WEEKS:]
    with searchable(passages_of(news.articles, Chunker(embedder.count_tokens))) as search:
        training = [question for question in news.questions if question.week < held_out[0]]
        _write(out, "train-quiz", quiz_groups(training, news.weeks, search), report)
        cloze = cloze_groups(news.articles, news.weeks, search, seed, before=held_out[0])
        _write(out, "train-cloze", cloze, report)
        held = [question for question in news.questions if question.week >= held_out[0]]
        lines = list(development_lines(held, news.weeks, search, embedder))
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    write_atomically(out / "news-development.jsonl", text.encode())
    report("news-development", len(lines))


def _prepare_squad(data: Path, out: Path, seed: int, report: Report) -> None:
    articles = read_squad(data / "squad2-dev-half.json.gz")
    split = split_by_article(articles)
    kept = [a for a in articles if a["title"] not in split.test | split.development]
    _write(out, "train-squad", squad_groups(kept, "squad", seed, deceptive=False), report)
    _write(out, "train-squad-deceptive", _only_deceptive(kept, seed), report)
    for part, titles in (("test", split.test), ("development", split.development)):
        chosen = [a for a in articles if a["title"] in titles]
        write_atomically(out / f"squad-{part}.json", json.dumps({"version": "v2.0", "data": chosen}).encode())
        report(f"squad-{part}", sum(len(p["qas"]) for a in chosen for p in a["paragraphs"]))


def _write(out: Path, name: str, groups: Iterator[Group], report: Report) -> None:
    report(name, write_groups(groups, out / f"{name}.jsonl"))


def read_news(data: Path, years: Sequence[int]) -> News:
    """:raises OSError: If a file is missing."""
    articles, weeks, questions = [], [], []
    for year in years:
        for line in _lines(data / f"realtimeqa-{year}-articles.jsonl.gz"):
            published_at = parse_date(line.get("published_at"))
            articles.append(
                make_article(
                    line["text"],
                    title=line.get("title"),
                    url=line.get("url"),
                    source=line.get("source"),
                    published_at=published_at,
                )
            )
            weeks.append(str(line["batch"]))
        for line in _lines(data / f"realtimeqa-{year}-questions.jsonl.gz"):
            as_of = date.fromisoformat(parse_date(line["as_of"]) or "")
            questions.append(QuizQuestion(line["question"], tuple(line["answers"]), as_of, line["id"].split("_")[0]))
    return News(articles, weeks, questions)


def without(news: News, test: News) -> News:
    """The news without what the test has too: articles of the same address or text, and questions in the same words."""
    addresses = {_address(article.url) for article in test.articles if article.url}
    texts = {article.text_hash for article in test.articles}
    asked = {normalise(question.question) for question in test.questions}
    kept = [
        (article, week)
        for article, week in zip(news.articles, news.weeks, strict=True)
        if article.text_hash not in texts and not (article.url and _address(article.url) in addresses)
    ]
    questions = [question for question in news.questions if normalise(question.question) not in asked]
    return News([article for article, _ in kept], [week for _, week in kept], questions)


def _address(url: str) -> str:
    """What names a page, whatever way led to it."""
    parts = urlsplit(url.lower())
    return parts.netloc.removeprefix("www.") + parts.path.rstrip("/")


def _only_deceptive(articles: list[dict[str, Any]], seed: int) -> Iterator[Group]:
    for group in squad_groups(articles, "squad", seed, deceptive=True):
        if group.kind.endswith("-deceptive"):
            yield group


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)
