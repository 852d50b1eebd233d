"""Chooses the questions and articles of a comparison; knows nothing of the stacks.

A question is taken only where one of its articles holds a gold answer, so that each could be answered. Its articles are
those that its file names ("retrieved_urls", what a web search had found); all of them are indexed, with others drawn by
chance, so that most of what is indexed does not answer.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from index.errors import BadInputError
from qa.evaluation.matching import holds, searchable, searchable_answers

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AskedOf:
    """A question of the comparison; ``as_of`` is an ISO date or None."""

    question_id: str
    question: str
    answers: tuple[str, ...]
    as_of: str | None


@dataclass(frozen=True, slots=True)
class Selection:
    """``questions`` in a random order, so that the first few are a sample too; ``articles`` as lines of a file."""

    questions: tuple[AskedOf, ...]
    articles: tuple[Json, ...]


def select(articles: Sequence[Json], questions: Sequence[Json], sample: int, num_articles: int, seed: int) -> Selection:
    """The same for the same seed.

    :param sample: How many questions; fewer where fewer can be answered.
    :param num_articles: How many articles in all; those of the questions stay even when they are more.
    :raises BadInputError: If no question can be answered from its articles.
    """
    draw = random.Random(seed)  # noqa: S311 (a sample, no secret)
    by_url = {article["url"]: article for article in articles if article.get("url")}
    shuffled = draw.sample(list(questions), len(questions))
    taken: list[AskedOf] = []
    kept: dict[str, Json] = {}
    for record in shuffled:
        if len(taken) == sample:
            break
        own = {url: by_url[url] for url in record.get("retrieved_urls", ()) if url in by_url}
        if _is_answered(own.values(), record["answers"]):
            taken.append(_question(record))
            kept.update(own)
    if not taken:
        raise BadInputError('no question has an article (by "retrieved_urls") that holds its answer')
    for url in draw.sample(sorted(by_url), len(by_url)):
        if len(kept) >= num_articles:
            break
        kept.setdefault(url, by_url[url])
    return Selection(tuple(taken), tuple(kept[url] for url in sorted(kept)))


def without(articles: Sequence[Json], known: Iterable[Json]) -> list[Json]:
    """The articles that share neither address nor text with any of ``known``, which a model may have learned from."""
    addresses, texts = set(), set()
    for article in known:
        addresses.add(_address(article.get("url") or ""))
        texts.add(_words(article))
    return [one for one in articles if _address(one.get("url") or "") not in addresses and _words(one) not in texts]


def read_lines(path: Path) -> Iterator[Json]:
    """The objects of a file of JSON lines, also gzipped."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _address(url: str) -> str:
    """Without what two addresses of one page often differ by."""
    return url.split("://")[-1].removeprefix("www.").split("?")[0].split("#")[0].rstrip("/").lower()


def _words(article: Json) -> str:
    return " ".join(article["text"].split())


def _is_answered(articles: Any, answers: Sequence[str]) -> bool:
    gold = searchable_answers(answers)
    return any(holds(searchable(f"{article['title']}\n{article['text']}"), gold) for article in articles)


def _question(record: Json) -> AskedOf:
    as_of = str(record["as_of"]).replace("/", "-") if record.get("as_of") else None
    return AskedOf(str(record["id"]), record["question"], tuple(record["answers"]), as_of)
