"""Reads questions with gold answers, and the articles that come with them; knows nothing of how they are answered.

Two formats, told by the file's ending, each also gzipped: JSON lines of
``{"id", "question", "answers", "as_of"?, "passages"?, "skip"?}``, and SQuAD's JSON. No answers means unanswerable;
"skip" says why a line has no gold answer (feedback that gives none), so that it is not asked.
"""

from __future__ import annotations

import gzip
import json
import random
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from index.dates import parse_date
from index.errors import BadInputError
from index.readers import article_from_mapping, read_path
from index.types import Article, Rejection

# RealTimeQA numbers its questions by the day of their quiz, which is also the batch of the articles.
_WEEKLY_ID = re.compile(r"(\d{8})_\d+")
_WEEK = re.compile(r"\d{8}")
ALL_WEEKS = "all"
"""The one week of articles that are not told apart by weeks."""


@dataclass(frozen=True, slots=True)
class EvalQuestion:
    """A question and what is known of its answer.

    ``answers`` are the accepted ones; empty when the question cannot be answered. ``week`` ("20220617") names the
    newest articles it may be answered from. ``passages`` are given with the question; None to retrieve them.
    ``group``: the same for questions on one paragraph, which are no independent evidence; None where none is known.
    """

    question_id: str
    question: str
    answers: tuple[str, ...]
    as_of: date | None = None
    week: str | None = None
    passages: tuple[Article, ...] | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class WeeklyArticles:
    """Articles in the order of their weeks, and what was not readable."""

    weeks: Mapping[str, list[Article]]
    rejected: tuple[Rejection, ...] = ()


@dataclass(frozen=True, slots=True)
class QuestionFile:
    """Questions in the order of their file; ``skipped`` counts the lines that are not asked, by their reason."""

    questions: list[EvalQuestion]
    skipped: Mapping[str, int]


def read_questions(path: Path) -> list[EvalQuestion]:
    """The questions of a file; see :func:`read_question_file`."""
    return read_question_file(path).questions


def read_question_file(path: Path) -> QuestionFile:
    """The questions of a file, in its order; SQuAD's with their paragraph given.

    :raises BadInputError: In one line, with the line's number, what is wrong with the file.
    """
    read = list(_squad(path)) if _is_squad(path) else list(_json_lines(path))
    questions = [item for item in read if isinstance(item, EvalQuestion)]
    skipped = Counter(item for item in read if isinstance(item, str))
    if not questions:
        others = f" that can be asked, and {skipped.total()} to skip" if skipped else ""
        raise BadInputError(f"{path.name} holds no questions{others}")
    seen: set[str] = set()
    for question in questions:
        if question.question_id in seen:
            raise BadInputError(f"{path.name}: the id {question.question_id!r} stands there twice; ids must differ")
        seen.add(question.question_id)
    return QuestionFile(questions, dict(sorted(skipped.items())))


def opened(questions: Sequence[EvalQuestion]) -> tuple[list[EvalQuestion], WeeklyArticles]:
    """The same questions without their given passages, and all of those as articles to be indexed.

    :raises BadInputError: If no question has passages.
    """
    articles = {article.article_id: article for q in questions for article in q.passages or ()}
    if not articles:
        raise BadInputError("no question brings passages that could be indexed; give --articles")
    weekly = WeeklyArticles({ALL_WEEKS: list(articles.values())})
    return [replace(question, passages=None) for question in questions], weekly


def read_articles(path: Path, *, by_week: bool) -> WeeklyArticles:
    """The articles of a file or folder; with ``by_week`` in the order of the weeks that their ``batch`` names.

    :raises BadInputError: If there is no article, or one without a ``batch`` where weeks are wanted.
    """
    weeks: dict[str, list[Article]] = {}
    rejected = []
    for item in read_path(path):
        if isinstance(item, Rejection):
            rejected.append(item)
            continue
        week = _batch(item, path) if by_week else ALL_WEEKS
        weeks.setdefault(week, []).append(item)
    if not weeks:
        reason = f": {rejected[0].item} {rejected[0].reason}" if rejected else ""
        raise BadInputError(f"{path.name} holds no articles{reason}")
    return WeeklyArticles(dict(sorted(weeks.items())), tuple(rejected))


def sampled(questions: Sequence[EvalQuestion], number: int | None, seed: int) -> list[EvalQuestion]:
    """``number`` of the questions, the same for the same seed, in their own order; all of them for None."""
    if number is None or number >= len(questions):
        return list(questions)
    draw = random.Random(seed)  # noqa: S311  Sampling questions, not secrets.
    return [questions[place] for place in sorted(draw.sample(range(len(questions)), number))]


def _batch(article: Article, path: Path) -> str:
    week = str(article.metadata.get("batch"))
    if not _WEEK.fullmatch(week):
        raise BadInputError(f'{path.name}: the article {article.title!r} has no "batch" such as "20220617"')
    return week


