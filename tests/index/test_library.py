"""What becomes of an article that comes once, again, changed, under another url, or after it was removed."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from index.database import Database
from index.errors import StorageError
from index.library import Library, LibraryCounts
from index.library_removal import _OF_REMOVED
from index.sources.fetch_log import FetchLog, FetchRecord
from index.sql import Connection, SqlDatabase
from index.types import Article, make_article
from tests.databases import ONLY_SQLITE
from tests.fakes import numbered_article, numbered_articles, retitled


@pytest.fixture
def library(sql_database: SqlDatabase) -> Library:
    return Library(sql_database)


def _execute(library: Library, statement: str, *values: object) -> None:
    assert library.database.transact(lambda connection: connection.execute(statement, values).rowcount) == 1


def _article(text: str = "It rained.", url: str | None = "https://a.example/1", **fields: Any) -> Article:
    return make_article(text, url=url, title="Rain", **fields)


def _indexed_urls(library: Library) -> list[str | None]:
    return [revision.article.url for revision in library.revisions(library.indexable_revision_ids())]


def _one(library: Library, article_id: str) -> Article:
    revision = library.article(article_id)
    assert revision is not None
    return revision.article


# What becomes of an article


def test_a_new_article_is_added_as_it_is(library: Library) -> None:
    article = _article(source="A", published_at="2024-03-28", metadata={"tags": ["é", {"a": 1}], "n": None})
    assert library.accept([article]) == ["added"]
    assert _one(library, article.article_id) == article


def test_the_same_article_again_is_unchanged(library: Library) -> None:
    library.accept([_article()])
    assert library.accept([_article()]) == ["unchanged"]
    assert library.counts() == LibraryCounts(num_articles=1, num_revisions=1, num_removed=0)


def test_a_new_text_under_the_same_url_is_a_revision(library: Library) -> None:
    article = _article()
    library.accept([article])
    assert library.accept([_article("It snowed.")]) == ["revised"]
    assert _one(library, article.article_id).text == "It snowed."
    assert [r.article.text for r in library.history(article.article_id)] == ["It snowed.", "It rained."]
    assert library.counts() == LibraryCounts(num_articles=1, num_revisions=2, num_removed=0)


def test_a_new_text_under_the_same_id_is_a_revision(library: Library) -> None:
    library.accept([_article(url=None, article_id="mine")])
    assert library.accept([_article("It snowed.", url=None, article_id="mine")]) == ["revised"]
    assert _one(library, "mine").text == "It snowed."


def test_a_known_url_counts_more_than_another_id(library: Library) -> None:
    library.accept([_article(article_id="mine")])
    assert library.accept([_article("It snowed.", article_id="other")]) == ["revised"]
    assert _one(library, "mine").text == "It snowed."
    assert library.article("other") is None


def test_an_id_keeps_its_article_when_the_url_moves(library: Library) -> None:
    library.accept([_article(article_id="mine")])
    assert library.accept([_article("It snowed.", "https://b.example", article_id="mine")]) == ["revised"]
    assert _one(library, "mine").url == "https://b.example"
    assert library.accept([_article("It hailed.", "https://b.example")]) == ["revised"]
    assert library.counts().num_articles == 1


def test_a_revision_without_a_url_leaves_the_url_known(library: Library) -> None:
    library.accept([_article(article_id="mine"), _article("It snowed.", url=None, article_id="mine")])
    assert library.accept([_article("It hailed.")]) == ["revised"]
    assert _one(library, "mine").text == "It hailed."


def test_a_corrected_title_is_a_revision(library: Library) -> None:
    article = _article()
    library.accept([article])
    assert library.accept([retitled(article, "Snow")]) == ["revised"]
    assert _one(library, article.article_id).title == "Snow"


def test_going_back_to_an_earlier_text_is_a_revision_too(library: Library) -> None:
    library.accept([_article(), _article("It snowed.")])
    assert library.accept([_article()]) == ["revised"]
    assert len(library.indexable_revision_ids()) == 1


def test_each_article_of_a_batch_meets_those_before_it(library: Library) -> None:
    batch = [_article(), _article(), _article("It snowed."), _article("It snowed.", "https://b.example")]
    assert library.accept(batch) == ["added", "unchanged", "revised", "duplicate"]


@ONLY_SQLITE
def test_no_article_that_comes_or_goes_has_all_others_gone_through(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements: list[str] = []
    connect = sqlite3.connect

    def traced(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **options)
        connection.set_trace_callback(statements.append)
        return connection

    monkeypatch.setattr(sqlite3, "connect", traced)
    library.accept([*numbered_articles(3), numbered_article(1), numbered_article(2, version=2)])
    library.remove([numbered_article(1).article_id])
    monkeypatch.undo()
    planned = {s for s in statements if s.startswith(("SELECT", "UPDATE", "DELETE", "INSERT"))}
    assert any("text_hash =" in statement for statement in planned)
    with closing(connect(tmp_path / "library.sqlite")) as connection:
        for statement in planned:
            steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
            assert not [step for step in steps if step.startswith("SCAN")], statement


def test_an_empty_batch_is_nothing(library: Library) -> None:
    assert library.accept([]) == []


# The same text in several articles


def test_the_same_text_under_another_url_is_a_duplicate_and_indexed_once(library: Library) -> None:
    library.accept([_article()])
    assert library.accept([_article(url="https://b.example")]) == ["duplicate"]
    assert _indexed_urls(library) == ["https://a.example/1"]
    assert library.counts().num_articles == 2


def test_each_live_text_comes_with_all_its_articles(library: Library) -> None:
    library.accept([_article(), _article("It snowed."), _article(url="https://b.example")])
    library.accept([_article("It hailed.", "https://c.example"), _article("It hailed.", "https://d.example")])
    library.accept([_article("It snowed.", "https://e.example"), _article("It hailed.", "https://f.example")])
    # The first article was revised at once: its first text lives on in the other one.
    assert library.live_texts() == {2: (6,), 3: (), 4: (5, 7)}
    library.remove([_article(url="https://d.example").article_id])
    assert library.live_texts() == {2: (6,), 3: (), 4: (7,)}


def test_a_duplicate_takes_the_place_of_a_removed_original(library: Library) -> None:
    library.accept([_article(), _article(url="https://b.example")])
    library.remove([_article().article_id])
    assert _indexed_urls(library) == ["https://b.example"]


def test_a_duplicate_takes_the_place_of_an_original_with_a_new_text(library: Library) -> None:
    library.accept([_article(), _article(url="https://b.example")])
    library.accept([_article("It snowed.")])
    assert sorted(map(str, _indexed_urls(library))) == ["https://a.example/1", "https://b.example"]


def test_a_revision_to_the_text_of_another_article_is_indexed_once(library: Library) -> None:
    library.accept([_article(), _article("It snowed.", "https://b.example")])
    assert library.accept([_article(url="https://b.example")]) == ["revised"]
    assert _indexed_urls(library) == ["https://a.example/1"]


# Removing


def test_a_removed_article_is_gone_with_all_its_texts(library: Library, tmp_path: Path) -> None:
    secret = "Verbatim words that shall go."
    article = _article(secret)
    library.accept([article, _article("It snowed."), _article("It hailed.", "https://b.example")])
    assert library.remove([article.article_id]) == [article.article_id]
    assert library.article(article.article_id) is None
    assert library.history(article.article_id) == []
    assert _indexed_urls(library) == ["https://b.example"]
    assert library.counts() == LibraryCounts(num_articles=1, num_revisions=1, num_removed=1)
    for file in tmp_path.glob("*.sqlite"):
        assert secret.encode() not in file.read_bytes()


def test_removing_what_is_not_there_removes_nothing(library: Library) -> None:
    library.accept([_article()])
    assert library.remove(["nobody", _article().article_id, _article().article_id]) == [_article().article_id]
    assert library.remove([_article().article_id]) == []


def test_a_removed_article_can_be_added_again(library: Library) -> None:
    library.accept([_article()])
    library.remove([_article().article_id])
    assert library.accept([_article()]) == ["added"]
    assert _one(library, _article().article_id) == _article()
    assert library.counts() == LibraryCounts(num_articles=1, num_revisions=1, num_removed=0)


def test_a_removed_article_added_again_can_be_a_duplicate(library: Library) -> None:
    library.accept([_article(), _article(url="https://b.example")])
    library.remove([_article().article_id])
    assert library.accept([_article()]) == ["duplicate"]
    assert _indexed_urls(library) == ["https://b.example"]


def test_the_url_of_a_removed_article_is_free_for_another(library: Library) -> None:
    library.accept([_article(article_id="mine")])
    library.remove(["mine"])
    assert library.accept([_article(article_id="other")]) == ["added"]
    assert library.article("mine") is None


def test_revision_ids_are_never_used_again(library: Library) -> None:
    library.accept([_article()])
    before = library.indexable_revision_ids()
    library.remove([_article().article_id])
    library.accept([_article()])
    assert library.indexable_revision_ids()[0] > before[0]


def _stray(library: Library, *article_ids: str) -> None:
    """What a build of an earlier version left that was overtaken by a removal."""
    rows = [(article_id.encode(), article_id, b"0") for article_id in article_ids]

    def stray(connection: Connection) -> None:
        connection.executemany(
            "INSERT INTO embeddings (input_hash, model_id, article_id, vector) VALUES (?, 'm', ?, ?)", rows
        )

    library.database.transact(stray)


def _articles_with_embeddings(library: Library) -> list[str]:
    with library.database.read() as connection:
        return [row[0] for row in connection.execute("SELECT article_id FROM embeddings ORDER BY 1")]


def test_embeddings_that_came_after_a_removal_are_deleted(library: Library) -> None:
    ids = ["a", "b", "c"]
    library.accept([_article(f"It rained on {some}.", f"https://{some}.example", article_id=some) for some in ids])
    library.remove(["a"])
    _stray(library, "a", "b")
    library.delete_strayed_embeddings()
    assert _articles_with_embeddings(library) == ["b"]


@ONLY_SQLITE
def test_strayed_embeddings_are_looked_for_among_removed_articles_only(library: Library) -> None:
    with library.database.read() as connection:
        statement = f"EXPLAIN QUERY PLAN DELETE FROM embeddings WHERE {_OF_REMOVED}"
        plan = [row["detail"] for row in connection.execute(statement)]
    # The first index holds removed articles alone.
    assert [step for step in plan if step.startswith("SCAN")] == ["SCAN articles USING INDEX articles_removed"]
    assert any(step.startswith("SEARCH embeddings USING COVERING INDEX embeddings_article") for step in plan), plan


def test_removing_an_article_forgets_when_its_addresses_were_fetched(library: Library) -> None:
    log = FetchLog(library.database)
    library.accept([_article(url="https://a.example/old", article_id="mine")])
    library.accept([_article("It snowed.", url="https://a.example/new", article_id="mine")])
    for page in ("old", "new", "other"):
        log.put(FetchRecord(f"https://a.example/{page}", None, None, datetime(2024, 1, 1, tzinfo=UTC)))
    library.remove(["mine"])
    assert [log.get(f"https://a.example/{page}") is None for page in ("old", "new", "other")] == [True, True, False]


def test_a_removed_article_is_known_by_its_addresses_until_one_of_them_is_added_again(
    library: Library, tmp_path: Path
) -> None:
    library.accept([_article(url="https://a.example/old", article_id="mine")])
    library.accept([_article("It snowed.", url="https://a.example/new", article_id="mine")])
    assert not library.is_removed("other", "https://a.example/new")
    library.remove(["mine"])
    assert library.is_removed("mine")
    assert library.is_removed("other", "https://a.example/old")
    assert library.is_removed("other", "https://a.example/new")
    assert not library.is_removed("other", "https://a.example/else")
    assert not library.is_removed("other")
    for file in tmp_path.glob("*.sqlite"):
        assert b"a.example" not in file.read_bytes()
    library.accept([_article(url="https://a.example/new", article_id="other")])
    assert not library.is_removed("other", "https://a.example/new")
    assert library.is_removed("other", "https://a.example/old")


# All or nothing, from many sides


def test_a_batch_with_one_impossible_article_leaves_nothing_behind(library: Library) -> None:
    impossible = replace(_article("It snowed.", "https://b.example"), text_hash=None)  # type: ignore[arg-type]
    with pytest.raises(StorageError, match="(?i)not.null"):
        library.accept([_article(), impossible])
    assert library.counts() == LibraryCounts(num_articles=0, num_revisions=0, num_removed=0)


def test_many_threads_may_accept_at_once(library: Library) -> None:
    batches = [numbered_articles(5, first=5 * number) for number in range(12)]
    with ThreadPoolExecutor(6) as pool:
        verdicts = list(pool.map(library.accept, batches))
    assert verdicts == [["added"] * 5] * 12
    assert library.counts().num_articles == 60
    assert library.check() == []


def test_many_threads_may_accept_the_same_articles(library: Library) -> None:
    with ThreadPoolExecutor(6) as pool:
        verdicts = list(pool.map(lambda _: library.accept(numbered_articles(3)), range(6)))
    assert sorted(sum(verdicts, [])) == ["added"] * 3 + ["unchanged"] * 15
    assert library.counts() == LibraryCounts(num_articles=3, num_revisions=3, num_removed=0)


@ONLY_SQLITE
def test_a_second_library_on_the_same_file_sees_what_was_accepted(library: Library, tmp_path: Path) -> None:
    library.accept([_article()])
    assert Library(Database(tmp_path / "library.sqlite")).counts().num_articles == 1


# Damage


@ONLY_SQLITE
@pytest.mark.parametrize("damaged", [b"\xff\xfe It rained.", b"\x00"])
def test_a_text_that_is_none_is_found_and_not_given_out(library: Library, damaged: bytes) -> None:
    library.accept([_article()])
    _execute(library, "UPDATE revisions SET text = CAST(? AS TEXT)", damaged)
    assert len(library.check()) == 1
    with pytest.raises(StorageError, match="is damaged"):
        library.article(_article().article_id)


@pytest.mark.parametrize("damaged", ["It rainEd.", ""])
def test_a_damaged_text_is_found_and_not_given_out(library: Library, damaged: str) -> None:
    library.accept([_article(), _article("It snowed.", "https://b.example")])
    article_id = _article().article_id
    _execute(library, "UPDATE revisions SET text = ? WHERE article_id = ?", damaged, article_id)
    problems = library.check()
    assert len(problems) == 1
    assert article_id in problems[0]
    with pytest.raises(StorageError, match=f"{article_id} is damaged.*add the article again"):
        library.article(article_id)


def test_everything_is_checked_some_at_a_time(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.library._REVISIONS_PER_PAGE", 2)
    library.accept(numbered_articles(6))
    assert library.check() == []
    for revision_id in (1, 4, 6):
        _execute(library, "UPDATE revisions SET text = 'It rainEd.' WHERE revision_id = ?", revision_id)
    assert len(library.check()) == 3


def test_damaged_metadata_is_found(library: Library) -> None:
    library.accept([_article(metadata={"a": 1})])
    _execute(library, "UPDATE revisions SET metadata = '{\"a\": '")
    problems = library.check()
    assert len(problems) == 1
    assert _article().article_id in problems[0]


@pytest.mark.parametrize(
    "column", ["title", "url", "source", "published_at", "content_hash", "accepted_at", "metadata"]
)
def test_damage_to_any_column_is_found_and_not_given_out(library: Library, column: str) -> None:
    library.accept([_article(source="Post", published_at="2024-03-01", metadata={"a": 1})])
    _execute(library, f"UPDATE revisions SET {column} = replace({column}, substr({column}, 2, 1), '7')")
    assert len(library.check()) == 1
    with pytest.raises(StorageError, match=r"is damaged.*add the article again"):
        library.article(_article().article_id)


def test_a_row_of_before_seals_is_read_without(library: Library) -> None:
    library.accept([_article()])
    _execute(library, "UPDATE revisions SET seal = NULL, title = 'Other'")
    assert _one(library, _article().article_id).title == "Other"


def test_an_article_that_points_at_an_older_revision_is_found(library: Library) -> None:
    library.accept([_article()])
    library.accept([_article("It snowed.")])
    _execute(library, "UPDATE articles SET current_revision = 1")
    assert "lost its newest revision" in library.check()[0]


@ONLY_SQLITE
def test_a_revision_of_an_article_that_there_is_not_is_found(library: Library, tmp_path: Path) -> None:
    library.accept([_article()])
    with sqlite3.connect(tmp_path / "library.sqlite") as connection:  # without our check of foreign keys
        connection.execute("UPDATE revisions SET article_id = 'x'")
    assert any("belongs to no articles" in problem for problem in library.check())


@pytest.mark.parametrize("column", ["text", "text_hash", "title", "url", "metadata", "seal"])
def test_adding_a_damaged_article_again_mends_it(library: Library, column: str) -> None:
    library.accept([_article()])
    _execute(library, f"UPDATE revisions SET {column} = 'x'")
    assert library.accept([_article()]) == ["unchanged"]
    assert _one(library, _article().article_id) == _article()
    assert library.check() == []
    assert library.counts().num_revisions == 1


def test_a_whole_library_has_no_problems(library: Library) -> None:
    library.accept(numbered_articles(3))
    assert library.check() == []


# Reading


def test_revisions_come_in_the_order_asked_for_without_those_gone(library: Library) -> None:
    library.accept([numbered_article(0), numbered_article(1), numbered_article(2)])
    first, second, third = library.indexable_revision_ids()
    library.remove([numbered_article(1).article_id])
    assert [revision.revision_id for revision in library.revisions([third, second, first])] == [third, first]


def test_only_later_revisions_have_a_date_of_revision(library: Library) -> None:
    library.accept([_article("It rained."), _article("It hailed.", "https://a.example/2")])
    library.accept([_article("It snowed.")])
    (first, other, second) = (1, 2, 3)
    (revision,) = library.revisions([second])
    assert revision.article.text == "It snowed."
    assert library.revised_on([first, other, second, 99]) == {second: revision.accepted_at[:10]}
    assert library.revised_on([]) == {}
