"""Generations are listed with what is wrong with them, and compared by article."""

from __future__ import annotations

from pathlib import Path

import pytest

from index.errors import BadInputError, DamagedIndexError
from index.generation_list import ChangedArticle
from tests.fakes import Parts, numbered_article, numbered_articles, open_parts


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return open_parts(tmp_path, keep=5)


def _changed(number: int) -> ChangedArticle:
    return ChangedArticle(numbered_article(number).article_id, f"Meeting about subject{number}")


def test_generations_are_listed_oldest_first_with_the_live_one_marked(parts: Parts) -> None:
    assert parts.collection.generations() == []
    parts.collection.add(numbered_articles(2))
    parts.collection.add(numbered_articles(1, first=2))
    parts.collection.rollback()
    first, second = parts.collection.generations()
    assert (first.generation, first.is_live, first.num_articles, first.num_passages) == ("gen-000001", True, 2, 6)
    assert (second.generation, second.is_live, second.num_articles, second.num_passages) == ("gen-000002", False, 3, 9)
    assert first.embedder == second.embedder == "hash-words"
    assert first.created_at is not None
    assert first.damage is None


def test_damage_is_told(parts: Parts) -> None:
    for number in range(3):
        parts.collection.add([numbered_article(number)])
    (parts.generations.path("gen-000001") / "rows.npy").write_bytes(b"x")
    (parts.generations.path("gen-000002") / "manifest.json").unlink()
    first, second, third = parts.collection.generations()
    assert first.damage is not None
    assert "rows.npy is damaged" in first.damage
    assert first.num_articles == 1
    assert second.damage is not None
    assert "manifest.json cannot be read" in second.damage
    assert second.num_articles is None
    assert third.damage is None


def test_a_diff_names_what_came_went_and_changed(parts: Parts) -> None:
    parts.collection.add(numbered_articles(4))
    parts.collection.add([numbered_article(1, version=2), numbered_article(4)])
    diff = parts.collection.diff("gen-000001", "gen-000002")
    assert diff.articles_in == (_changed(4),)
    assert diff.articles_out == ()
    assert diff.revised == (_changed(1),)
    back = parts.collection.diff("gen-000002", "gen-000001")
    assert (back.articles_in, back.articles_out, back.revised) == ((), (_changed(4),), (_changed(1),))


def test_a_removed_article_has_no_title_any_more(parts: Parts) -> None:
    parts.collection.add(numbered_articles(2))
    parts.library.remove([numbered_article(1).article_id])
    parts.library.accept([numbered_article(2)])
    parts.generations.discard = lambda name: None  # type: ignore[method-assign]  # as if it could not be deleted
    parts.collection.update()
    diff = parts.collection.diff("gen-000001", "gen-000002")
    assert diff.articles_out == (ChangedArticle(numbered_article(1).article_id, None),)
    assert diff.articles_in == (_changed(2),)


def test_a_generation_differs_in_nothing_from_itself(parts: Parts) -> None:
    parts.collection.add(numbered_articles(2))
    diff = parts.collection.diff("gen-000001", "gen-000001")
    assert diff.to_json() == {
        "old": "gen-000001",
        "new": "gen-000001",
        "articles_in": (),
        "articles_out": (),
        "revised": (),
    }


def test_comparing_what_is_not_there_or_damaged_is_told(parts: Parts) -> None:
    parts.collection.add(numbered_articles(2))
    with pytest.raises(BadInputError, match="no generation 'gen-000009'; there are gen-000001"):
        parts.collection.diff("gen-000001", "gen-000009")
    (parts.live_folder / "rows.npy").write_bytes(b"x")
    with pytest.raises(DamagedIndexError, match=r"rows\.npy"):
        parts.collection.diff("gen-000001", "gen-000001")
