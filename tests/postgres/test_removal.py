"""What was removed is in no table any more: not in the library, not in any generation, whatever was cut short."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from index.errors import BadInputError
from index.types import Article, make_article
from scripts.cluster.postgres_server import PostgresServer
from tests.fakes import numbered_article, numbered_articles
from tests.postgres.collections import OnServers, open_on

pytestmark = pytest.mark.slow

_SECRET = "q7f3a9c1e5b8d2046kzw"
_SOUGHT = (_SECRET, "lone.example", "Lone Gazette")


def _secret_article() -> Article:
    return make_article(
        f"Nobody but us knows {_SECRET} and nobody else should. It was told to us on Friday by a friend of ours.",
        title="A private matter",
        url="https://lone.example/secret",
        source="The Lone Gazette",
        published_at="2024-02-01",
    )


@pytest.fixture
def urls(new_database: Callable[[], str]) -> list[str]:
    """A main server and two shards."""
    return [new_database() for _ in range(3)]


@pytest.fixture
def opened(urls: list[str]) -> Iterator[OnServers]:
    opened = open_on(urls)
    yield opened
    opened.store.close()


@pytest.fixture
def dumped(postgres_server: PostgresServer, urls: list[str]) -> Callable[[], str]:
    """Everything that stands in any table of any of the servers."""
    return lambda: "".join(postgres_server.run("pg_dump", url) for url in urls)


def test_a_removed_article_is_in_no_table_any_more(opened: OnServers, dumped: Callable[[], str]) -> None:
    opened.collection.add(numbered_articles(4))
    opened.collection.add([_secret_article(), *numbered_articles(3, first=4)])
    opened.collection.add(numbered_articles(2, first=7))
    before = dumped()
    assert all(sought in before for sought in _SOUGHT)
    opened.collection.remove([_secret_article().article_id])
    after = dumped()
    assert not any(sought in after for sought in _SOUGHT)
    assert opened.collection.status()["removal"] == {"num_removed": 1, "text_left_in": []}
    # Those that found it went; those that never did stay for going back.
    assert opened.store.names() == ["gen-000001", "gen-000004"]
    assert opened.collection.rollback() == "gen-000001"


def test_a_removal_that_was_cut_short_is_told_and_finished_by_the_next_build(
    opened: OnServers, dumped: Callable[[], str]
) -> None:
    opened.collection.add([_secret_article(), *numbered_articles(2)])
    opened.collection.add(numbered_articles(1, first=2))
    opened.library.remove([_secret_article().article_id])  # and the process ends here
    assert opened.collection.status()["removal"]["text_left_in"] == ["gen-000001", "gen-000002"]
    with pytest.raises(BadInputError, match="holds text that was removed"):
        opened.collection.rollback("gen-000001")
    assert opened.collection.update() == "gen-000003"
    assert not any(sought in dumped() for sought in _SOUGHT)
    assert opened.collection.status()["removal"]["text_left_in"] == []
    assert opened.library.removed_revisions() == set()


def test_texts_of_earlier_revisions_go_too(opened: OnServers, dumped: Callable[[], str]) -> None:
    opened.collection.add([_secret_article(), *numbered_articles(2)])
    later = make_article("Another text.", url=_secret_article().url, title="A private matter")
    opened.collection.add([later])
    opened.collection.remove([_secret_article().article_id])
    assert not any(sought in dumped() for sought in _SOUGHT)


def test_an_article_removed_while_it_is_indexed_is_not_left_behind(
    opened: OnServers, dumped: Callable[[], str]
) -> None:
    opened.collection.add(numbered_articles(2))
    opened.collection.accept([_secret_article(), *numbered_articles(200, first=2)])

    def remove(stage: str, done: int, total: int) -> None:
        if stage == "indexing articles" and done > 0:
            opened.library.remove([_secret_article().article_id])

    opened.collection.update(progress=remove)
    assert not any(sought in dumped() for sought in _SOUGHT)
    snapshot = opened.collection.snapshot()
    assert snapshot is not None and len(snapshot.revision_ids()) == 202


def test_what_was_taken_out_can_be_put_back(opened: OnServers) -> None:
    opened.collection.add([_secret_article(), *numbered_articles(2)])
    revisions = opened.collection.take_out(_secret_article().article_id)
    opened.collection.update()
    opened.collection.put_back(revisions)
    opened.collection.update()
    assert opened.collection.article(_secret_article().article_id).article == _secret_article()
    snapshot = opened.collection.snapshot()
    assert snapshot is not None and len(snapshot.revision_ids()) == 3
    with pytest.raises(BadInputError, match="added again meanwhile"):
        opened.collection.put_back(revisions)


def test_removing_one_of_many_erases_it_alone(opened: OnServers) -> None:
    opened.collection.add(numbered_articles(6))
    opened.collection.remove([numbered_article(3).article_id])
    assert len(opened.store.held_revision_ids()) == 5
