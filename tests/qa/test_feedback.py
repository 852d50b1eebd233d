"""Feedback: stored, changed, exported, and read by the evaluation as it was meant."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from index.errors import BadInputError
from qa.evaluation.datasets import read_question_file
from qa.feedback import FeedbackStore, Opinion
from qa.feedback_export import export, question_line
from qa.kept import Kept
from qa.kept_exchanges import KeptExchange
from qa.kept_file import KeptFile
from qa.types import Answer
from tests.qa.helpers import CommandLine
from tests.qa.kept_answers import BRIDGE, bridge_answer, ferry_answer, refusal

ANNA = "user:anna"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "conversations.sqlite"


@pytest.fixture
def store(path: Path) -> FeedbackStore:
    return FeedbackStore(KeptFile(path, lambda: datetime(2024, 3, 9, 12, tzinfo=UTC)))


def test_an_opinion_can_be_changed_and_taken_back(store: FeedbackStore) -> None:
    first = store.give(ANNA, Opinion("up"), bridge_answer())
    again = store.give(ANNA, Opinion("down", "wrong", "no", "5 May 2023"), bridge_answer(), feedback_id=first)
    assert again == first
    (item,) = store.all()
    assert item.opinion == Opinion("down", "wrong", "no", "5 May 2023")
    assert store.take_back(ANNA, first)
    assert store.all() == []
    assert not store.take_back(ANNA, first)


@pytest.mark.parametrize(
    "values", [("sideways",), ("down", "because"), ("down", None, "x" * 1001), ("down", None, "", "x" * 1001)]
)
def test_what_is_no_opinion_is_refused(values: Any) -> None:
    with pytest.raises(BadInputError):
        Opinion(*values)


def test_feedback_on_an_answer_that_is_asked_again_is_shown_with_the_new_one_no_longer(path: Path) -> None:
    kept = Kept.at(path)
    first = kept.conversations.save(ANNA, [KeptExchange("q?", bridge_answer("q?"))])
    assert first is not None
    kept.feedback.give(ANNA, Opinion("down"), bridge_answer("q?"), conversation_id=first.conversation_id, number=0)
    assert set(kept.feedback.of_conversation(ANNA, first.conversation_id)) == {0}
    kept.conversations.save(ANNA, [KeptExchange("q?", ferry_answer("q?"))], first.conversation_id, first.version)
    assert kept.feedback.of_conversation(ANNA, first.conversation_id) == {}
    assert len(kept.feedback.all()) == 1
    kept.conversations.delete(ANNA, first.conversation_id)
    assert kept.feedback.all() == []


GIVEN: list[tuple[str, Opinion, Answer, list[str] | None]] = [
    ("right", Opinion("up"), bridge_answer(), ["4 May 2023"]),
    ("rightly refused", Opinion("up"), refusal(), []),
    ("corrected", Opinion("down", "wrong", "", "5 May 2023"), bridge_answer(), ["5 May 2023"]),
    ("corrected refusal", Opinion("down", None, "", "3 crowns"), refusal(), ["3 crowns"]),
    ("not there", Opinion("down", "not_in_articles"), bridge_answer(), []),
    ("wrong", Opinion("down", "wrong"), bridge_answer(), None),
    ("wrong source", Opinion("down", "wrong_source"), bridge_answer(), None),
    ("old", Opinion("down", "out_of_date"), bridge_answer(), None),
    ("other", Opinion("down", "other", 'odd "words"\u2028and lines\n'), bridge_answer(), None),
    ("no reason", Opinion("down"), bridge_answer(), None),
    ("nothing to search", Opinion("up"), refusal(outcome="no_articles"), None),
]


@pytest.mark.parametrize(("opinion", "answer", "gold"), [g[1:] for g in GIVEN], ids=[g[0] for g in GIVEN])
def test_an_exported_line_is_read_by_the_evaluation_as_it_was_meant(
    store: FeedbackStore, tmp_path: Path, opinion: Opinion, answer: Answer, gold: list[str] | None
) -> None:
    store.give(ANNA, Opinion("up"), bridge_answer("Is this read, too?", standalone_question="Is this read, too?"))
    feedback_id = store.give(ANNA, opinion, answer)
    exported = export(store.all(), tmp_path / "deep" / "f.jsonl")
    file = read_question_file(tmp_path / "deep" / "f.jsonl")
    read = {question.question_id: question for question in file.questions}
    assert exported.num_lines == 2
    assert exported.num_usable == len(read)
    if gold is None:
        assert feedback_id not in read
        assert sum(file.skipped.values()) == 1
    else:
        assert read[feedback_id].answers == tuple(gold)
        assert read[feedback_id].question == answer.standalone_question
        assert file.skipped == {}


def test_a_followup_is_exported_as_it_was_understood(store: FeedbackStore) -> None:
    store.give(ANNA, Opinion("up"), bridge_answer("And when?", standalone_question="When was the bridge opened?"))
    line = question_line(store.all()[0])
    assert (line["question"], line["feedback"]["asked"]) == ("When was the bridge opened?", "And when?")


@pytest.mark.parametrize(
    ("question", "settings", "as_of"),
    [
        ("When was the Aurel bridge opened?", {}, None),
        ("When was the Aurel bridge opened?", {"as_of": "2023-06-01"}, date(2023, 6, 1)),
        ("What was opened last week?", {}, date(2024, 3, 9)),
        ("What is the latest on the bridge?", {}, date(2024, 3, 9)),
    ],
)
def test_the_day_is_exported_where_the_answer_depends_on_it(
    store: FeedbackStore, tmp_path: Path, question: str, settings: dict[str, str], as_of: date | None
) -> None:
    store.give(ANNA, Opinion("up"), bridge_answer(question), settings=settings)
    export(store.all(), tmp_path / "f.jsonl")
    assert read_question_file(tmp_path / "f.jsonl").questions[0].as_of == as_of


@pytest.mark.parametrize("field", ["source", "published_after", "published_before"])
def test_an_answer_from_filtered_articles_is_not_replayed_over_all_of_them(store: FeedbackStore, field: str) -> None:
    store.give(ANNA, Opinion("up"), bridge_answer(), settings={field: "2023-01-01"})
    assert question_line(store.all()[0])["skip"] == "filtered"


def test_an_answer_whose_article_was_removed_is_no_gold(path: Path) -> None:
    kept = Kept.at(path)
    kept.feedback.give(ANNA, Opinion("up"), bridge_answer())
    kept.removal.forget({BRIDGE.article_id}, set())
    assert question_line(kept.feedback.all()[0])["skip"] == "article_removed"


def test_a_file_of_nothing_but_skipped_lines_says_so(store: FeedbackStore, tmp_path: Path) -> None:
    store.give(ANNA, Opinion("down"), bridge_answer())
    export(store.all(), tmp_path / "f.jsonl")
    with pytest.raises(BadInputError, match="no questions that can be asked, and 1 to skip"):
        read_question_file(tmp_path / "f.jsonl")


def test_the_owner_is_in_no_export_and_no_list(store: FeedbackStore, tmp_path: Path) -> None:
    store.give("user:anna-lena", Opinion("up", comment="good"), bridge_answer())
    export(store.all(), tmp_path / "f.jsonl")
    assert "anna-lena" not in (tmp_path / "f.jsonl").read_text()
    assert "anna-lena" not in json.dumps([item.to_json() for item in store.all()])


# The command line


def test_the_commands_list_and_export(cli: CommandLine, tmp_path: Path) -> None:
    assert cli("feedback", "list").stdout == "no feedback yet\n"
    kept = Kept.at(tmp_path / "var" / "conversations.sqlite")
    kept.feedback.give(ANNA, Opinion("up"), bridge_answer())
    kept.feedback.give(ANNA, Opinion("down", "wrong", "see [1]", "3 May 2023"), ferry_answer())
    kept.feedback.give(ANNA, Opinion("down", "other", "odd"), refusal())
    listed = cli("feedback", "list").stdout
    assert "up: When was the Aurel bridge opened? → 4 May 2023" in listed
    assert "right answer: 3 May 2023" in listed and "comment: see [1]" in listed
    assert [item["verdict"] for item in cli.json("feedback", "list")["feedback"]] == ["down", "down", "up"]
    assert cli.json("feedback", "export", "--out", "F.jsonl") == {"lines": 3, "usable": 2, "skipped": 1}
    assert len(read_question_file(tmp_path / "F.jsonl").questions) == 2
    refused = cli("feedback", "export", "--out", "F.txt")
    assert refused.exit_code == 1 and "must end in .jsonl" in refused.stderr


def test_removing_an_article_on_the_command_line_takes_it_out_of_kept_answers(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": BRIDGE.text, "title": BRIDGE.title, "url": BRIDGE.url}))
    cli("add", "a.jsonl")
    kept = Kept.at(tmp_path / "var" / "conversations.sqlite")
    saved = kept.conversations.save(ANNA, [KeptExchange("When?", bridge_answer("When?"))])
    kept.feedback.give(ANNA, Opinion("up"), bridge_answer())
    assert saved is not None
    cli("remove", BRIDGE.article_id)
    loaded = kept.conversations.load(ANNA, saved.conversation_id)
    assert loaded is not None and loaded.exchanges[0].lost == "removed"
    assert b"12 million" not in (tmp_path / "var" / "conversations.sqlite").read_bytes()
    assert kept.feedback.all()[0].is_removed
