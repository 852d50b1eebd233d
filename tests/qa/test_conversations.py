"""Kept conversations: whose they are, how long, and what becomes of damaged ones and of removed articles."""

from __future__ import annotations

import logging
import sqlite3
import stat
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from index.errors import StorageError
from qa.conversations import Conversations, owner_of
from qa.feedback import FeedbackStore, Opinion
from qa.kept import Kept
from qa.kept_exchanges import KeptExchange
from qa.kept_file import KeptFile, KeptStore
from qa.kept_removal import KeptRemoval
from qa.types import Answer
from tests.databases import BOTH
from tests.qa.kept_answers import BRIDGE, COPY, FERRY, bridge_answer, ferry_answer, refusal

ONLY_FILE = pytest.mark.parametrize("kept_store", ["sqlite"], indirect=True)
ANNA, BEN = "user:anna", "user:ben"


class Clock:
    def __init__(self) -> None:
        self.day = datetime(2024, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.day += timedelta(seconds=1)
        return self.day


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "conversations.sqlite"


@pytest.fixture(params=BOTH)
def kept_store(request: pytest.FixtureRequest, path: Path) -> Iterator[KeptStore]:
    """In a file, and on a real server."""
    if request.param == "sqlite":
        yield KeptFile(path)
        return
    # Imported here: the fast tests need no server.
    from qa.shared.kept import KeptTables

    yield KeptTables(request.getfixturevalue("emptied_server"))


def execute(kept_store: KeptStore, statement: str) -> None:
    assert kept_store.transact(lambda connection: connection.execute(statement).rowcount) == 1


def stored(kept_store: KeptStore) -> bytes:
    """All that is stored, as bytes."""
    if isinstance(kept_store, KeptFile):
        return kept_store.path.read_bytes()
    with kept_store.read() as connection:
        assert connection is not None
        tables = ("owners", "conversations", "exchanges", "exchange_articles", "feedback", "feedback_articles")
        rows = [row for table in tables for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2")]
    assert rows
    return "\n".join(str(value) for row in rows for value in row).encode()


@pytest.fixture
def kept(kept_store: KeptStore) -> Kept:
    return Kept.over(kept_store)


def exchange(answer: Answer, **settings: str) -> KeptExchange:
    return KeptExchange(answer.question, answer, settings)


def saved(kept: Kept, owner: str, *answers: Answer) -> str:
    result = kept.conversations.save(owner, [exchange(answer) for answer in answers])
    assert result is not None
    return result.conversation_id


def test_a_conversation_is_there_again_after_a_restart(kept_store: KeptStore) -> None:
    first = Kept.over(kept_store).conversations.save(ANNA, [exchange(bridge_answer(), as_of="2023-06-01")])
    assert first is not None
    both = [exchange(bridge_answer()), exchange(refusal())]
    second = Kept.over(kept_store).conversations.save(ANNA, both, first.conversation_id, first.version)
    assert second is not None and second.conversation_id == first.conversation_id
    loaded = Kept.over(kept_store).conversations.load(ANNA, first.conversation_id)
    assert loaded is not None and loaded.version == second.version
    assert [e.question for e in loaded.exchanges] == [bridge_answer().question, refusal().question]
    assert loaded.exchanges[0].settings == {"as_of": "2023-06-01"}
    assert loaded.exchanges[0].answer is not None
    assert loaded.exchanges[0].answer.short_answer == "4 May 2023"


@ONLY_FILE
def test_nothing_is_made_on_disk_before_something_is_kept(kept: Kept, path: Path) -> None:
    assert kept.conversations.list(ANNA) == []
    assert kept.conversations.load(ANNA, "x") is None
    assert kept.conversations.delete_all(ANNA) == 0
    kept.removal.forget({"x"}, set())
    assert kept.feedback.all() == []
    assert not path.exists()


@ONLY_FILE
def test_no_other_user_of_the_machine_can_read_the_file(kept: Kept, path: Path) -> None:
    saved(kept, ANNA, bridge_answer())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_list_has_the_latest_first_with_title_time_and_count(kept: Kept) -> None:
    older = saved(kept, ANNA, bridge_answer(), refusal())
    newer = saved(kept, ANNA, ferry_answer())
    listed = kept.conversations.list(ANNA)
    assert [(s.conversation_id, s.title, s.num_questions) for s in listed] == [
        (newer, ferry_answer().question, 1),
        (older, bridge_answer().question, 2),
    ]
    assert datetime.fromisoformat(listed[0].changed_at).tzinfo is not None


# Owners


def test_nobody_sees_changes_or_deletes_what_is_anothers(kept: Kept) -> None:
    of_anna = saved(kept, ANNA, bridge_answer())
    feedback_id = kept.feedback.give(ANNA, Opinion("up"), bridge_answer(), conversation_id=of_anna, number=0)
    assert kept.conversations.list(BEN) == []
    assert kept.conversations.load(BEN, of_anna) is None
    assert not kept.conversations.delete(BEN, of_anna)
    assert kept.conversations.delete_all(BEN) == 0
    assert kept.feedback.of_conversation(BEN, of_anna) == {}
    assert not kept.feedback.take_back(BEN, feedback_id)
    assert kept.feedback.give(BEN, Opinion("down"), bridge_answer(), feedback_id=feedback_id) != feedback_id
    taken_over = kept.conversations.save(BEN, [exchange(ferry_answer())], of_anna, 1)
    assert taken_over is not None and taken_over.conversation_id != of_anna
    loaded = kept.conversations.load(ANNA, of_anna)
    assert loaded is not None and [e.question for e in loaded.exchanges] == [bridge_answer().question]
    assert kept.feedback.of_conversation(ANNA, of_anna)[0].opinion.verdict == "up"


def test_an_owner_is_a_user_or_a_hash_of_a_secret_and_never_both() -> None:
    secret = "0123456789abcdef" * 4
    assert owner_of("anna", secret) == "user:anna"
    owner = owner_of(None, secret)
    assert owner is not None and owner.startswith("secret:") and secret not in owner
    assert owner_of(None, "f" * 64) != owner
    for none in (None, "", "short", "G" * 64, f"{secret}\n", secret * 2):
        assert owner_of(None, none) is None


def test_the_secret_is_stored_nowhere(kept: Kept, kept_store: KeptStore) -> None:
    secret = "0123456789abcdef" * 4
    owner = owner_of(None, secret)
    assert owner is not None
    saved(kept, owner, bridge_answer())
    assert secret.encode() not in stored(kept_store)


# Keeping and not keeping


def test_nothing_is_saved_for_who_said_no(kept: Kept) -> None:
    before = saved(kept, ANNA, bridge_answer())
    kept.conversations.set_keeps(ANNA, False)
    assert not kept.conversations.keeps(ANNA)
    assert kept.conversations.save(ANNA, [exchange(ferry_answer())]) is None
    assert kept.conversations.save(ANNA, [exchange(bridge_answer()), exchange(refusal())], before, 1) is None
    assert [s.num_questions for s in kept.conversations.list(ANNA)] == [1]
    assert kept.conversations.keeps(BEN)
    kept.conversations.set_keeps(ANNA, True)
    assert kept.conversations.save(ANNA, [exchange(ferry_answer())]) is not None


def test_nothing_is_saved_or_shown_when_the_configuration_says_no(kept_store: KeptStore) -> None:
    before = saved(Kept.over(kept_store), ANNA, bridge_answer())
    off = Kept.over(kept_store, is_on=False).conversations
    assert off.save(ANNA, [exchange(ferry_answer())]) is None
    assert off.list(ANNA) == []
    assert off.load(ANNA, before) is None
    assert not off.keeps(ANNA)


def test_the_oldest_go_when_there_are_too_many(kept_store: KeptStore) -> None:
    kept = Kept.over(kept_store, max_conversations=3)
    of_ben = saved(kept, BEN, bridge_answer())
    ids = [saved(kept, ANNA, bridge_answer()) for _ in range(5)]
    assert [s.conversation_id for s in kept.conversations.list(ANNA)] == ids[:1:-1]
    assert [s.conversation_id for s in kept.conversations.list(BEN)] == [of_ben]


def test_what_nobody_goes_on_with_goes_after_its_days(path: Path) -> None:
    clock = Clock()
    file = KeptFile(path, clock)
    conversations, feedback = Conversations(file, max_days=30), FeedbackStore(file, max_days=30)
    kept = Kept(conversations, feedback, KeptRemoval(file))
    old = saved(kept, ANNA, bridge_answer())
    feedback.give(ANNA, Opinion("up"), bridge_answer(), conversation_id=old, number=0)
    feedback.give(ANNA, Opinion("up"), bridge_answer())
    clock.day += timedelta(days=31)
    assert conversations.list(ANNA) == []
    assert conversations.load(ANNA, old) is None
    saved(kept, BEN, ferry_answer())
    assert feedback.all() == []
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT COUNT(*) FROM exchanges").fetchone() == (1,)


def test_deleting_one_leaves_the_others_and_deleting_all_leaves_nothing(kept: Kept, kept_store: KeptStore) -> None:
    one, other = saved(kept, ANNA, bridge_answer()), saved(kept, ANNA, ferry_answer())
    of_ben = saved(kept, BEN, bridge_answer("Ben asks when it was opened?", passages=()))
    kept.feedback.give(ANNA, Opinion("up"), bridge_answer(), conversation_id=one, number=0)
    kept.feedback.give(ANNA, Opinion("down"), refusal())
    assert kept.conversations.delete(ANNA, one)
    assert [s.conversation_id for s in kept.conversations.list(ANNA)] == [other]
    assert [f.opinion.verdict for f in kept.feedback.all()] == ["down"]
    assert kept.conversations.delete_all(ANNA) == 1
    assert kept.conversations.list(ANNA) == [] and kept.feedback.all() == []
    assert [s.conversation_id for s in kept.conversations.list(BEN)] == [of_ben]
    # What is deleted is overwritten, not only unlinked.
    assert b"Ina Holt" not in stored(kept_store)


# Going on


def test_asking_again_and_editing_replace_what_came_after(kept: Kept) -> None:
    answers = [exchange(bridge_answer()), exchange(refusal()), exchange(ferry_answer())]
    saved_as = None
    for number in range(3):
        previous = (saved_as.conversation_id, saved_as.version) if saved_as else (None, 0)
        saved_as = kept.conversations.save(ANNA, answers[: number + 1], *previous)
        assert saved_as is not None
    assert saved_as is not None
    edited = kept.conversations.save(
        ANNA, [answers[0], exchange(ferry_answer("Who was the captain?"))], saved_as.conversation_id, saved_as.version
    )
    assert edited is not None
    loaded = kept.conversations.load(ANNA, edited.conversation_id)
    assert loaded is not None
    assert [e.question for e in loaded.exchanges] == [bridge_answer().question, "Who was the captain?"]


def test_two_pages_that_go_on_with_one_conversation_lose_nothing(kept: Kept) -> None:
    first = kept.conversations.save(ANNA, [exchange(bridge_answer())])
    assert first is not None
    here = kept.conversations.save(ANNA, [exchange(bridge_answer()), exchange(refusal())], *vars_of(first))
    there = kept.conversations.save(ANNA, [exchange(bridge_answer()), exchange(ferry_answer())], *vars_of(first))
    assert here is not None and there is not None and here.conversation_id != there.conversation_id
    last = {}
    for one in (here, there):
        loaded = kept.conversations.load(ANNA, one.conversation_id)
        assert loaded is not None and len(loaded.exchanges) == 2
        last[one.conversation_id] = loaded.exchanges[-1].question
    assert set(last.values()) == {refusal().question, ferry_answer().question}


def test_going_on_with_a_deleted_conversation_keeps_all_of_it_anew(kept: Kept) -> None:
    first = kept.conversations.save(ANNA, [exchange(bridge_answer())])
    assert first is not None
    kept.conversations.delete(ANNA, first.conversation_id)
    again = kept.conversations.save(ANNA, [exchange(bridge_answer()), exchange(refusal())], *vars_of(first))
    assert again is not None and again.conversation_id != first.conversation_id
    loaded = kept.conversations.load(ANNA, again.conversation_id)
    assert loaded is not None and len(loaded.exchanges) == 2


def vars_of(saved_as: object) -> tuple[str, int]:
    return saved_as.conversation_id, saved_as.version  # type: ignore[attr-defined]  # a Saved


def test_many_at_once_all_keep_theirs(kept: Kept) -> None:
    def talk(owner: str) -> None:
        for _ in range(5):
            saved(kept, owner, bridge_answer(f"{owner} asks?"))

    threads = [threading.Thread(target=talk, args=(f"user:u{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n in range(6):
        assert [s.title for s in kept.conversations.list(f"user:u{n}")] == [f"user:u{n} asks?"] * 5


# Damage


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE exchanges SET answer = substr(answer, 1, 40) WHERE number = 0",
        "UPDATE exchanges SET answer = '{}' WHERE number = 0",
        "UPDATE exchanges SET answer = replace(answer, '4 May', '5 May') WHERE number = 0",
        "UPDATE exchanges SET answer = NULL WHERE number = 0",
        "UPDATE exchanges SET seal = NULL WHERE number = 0",
        "UPDATE exchanges SET settings = 'x' WHERE number = 0",
        "UPDATE exchanges SET answer = 'ff00ff' WHERE number = 0",
    ],
)
def test_a_damaged_answer_is_named_and_the_others_are_there(
    kept: Kept, kept_store: KeptStore, caplog: pytest.LogCaptureFixture, statement: str
) -> None:
    one = saved(kept, ANNA, bridge_answer(), refusal())
    execute(kept_store, statement)
    with caplog.at_level(logging.WARNING):
        loaded = kept.conversations.load(ANNA, one)
    assert loaded is not None
    damaged, whole = loaded.exchanges
    assert damaged.answer is None and damaged.lost == "damaged"
    assert whole.answer is not None and whole.lost is None
    assert f"answer 1 of the kept conversation {one}" in caplog.text


def test_a_file_that_is_no_database_is_an_error_of_one_line(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(StorageError, match="damaged"):
        Kept.at(path).conversations.list(ANNA)


# Removal of articles


def forget(kept: Kept, *names: str, urls: tuple[str, ...] = ()) -> None:
    kept.removal.forget(set(names), set(urls))


@pytest.mark.parametrize("by", [{"names": (FERRY.article_id,)}, {"urls": (FERRY.url,)}], ids=["id", "address"])
def test_an_answer_that_quotes_a_removed_article_goes_and_its_question_stays(
    kept: Kept, kept_store: KeptStore, by: dict[str, tuple[str, ...]]
) -> None:
    one = saved(kept, ANNA, ferry_answer(), refusal(passages=()))
    forget(kept, *by.get("names", ()), urls=by.get("urls", ()))
    loaded = kept.conversations.load(ANNA, one)
    assert loaded is not None
    gone, other = loaded.exchanges
    assert (gone.question, gone.answer, gone.lost) == (ferry_answer().question, None, "removed")
    assert other.answer is not None
    for words in (b"Ina Holt", b"The last ferry", FERRY.article_id.encode(), (FERRY.url or "").encode()):
        assert words not in stored(kept_store)


def test_an_answer_that_rests_on_others_stays_without_the_removed_passage(kept: Kept, kept_store: KeptStore) -> None:
    one = saved(kept, ANNA, bridge_answer())
    forget(kept, FERRY.article_id)
    loaded = kept.conversations.load(ANNA, one)
    assert loaded is not None and loaded.exchanges[0].answer is not None
    answer = loaded.exchanges[0].answer
    assert answer.short_answer == "4 May 2023"
    assert [r.passage.article_id for r in answer.passages] == [BRIDGE.article_id]
    assert answer.notes == ()
    assert b"Ina Holt" not in stored(kept_store)


def test_a_removed_copy_is_no_longer_named_beside_the_article(kept: Kept, kept_store: KeptStore) -> None:
    one = saved(kept, ANNA, ferry_answer())
    forget(kept, COPY.article_id)
    loaded = kept.conversations.load(ANNA, one)
    assert loaded is not None and loaded.exchanges[0].answer is not None
    assert loaded.exchanges[0].answer.citations[0].retrieved.also_in == ()
    assert COPY.title.encode() not in stored(kept_store)


def test_the_article_that_dated_an_event_is_no_longer_named(kept: Kept) -> None:
    one = saved(kept, ANNA, ferry_answer())
    forget(kept, "d")
    loaded = kept.conversations.load(ANNA, one)
    assert loaded is not None and loaded.exchanges[0].answer is not None
    window = loaded.exchanges[0].answer.date_window
    assert window is not None and window.source is None


def test_a_followup_is_no_longer_understood_by_words_of_a_removed_article(kept: Kept, kept_store: KeptStore) -> None:
    followup = bridge_answer("And his ship?", standalone_question="What is Ina Holt's ship?")
    one = saved(kept, ANNA, ferry_answer(), followup)
    kept.feedback.give(ANNA, Opinion("up"), followup, conversation_id=one, number=1, before=[ferry_answer()])
    forget(kept, FERRY.article_id)
    loaded = kept.conversations.load(ANNA, one)
    assert loaded is not None and loaded.exchanges[1].answer is not None
    assert loaded.exchanges[1].answer.standalone_question == "And his ship?"
    assert b"Ina Holt" not in stored(kept_store)


def test_feedback_loses_the_answer_of_a_removed_article(kept: Kept, kept_store: KeptStore) -> None:
    kept.feedback.give(ANNA, Opinion("up"), ferry_answer())
    forget(kept, FERRY.article_id)
    (item,) = kept.feedback.all()
    assert (item.short_answer, item.is_removed) == (None, True)
    assert b"Ina Holt" not in stored(kept_store)


def test_a_damaged_answer_goes_when_an_article_it_may_quote_is_removed(kept: Kept, kept_store: KeptStore) -> None:
    saved(kept, ANNA, ferry_answer())
    execute(kept_store, "UPDATE exchanges SET answer = substr(answer, 2)")
    forget(kept, FERRY.article_id)
    assert b"Ina Holt" not in stored(kept_store)


def test_what_the_article_of_a_note_said_earlier_is_not_kept_at_all(kept: Kept, kept_store: KeptStore) -> None:
    one = saved(kept, ANNA, bridge_answer())
    loaded = kept.conversations.load(ANNA, one)
    assert loaded is not None and loaded.exchanges[0].answer is not None
    assert [note.kind for note in loaded.exchanges[0].answer.notes] == ["age"]
    assert b"Earlier: 11" not in stored(kept_store)


def test_removing_an_article_that_nobody_quotes_changes_nothing(kept: Kept, kept_store: KeptStore) -> None:
    saved(kept, ANNA, bridge_answer())
    before = stored(kept_store)
    forget(kept, "nobody", urls=("https://nobody.example/",))
    assert stored(kept_store) == before
