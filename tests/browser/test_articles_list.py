"""The list of articles in a browser: found, filtered, sorted and paged, and the chart beside it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from index.types import make_article
from qa.ui import text
from qa.ui import text_articles as words
from tests.browser.articles import collection, control, open_view, opened_articles, service, titles
from tests.browser.pages import Pages, to_articles
from tests.qa.ui.fakes import FakeCollection, FakeLoading, FakeService

pytestmark = pytest.mark.browser


def _search(page: Page, query: str) -> None:
    page.get_by_placeholder(text.SEARCH_PLACEHOLDER).fill(query)


def test_the_list_is_searched_and_paged(opened: Pages) -> None:
    page = opened(service())
    opened_articles(page)
    expect(page.locator(".aq-found > p")).to_have_text("46 articles")
    expect(titles(page).first).to_have_text("Story 45")
    expect(page.locator(".aq-paging")).to_contain_text("1–20 of 46")
    expect(page.get_by_role("button", name=words.PREVIOUS)).to_be_disabled()
    page.get_by_role("button", name=words.NEXT).click()
    expect(page.locator(".aq-paging")).to_contain_text("21–40 of 46")
    expect(page.get_by_role("button", name=words.NEXT)).to_be_focused()  # goes on with the keyboard
    page.keyboard.press("Enter")
    expect(page.locator(".aq-paging")).to_contain_text("41–46 of 46")
    expect(page.get_by_role("button", name=words.NEXT)).to_be_disabled()
    _search(page, "story 29")
    expect(titles(page)).to_have_text(["Story 29"])
    expect(page.locator(".aq-browse-chip")).to_have_text("“story 29”×")
    _search(page, "<b>nothing</b>")
    expect(page.locator(".block.aq-listing")).to_contain_text(words.NO_MATCH_TITLE)
    expect(page.locator(".aq-browse-chip")).to_contain_text("<b>nothing</b>")
    page.locator(".block.aq-listing").get_by_role("button", name=words.CLEAR).click()
    expect(page.locator(".aq-found > p")).to_have_text("46 articles")
    expect(page.get_by_placeholder(text.SEARCH_PLACEHOLDER)).to_have_value("")


def test_filters_are_visible_and_removable(opened: Pages) -> None:
    page = opened(service())
    opened_articles(page)
    control(page, words.SOURCE).select_option(label="The Evening Gazette (12)")
    expect(page.locator(".aq-found > p")).to_contain_text("12 articles")
    control(page, words.FROM).fill("2024-04-05")
    control(page, words.UNTIL).fill("2024-04-09")
    expect(titles(page)).to_have_text(["Story 25", "Story 21", "Story 17", "Story 13"])
    expect(page.locator(".aq-browse-chip")).to_have_text(
        ["Source: The Evening Gazette×", "From 5 Apr 2024×", "Until 9 Apr 2024×"]
    )
    page.get_by_role("button", name=words.REMOVE_FILTER.format(filter="From 5 Apr 2024")).click()
    expect(control(page, words.FROM)).to_have_value("")
    expect(titles(page)).to_have_text(
        ["Story 25", "Story 21", "Story 17", "Story 13", "Story 09", "Story 05", "Story 01"]
    )
    page.locator(".aq-found").get_by_role("button", name=words.CLEAR).click()
    expect(page.locator(".aq-browse-chip")).to_have_count(0)
    expect(page.locator(".aq-found > p")).to_have_text("46 articles")
    expect(control(page, words.SOURCE)).to_have_value("")


def test_articles_without_a_source_can_be_asked_for(opened: Pages) -> None:
    page = opened(service())
    opened_articles(page)
    control(page, words.SOURCE).select_option(label=f"{words.NO_SOURCE} (11)")
    expect(page.locator(".aq-found > p")).to_contain_text("11 articles")


def test_days_that_exclude_each_other_are_said(opened: Pages) -> None:
    page = opened(service())
    opened_articles(page)
    control(page, words.FROM).fill("2024-04-09")
    control(page, words.UNTIL).fill("2024-04-05")
    expect(page.locator(".block.aq-listing .aq-error")).to_have_text(words.WRONG_ORDER)
    control(page, words.UNTIL).fill("2024-04-10")
    expect(titles(page).first).to_be_visible()


@pytest.mark.parametrize(
    ("sort", "first"), [("oldest", "Story 01"), ("title", "Harbour tax"), ("added", "Harbour tax")]
)
def test_the_order_is_chosen(opened: Pages, sort: str, first: str) -> None:
    page = opened(service())
    opened_articles(page)
    control(page, words.SORT).select_option(value=sort)
    expect(titles(page).first).to_have_text(first)


def test_an_empty_list_teaches_how_to_fill_it(opened: Pages) -> None:
    page = opened(FakeService(FakeCollection()))
    to_articles(page)
    expect(page.locator(".aq-browse-empty")).to_contain_text(words.EMPTY_TITLE)
    page.get_by_role("button", name=words.EMPTY_BUTTON).click()
    expect(page.locator(".aq-add")).to_be_visible()


def test_rows_of_nothing_stand_there_until_the_models_are_loaded(opened: Pages) -> None:
    slow = FakeService(collection(), state=FakeLoading("loading", 1, 10, is_ready=False))
    page = opened(slow)
    to_articles(page)
    expect(page.locator(".block.aq-listing .aq-list-waiting")).to_be_visible()
    slow.state = FakeLoading()
    expect(titles(page).first).to_be_visible()


def test_articles_added_elsewhere_appear_by_themselves(opened: Pages) -> None:
    running = FakeService()
    page = opened(running)
    opened_articles(page)
    expect(titles(page)).to_have_count(2)
    running.store.add([make_article("Some words about tides.", title="Tides", published_at="2025-01-01")])
    expect(titles(page)).to_have_count(3)
    expect(page.locator(".aq-status")).to_contain_text("newest 1 Jan 2025")


def test_the_chart_counts_and_its_legend_filters(opened: Pages) -> None:
    page = opened(service())
    opened_articles(page)
    chart = page.locator(".aq-chart")
    expect(chart.locator("h2")).to_have_text(words.CHART_DAYS)
    expect(chart.get_by_role("img")).to_have_accessible_name(words.CHART_DAYS)
    expect(chart.locator("svg desc")).to_contain_text("42 articles from")
    page.get_by_role("button", name=words.CHART_UNIT_HEAD["month"], exact=True).click()
    expect(chart.locator("h2")).to_have_text(words.CHART_MONTHS)
    expect(page.get_by_role("button", name=words.CHART_UNIT_HEAD["month"], exact=True)).to_be_focused()
    chart.get_by_text(words.CHART_TABLE).click()
    expect(chart.get_by_role("row").nth(1)).to_contain_text("Apr 2024")
    chart.get_by_role("button", name="Science Weekly").click()
    expect(page.locator(".aq-browse-chip")).to_have_text("Source: Science Weekly×")
    expect(control(page, words.SOURCE)).to_have_value("s:Science Weekly")


def test_from_the_ask_tab_one_gets_straight_to_adding(opened: Pages) -> None:
    page = opened(FakeService(FakeCollection()))
    page.locator('[data-action="add-articles"]').first.click()
    expect(page.locator(".aq-add")).to_be_visible()
    open_view(page, words.VIEW_BROWSE)
    expect(page.locator(".aq-browse-empty")).to_be_visible()
