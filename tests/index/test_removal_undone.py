"""A removed article that is put back is what it was: texts, order, dates, ids, and what else tells its story."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from index.collection import Collection
from index.errors import BadInputError, StorageError
from index.library import Revision
from index.types import Article, make_article
from tests.fakes import Parts, open_parts
from tests.index.stories import outlet_article, story

_URL = "https://a.example/tides"


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return open_parts(tmp_path)


def _text(number: int, url: str | None = _URL) -> Article:
    metadata = {"author": f"É {number}", "tags": [number, None]}
    source, day = "The Lone Gazette", f"2024-02-0{number}"
    return make_article(
        f"Tide number {number} was high.", title=f"Tides {number}", url=url, source=source, published_at=day,
        metadata=metadata, article_id="tides",
    )  # fmt: skip


def _as_accepted(revisions: list[Revision]) -> list[tuple[Article, str]]:
    return [(revision.article, revision.accepted_at) for revision in revisions]


def _age(parts: Parts) -> None:
    """Pretend that every revision came in another year, each in its own."""
    with parts.database.write() as connection:
        connection.execute(
            "UPDATE revisions SET accepted_at = CAST(2000 + revision_id AS TEXT) || '-05-01T10:00:00+00:00', "
            "seal = NULL"
        )


def _found(collection: Collection, words: str) -> list[str]:
    snapshot = collection.snapshot()
    assert snapshot is not None
    return [passage.article_id for passage in snapshot.all_passages() if words in passage.text]


def test_every_revision_comes_back_with_its_dates_and_in_its_order(parts: Parts) -> None:
    for number in (1, 2, 3):
        parts.collection.add([_text(number)])
    _age(parts)
    before = _as_accepted(parts.library.history("tides"))
    revisions = parts.collection.take_out("tides")
    parts.collection.update()
    assert parts.collection.articles()[1] == 0
    assert _found(parts.collection, "Tide") == []
    parts.collection.put_back(revisions)
    parts.collection.update()
    assert _as_accepted(parts.library.history("tides")) == before
    assert parts.collection.article("tides").article == _text(3)
    assert _found(parts.collection, "Tide number 3") == ["tides"]
    assert parts.library.check() == []
    assert [arrival.verdict for arrival in parts.collection.arrivals()] == ["revised", "revised", "added"]


def test_what_comes_later_is_a_revision_of_what_was_put_back(parts: Parts) -> None:
    parts.collection.add([_text(1)])
    parts.collection.put_back(parts.collection.take_out("tides"))
    assert parts.collection.add([_text(1)]).unchanged == 1
    assert parts.collection.add([replace(_text(2), article_id="other")]).revised == 1  # by its address
    assert not parts.collection.is_removed("tides", _URL)


def test_an_earlier_address_is_not_taken_for_removed_either(parts: Parts) -> None:
    older = "https://a.example/older"
    parts.collection.add([_text(1, older)])
    parts.collection.add([_text(2)])
    revisions = parts.collection.take_out("tides")
    assert parts.collection.is_removed("x", older)
    parts.collection.put_back(revisions)
    assert not parts.collection.is_removed("x", older)


def test_an_article_without_an_address_comes_back(parts: Parts) -> None:
    parts.collection.add([_text(1, None)])
    parts.collection.put_back(parts.collection.take_out("tides"))
    assert parts.collection.article("tides").article == _text(1, None)


def test_the_other_tellings_of_its_story_are_found_again(parts: Parts) -> None:
    text = story(1)
    wire, copy = outlet_article(text, "Wire"), outlet_article(text + " Our own words.", "Herald")
    parts.collection.add([wire, copy])
    revisions = parts.collection.take_out(wire.article_id)
    parts.collection.update()
    assert parts.collection.also_in(parts.collection.article(copy.article_id).revision_id) == ()
    parts.collection.put_back(revisions)
    parts.collection.update()
    again = parts.collection.article(wire.article_id)
    assert [member.article_id for member in parts.collection.also_in(again.revision_id)] == [copy.article_id]


def test_what_was_added_again_meanwhile_is_left_as_it_is(parts: Parts) -> None:
    parts.collection.add([_text(1)])
    revisions = parts.collection.take_out("tides")
    parts.collection.add([replace(_text(2), article_id="other")])
    with pytest.raises(BadInputError, match=r"added again meanwhile \(as tides\)|added again meanwhile \(as other\)"):
        parts.collection.put_back(revisions)
    assert parts.library.counts().num_revisions == 1
    assert parts.library.check() == []


def test_it_is_put_back_once(parts: Parts) -> None:
    parts.collection.add([_text(1)])
    revisions = parts.collection.take_out("tides")
    parts.collection.put_back(revisions)
    with pytest.raises(BadInputError, match="added again"):
        parts.collection.put_back(revisions)
    assert parts.library.counts().num_revisions == 1


def test_what_is_not_there_cannot_be_taken_out(parts: Parts) -> None:
    with pytest.raises(BadInputError, match="'tides'; nothing was removed"):
        parts.collection.take_out("tides")


def test_a_damaged_text_is_not_taken_out_since_it_could_not_be_put_back(parts: Parts) -> None:
    parts.collection.add([_text(1)])
    with parts.database.write() as connection:
        connection.execute("UPDATE revisions SET text = 'x'")
    with pytest.raises(StorageError, match="damaged"):
        parts.collection.take_out("tides")
    assert parts.library.counts().num_articles == 1
