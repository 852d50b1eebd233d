"""What the page remembers, as values and as HTML."""

from __future__ import annotations

from pathlib import Path

import pytest

from qa.conversations import Summary
from qa.feedback import Opinion
from qa.kept import Kept
from qa.ui import text
from qa.ui.access.identity import Identity
from qa.ui.after_html import after_html
from qa.ui.ask_options import AskOptions
from qa.ui.conversation import Conversation, Exchange, Phase
from qa.ui.history_html import ALL, history_html
from qa.ui.remembering import Memory, Remembered, Shelf, kept_exchanges, shown_conversation
from tests.qa.kept_answers import BRIDGE, bridge_answer, refusal
from tests.qa.ui.fakes import FakeCollection

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
SECRET = Remembered("secret:abc")
ANNA, NOBODY = Identity("anna", "reader"), Identity(None, "editor")


def done(question: str = "When?", **options: str) -> Exchange:
    answer = bridge_answer(question)
    return Exchange(question, Phase.DONE, passages=answer.passages, answer=answer, options=AskOptions(**options))  # type: ignore[arg-type]


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept.at(tmp_path / "c.sqlite")


def test_a_users_history_is_the_users_and_else_the_browsers(kept: Kept) -> None:
    memory = Memory(kept)
    assert memory.owner(SECRET, ANNA) == "user:anna"
    assert memory.owner(SECRET, NOBODY) == "secret:abc"
    assert memory.owner(Remembered(), NOBODY) is None


def test_a_conversation_comes_back_as_it_was_asked(kept: Kept) -> None:
    memory, conversation = Memory(kept), (done("When?", as_of="2024-01-02", source="Example News", mode="fast"),)
    remembered = memory.save("user:anna", Remembered(), conversation, FakeCollection())
    assert remembered.conversation_id is not None
    opened = memory.opened("user:anna", remembered.conversation_id)
    assert opened is not None
    (shown,) = shown_conversation(opened[0])
    assert shown.options == conversation[0].options
    assert (shown.phase, shown.question) == (Phase.DONE, "When?")


def test_questions_that_were_not_answered_are_not_kept_and_move_nothing(kept: Kept) -> None:
    memory = Memory(kept)
    remembered = memory.save("user:anna", Remembered(), (done("a?"),), FakeCollection())
    failed = Exchange("b?", Phase.FAILED)
    conversation: Conversation = (done("a?"), failed, Exchange("s?", Phase.STOPPED), done("c?"))
    remembered = memory.save("user:anna", remembered, conversation, FakeCollection())
    assert [one.question for one in kept_exchanges(conversation)] == ["a?", "c?"]
    opened = memory.opened("user:anna", remembered.conversation_id or "")
    assert opened is not None
    assert [one.question for one in opened[0].exchanges] == ["a?", "c?"]


def test_feedback_without_a_kept_conversation_stands_by_itself(kept: Kept) -> None:
    memory = Memory(kept)
    memory.set_keeps("user:anna", False)
    conversation = (done("When?"),)
    remembered = memory.save("user:anna", Remembered(), conversation, FakeCollection())
    assert remembered.conversation_id is None and memory.shelf("user:anna").summaries == ()
    remembered = memory.say("user:anna", remembered, conversation, Opinion("up"), FakeCollection())
    remembered = memory.say("user:anna", remembered, conversation, Opinion("down"), FakeCollection())
    assert [one.opinion.verdict for one in kept.feedback.all()] == ["down"]
    memory.take_back("user:anna", remembered, conversation)
    assert kept.feedback.all() == []


def test_feedback_on_an_answer_whose_article_was_just_removed_keeps_no_word_of_it(kept: Kept) -> None:
    articles = FakeCollection([BRIDGE])
    articles.remove([BRIDGE.article_id])
    Memory(kept).say("user:anna", Remembered(), (done("When?"),), Opinion("up"), articles)
    assert kept.feedback.all()[0].short_answer is None


def test_a_new_answer_to_the_same_question_has_no_thumb_yet(kept: Kept) -> None:
    memory, conversation = Memory(kept), (done("a?"),)
    remembered = memory.save("user:anna", Remembered(), conversation, FakeCollection())
    remembered = memory.say("user:anna", remembered, conversation, Opinion("up"), FakeCollection())
    assert set(remembered.opinions) == {0}
    again = memory.save("user:anna", remembered, (Exchange("a?", Phase.DONE, answer=refusal("a?")),), FakeCollection())
    assert again.opinions == {} and again.conversation_id == remembered.conversation_id


def test_a_file_that_cannot_be_read_is_said_and_no_crash(tmp_path: Path) -> None:
    (tmp_path / "c.sqlite").write_bytes(b"no database" * 200)
    shelf = Memory(Kept.at(tmp_path / "c.sqlite")).shelf("user:anna")
    assert shelf.problem is not None and "damaged" in shelf.problem
    assert text.HISTORY_PROBLEM in history_html(shelf)


def test_everything_is_escaped() -> None:
    shelf = Shelf((Summary(HOSTILE, HOSTILE, HOSTILE, 2),), problem=None)
    opinion = Opinion("down", "other", HOSTILE, HOSTILE)
    pages = [
        history_html(shelf, current=HOSTILE),
        history_html(shelf, asking=HOSTILE),
        history_html(Shelf(problem=HOSTILE)),
        after_html(opinion, [HOSTILE], number=0, has_thumbs=True, is_form_open=True, problem=HOSTILE),
    ]
    for page in pages:
        assert "<script" not in page and "<img" not in page and "&lt;script" in page


def test_deleting_is_asked_back_where_it_was_asked_for() -> None:
    shelf = Shelf((Summary("one", "First?", "2024-01-02T00:00:00+00:00", 1), Summary("two", "Second?", "x", 2)))
    page = history_html(shelf, asking="two")
    assert page.count('data-action="delete-conversation"') == 1
    assert 'data-action="delete-conversation" data-conversation="two"' in page
    assert f'data-conversation="{ALL}"' in history_html(shelf, asking=ALL)
    assert "1 question ·" in page and "2 Jan 2024" in page


def test_an_answer_that_cannot_be_judged_has_no_thumbs() -> None:
    assert "aq-thumb" not in after_html(None, [], number=0, has_thumbs=False)
