"""Training groups from SQuAD-format files; knows nothing of news or models.

A group holds the paragraph of its question and, as negatives, paragraphs that the word search finds but that hold no
gold answer, and the paragraph without its answering sentence. Deceptive questions make groups of their own.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from index.types import PASSAGES_PER_REVISION, Passage
from qa.evidence_training.groups import Context, Group, find_answer
from qa.evidence_training.mining import searchable
from qa.evidence_training.perturb import deceptive_question, without_answer

_NUM_MINED = 3
_SHARE_DECEPTIVE = 0.3


@dataclass(frozen=True, slots=True)
class SquadSplit:
    """Titles of articles kept for testing and for development; all others train."""

    test: frozenset[str]
    development: frozenset[str]


def read_squad(path: Path) -> list[dict[str, Any]]:
    """The articles ("data") of a SQuAD-format file, gzipped or not.

    :raises OSError: If the file cannot be read.
    """
    data = path.read_bytes()
    articles: list[dict[str, Any]] = json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)["data"]
    return articles


def split_by_article(articles: list[dict[str, Any]], num_test: int = 5, num_development: int = 2) -> SquadSplit:
    """Whole articles for each part, in the order of the SHA-256 of their titles, so that nobody can choose them."""
    titles = sorted((a["title"] for a in articles), key=lambda title: hashlib.sha256(title.encode()).hexdigest())
    return SquadSplit(frozenset(titles[:num_test]), frozenset(titles[num_test : num_test + num_development]))


def squad_groups(articles: list[dict[str, Any]], kind: str, seed: int, *, deceptive: bool) -> Iterator[Group]:
    """Groups of every question of some articles.

    :param deceptive: Also make deceptive questions (for sets that have none of their own).
    """
    rng = random.Random(f"{seed}:{kind}")  # noqa: S311  Sampling, not secrets.
    with searchable(_paragraphs(articles)) as search:
        for article in articles:
            title = article["title"].replace("_", " ")
            for paragraph in article["paragraphs"]:
                for question in paragraph["qas"]:
                    yield from _groups_of(question, title, paragraph["context"], kind, search, rng, deceptive)


def _groups_of(
    question: dict[str, Any], title: str, text: str, kind: str, search: Any, rng: random.Random, deceptive: bool
) -> Iterator[Group]:
    asked = question["question"].strip()
    answers = question["answers"]
    spans = tuple(dict.fromkeys((a["answer_start"], a["answer_start"] + len(a["text"])) for a in answers))
    own = Context(title, text, spans)
    texts = {a["text"] for a in answers}
    mined = []
    # Without a gold answer nothing says whether another paragraph answers: only the own one is known not to.
    for passage, _ in search(asked, _NUM_MINED + 1) if spans else ():
        if passage.text != text and not any(find_answer(passage.text, t) for t in texts):
            mined.append(Context(passage.title, passage.text))
    negatives = mined[:_NUM_MINED]
    if spans:
        shortened = without_answer(own)
        # The answer may stand in another sentence, too.
        if shortened is not None and not any(find_answer(shortened.text, t) for t in texts):
            negatives.append(shortened)
    if spans:
        yield Group(asked, (own, *negatives), kind)
    else:
        yield Group(asked, (own,), f"{kind}-unanswerable")
    if deceptive and rng.random() < _SHARE_DECEPTIVE:
        changed = deceptive_question(asked, text, rng)
        if changed is not None:
            yield Group(changed, (Context(title, text),), f"{kind}-deceptive")


def _paragraphs(articles: list[dict[str, Any]]) -> Iterator[Passage]:
    for number, article in enumerate(articles):
        for ordinal, paragraph in enumerate(article["paragraphs"]):
            title = article["title"].replace("_", " ")
            text = paragraph["context"]
            passage_id = number * PASSAGES_PER_REVISION + ordinal
            yield Passage(passage_id, str(number), number, title, None, None, None, text, 0, len(text))
