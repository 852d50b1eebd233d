"""How the Articles tab looks: accessible by axe's rules, as wide as the screen, still; pictures of it are kept."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from qa.ui import text
from qa.ui import text_articles as words
from tests.browser.articles import TAX, control, open_view, opened_articles, read, remove, service
from tests.browser.looks import looks
from tests.browser.pages import PHONE, WIDE, Pages, screenshot
from tests.qa.ui.fakes import FakeCollection, FakeService

pytestmark = pytest.mark.browser

_OBSERVE = (
    "window.shift = 0; new PerformanceObserver(list => list.getEntries().forEach(e => {"
    " if (!e.hadRecentInput) window.shift += e.value; })).observe({type: 'layout-shift', buffered: true})"
)


def _list(page: Page) -> None:
    opened_articles(page)
    expect(page.locator(".aq-chart")).to_be_visible()


def _filtered(page: Page) -> None:
    opened_articles(page)
    control(page, words.SOURCE).select_option(index=1)
    control(page, words.FROM).fill("2024-04-05")
    expect(page.locator(".aq-browse-chip")).to_have_count(2)


def _article(page: Page) -> None:
    opened_articles(page)
    read(page, TAX.title)


def _changes(page: Page) -> None:
    _article(page)
    page.locator(".aq-revisions summary").click()
    page.get_by_role("button", name=words.DIFF_SHOW).first.click()
    expect(page.locator(".aq-diff")).to_be_visible()


def _confirming(page: Page) -> None:
    _article(page)
    page.get_by_role("button", name=words.REMOVE, exact=True).click()
    expect(page.locator(".aq-confirm")).to_be_visible()


def _removed(page: Page) -> None:
    _article(page)
    remove(page)


def _adding(page: Page) -> None:
    open_view(page, words.VIEW_ADD)
    page.get_by_placeholder(words.ADDRESS_PLACEHOLDER).fill("http://127.0.0.1/")
    page.get_by_role("button", name=words.ADDRESS_BUTTON).click()
    expect(page.locator(".aq-verdicts")).to_contain_text("rejected")


def _arrivals(page: Page) -> None:
    open_view(page, words.VIEW_ARRIVALS)
    expect(page.locator(".aq-log")).to_be_visible()


def _index(page: Page) -> None:
    open_view(page, words.VIEW_INDEX)
    page.get_by_role("button", name=words.GENERATIONS_SHOW).click()
    page.get_by_role("button", name=words.GENERATION_BACK).first.click()
    expect(page.locator(".aq-confirm")).to_be_visible()


STATES: dict[str, Callable[[Page], None]] = {
    "list": _list,
    "filtered": _filtered,
    "article": _article,
    "changes": _changes,
    "confirming": _confirming,
    "removed": _removed,
    "adding": _adding,
    "arrivals": _arrivals,
    "index": _index,
}


def _running() -> FakeService:
    running = service()
    running.store.update()
    running.sources = [
        {
            "address": "https://down.example/rss",
            "last_checked": "2024-05-01T10:00:00+00:00",
            "last_error": "the server answered 503",
            "next_due": "2024-05-01T11:00:00+00:00",
        }
    ]
    running.addresses.kept["https://harbour.example/rss"] = 60
    return running


@pytest.mark.parametrize("size", ["wide", "phone"])
def test_axe_finds_nothing_serious_and_nothing_is_wider_than_the_screen(opened: Pages, size: str) -> None:
    room = WIDE if size == "wide" else PHONE
    found = []
    for name, show in STATES.items():
        page = opened(_running(), **room, reduced_motion="reduce")
        show(page)
        found += looks(page, f"articles-{name}-{size}")
        page.close()
    assert found == []


@pytest.mark.parametrize("size", ["wide", "phone"])
def test_an_empty_collection_is_pictured_too(opened: Pages, size: str) -> None:
    page = opened(FakeService(FakeCollection()), **(WIDE if size == "wide" else PHONE))
    opened_articles(page)
    expect(page.locator(".aq-browse-empty")).to_be_visible()
    screenshot(page, f"articles-empty-{size}-light")


def test_the_tab_keeps_still_while_it_is_used(opened: Pages) -> None:
    page = opened(service())
    opened_articles(page)
    page.wait_for_timeout(2_500)  # the status line has looked once more
    page.evaluate(_OBSERVE)
    page.get_by_placeholder(text.SEARCH_PLACEHOLDER).fill("story")
    expect(page.locator(".aq-browse-chip")).to_have_count(1)
    page.locator(".aq-row").first.click()
    expect(page.locator(".aq-reader")).to_be_visible()
    remove(page)
    page.wait_for_timeout(3_000)  # the notice of changed articles comes by itself
    assert page.evaluate("window.shift") < 0.1
