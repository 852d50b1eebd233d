"""Where else a story is told, as the page shows it: named, linked, and never as HTML of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from index.library import Revision
from index.types import ClusterMember
from qa.ui import text
from qa.ui.also_in_html import also_in_html
from qa.ui.articles_html import article_html
from qa.ui.conversation import Exchange, Phase
from qa.ui.sources_html import sources_html
from tests.qa.ui.fakes import LICENCE, LICENCE_QUESTION, licence_answer, retrieved


def _member(number: int, source: str | None, url: str | None = None) -> ClusterMember:
    url = url or f"https://outlet{number}.example/a"
    return ClusterMember(number, f"article-{number}", f"Title {number}", url, source, "2024-03-05")


def test_nowhere_else_is_not_mentioned() -> None:
    assert also_in_html([], "Example News") == ""


def test_outlets_are_counted_and_named_with_links() -> None:
    html = also_in_html([_member(1, "The Wire"), _member(2, "Evening Post"), _member(3, "The Wire")], "Example News")
    assert "Also in 2 outlets: " in html
    assert html.count("<a ") == 2
    assert 'href="https://outlet1.example/a"' in html
    assert "The Wire" in html
    assert "Evening Post" in html
    assert "outlet3" not in html


def test_one_outlet_is_one() -> None:
    assert "Also in 1 outlet: " in also_in_html([_member(1, "The Wire")], None)


def test_another_article_of_the_same_outlet_is_no_other_outlet() -> None:
    html = also_in_html([_member(1, "Example News")], "Example News")
    assert text.ALSO_BY_ITSELF in html
    assert "outlet1" not in html
    assert "Also in 1 outlet: " in also_in_html([_member(1, "Example News"), _member(2, "Post")], "Example News")


def test_an_outlet_without_a_name_is_called_by_its_address() -> None:
    assert "outlet1.example" in also_in_html([_member(1, None)], None)
    assert text.UNKNOWN_SOURCE in also_in_html([_member(1, None, "javascript:alert(1)")], None)


def test_many_outlets_are_cut_short() -> None:
    html = also_in_html([_member(number, f"Outlet {number}") for number in range(1, 9)], None)
    assert "Also in 8 outlets" in html
    assert html.count("<a ") == 5
    assert "3 more" in html


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "<b>x</b>"])
def test_names_titles_and_addresses_are_text(hostile: str) -> None:
    members = [
        ClusterMember(1, "a", hostile, "https://news.example/a", hostile, hostile),
        ClusterMember(2, "b", hostile, hostile, hostile + "2", None),
    ]
    html = also_in_html(members, hostile + "3")
    assert hostile not in html
    for tag in ("<script", "<img", "<b>"):
        assert tag not in html


def test_source_cards_say_it() -> None:
    passage = replace(retrieved(LICENCE, 1), also_in=(_member(1, "The Wire"),))
    done = Exchange(LICENCE_QUESTION, Phase.DONE, passages=(passage,), answer=licence_answer(passage, (passage,)))
    assert "Also in 1 outlet: " in sources_html((done,))
    found = Exchange(LICENCE_QUESTION, Phase.WRITING, passages=(passage, retrieved(LICENCE, 2)))
    assert sources_html((found,)).count("aq-also-in") == 1


def test_the_article_itself_says_it() -> None:
    revision = Revision(1, LICENCE, "2024-03-05T10:00:00+00:00")
    assert "aq-also-in" not in article_html(revision, actions="")
    html = article_html(revision, actions="", also_in=[_member(1, "The Wire")])
    assert html.index("Also in 1 outlet") < html.index('class="aq-text"')