def _is_squad(path: Path) -> bool:
    name = path.name.lower().removesuffix(".gz")
    if name.endswith((".jsonl", ".ndjson")):
        return False
    if name.endswith(".json"):
        return True
    raise BadInputError(f"{path.name}: questions are read from .jsonl, .jsonl.gz, .json or .json.gz (SQuAD)")


def _read(path: Path) -> str:
    try:
        data = path.read_bytes()
        return (gzip.decompress(data) if path.suffix.lower() == ".gz" else data).decode("utf-8-sig")
    except OSError as error:
        reason = error.strerror or error  # a bad gzip file is an OSError without a number
        raise BadInputError(f"the questions {path.name} cannot be read: {reason}") from error
    except (EOFError, zlib.error, UnicodeDecodeError) as error:
        raise BadInputError(f"the questions {path.name} are damaged: {error}") from error


def _json_lines(path: Path) -> Iterator[EvalQuestion | str]:
    """A question a line, or why it is skipped."""
    # Not splitlines: questions may hold U+2028 and its like, which end no line of JSON.
    for number, line in enumerate(_read(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield _from_line(json.loads(line))
        except (ValueError, RecursionError) as error:
            raise BadInputError(f"{path.name}:{number}: is not valid JSON: {error}") from error
        except BadInputError as error:
            raise BadInputError(f"{path.name}:{number}: {error}") from error


def _from_line(record: object) -> EvalQuestion | str:
    if not isinstance(record, Mapping):
        raise BadInputError(f"must be an object with id, question and answers, not a {type(record).__name__}")
    if record.get("skip") is not None:
        return _required_text(record, "skip")
    question_id = record.get("id")
    if not isinstance(question_id, str | int) or isinstance(question_id, bool) or not str(question_id).strip():
        raise BadInputError(f'"id" must be a string or a number that is not empty, found {question_id!r}')
    question_id = str(question_id)
    day = parse_date(record.get("as_of"))
    weekly = _WEEKLY_ID.fullmatch(question_id)
    return EvalQuestion(
        question_id,
        _required_text(record, "question"),
        _answers(record.get("answers")),
        date.fromisoformat(day) if day else None,
        weekly[1] if weekly else None,
        _passages(record.get("passages"), question_id),
    )


def _answers(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(answer, str) and answer.strip() for answer in value):
        raise BadInputError('"answers" must be a list of strings that are not empty (no string: unanswerable)')
    return tuple(dict.fromkeys(value))


def _passages(value: object, question_id: str) -> tuple[Article, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list):
        raise BadInputError(f'"passages" must be a list of strings or objects with a text, found {str(value)[:40]!r}')
    records = [{"text": item} if isinstance(item, str) else item for item in value]
    return tuple(_article(record, f"{question_id}/{place}") for place, record in enumerate(records, start=1))


def _article(record: object, identity: str) -> Article:
    article = article_from_mapping(record, identity, identity=identity)
    if isinstance(article, Rejection):
        raise BadInputError(f"passage {article.item} {article.reason}")
    return article


def _squad(path: Path) -> Iterator[EvalQuestion]:
    try:
        data = json.loads(_read(path))
    except (ValueError, RecursionError) as error:  # its message has line and column
        raise BadInputError(f"{path.name} is not valid JSON: {error}") from error
    try:
        for number, topic in enumerate(data["data"], start=1):
            title = str(topic.get("title") or "").replace("_", " ")
            for place, paragraph in enumerate(topic["paragraphs"], start=1):
                yield from _paragraph(paragraph, title, f"{path.name}: topic {number}, paragraph {place}")
    except (KeyError, TypeError, AttributeError) as error:
        reason = f"data[].paragraphs[].context and .qas[] are expected: {type(error).__name__} {error}"
        raise BadInputError(f"{path.name} is no SQuAD file; {reason}") from error


def _paragraph(paragraph: Mapping[str, Any], title: str, where: str) -> Iterator[EvalQuestion]:
    try:
        # Identified by its text: some files repeat a paragraph.
        article = _article({"title": title, "text": paragraph["context"]}, str(paragraph["context"]))
        for qa in paragraph["qas"]:
            gold = [] if qa.get("is_impossible") else [answer["text"] for answer in qa["answers"]]
            question, answers = _required_text(qa, "question"), _answers(gold)
            yield EvalQuestion(str(qa["id"]), question, answers, passages=(article,), group=article.text_hash[:16])
    except BadInputError as error:
        raise BadInputError(f"{where}: {error}") from error


def _required_text(record: Mapping[str, Any], key: str) -> str:
    value = record.get(key)
    if not isinstance(value, str) or not value.strip():
        raise BadInputError(f'"{key}" must be a string that is not empty, found {value!r}')
    return value
