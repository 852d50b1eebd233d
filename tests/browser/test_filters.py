"""Filters, date windows and "the articles do not say" in a real browser: visible, removable, and really asked with."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from playwright.sync_api import Page, expect

from index.types import Filters
from qa.date_windows import DateWindow
from qa.types import Done, EvidenceFound, Note
from qa.ui import text
from tests.browser.asking import COMMISSION, asking_service
from tests.browser.pages import QUESTION_BOX, SHORT_ANSWER, Pages, ask
from tests.qa.ui.fakes import (
    LICENCE,
    LICENCE_QUESTION,
    PRICE_QUESTION,
    FakeCollection,
    FakeService,
    licence_answer,
    retrieved,
)

pytestmark = pytest.mark.browser

CHIPS = ".aq-filter-chips li"


def choose(page: Page, *, source: str | None = None, **days: str) -> None:
    page.locator(".aq-filters summary").click()
    for field, day in days.items():
        page.locator(f"[data-field={field}]").fill(day)
    if source is not None:
        page.locator("[data-field=source]").select_option(source)
    expect(page.locator(CHIPS)).to_have_count(len(days) + (source is not None))
    page.keyboard.press("Escape")
    expect(page.locator(".aq-filters-panel")).to_be_hidden()


def test_filters_hold_for_every_question_until_they_are_removed_one_by_one(opened: Pages) -> None:
    service = asking_service()
    page = opened(service)
    choose(page, source="Example News", published_after="2022-08-01", published_before="2022-08-31", as_of="2022-09-01")
    expect(page.locator(CHIPS)).to_contain_text(
        ["From 1 Aug 2022", "Until 31 Aug 2022", "Only Example News", "As of 1 Sep 2022"]
    )
    for question in (LICENCE_QUESTION, PRICE_QUESTION):
        ask(page, question)
        expect(page.locator(".aq-latest .aq-question")).to_contain_text(question)
        expect(page.locator(".aq-latest .aq-exchange")).to_have_attribute("data-phase", "done")
        assert service.asked[-1]["filters"] == Filters("2022-08-01", "2022-08-31", "Example News")
        assert service.asked[-1]["as_of"] == "2022-09-01"
    expect(page.locator(".aq-latest .aq-asked-with")).to_contain_text("Only Example News")
    page.get_by_role("button", name=text.FILTER_REMOVE.format(filter="Only Example News")).click()
    expect(page.locator(CHIPS)).to_have_count(3)
    page.get_by_role("button", name=text.FILTER_REMOVE.format(filter="From 1 Aug 2022")).click()
    expect(page.locator(CHIPS)).to_have_count(2)
    ask(page, LICENCE_QUESTION)
    expect(page.locator(".aq-exchange[data-phase=done]")).to_have_count(3)
    assert service.asked[-1]["filters"] == Filters(None, "2022-08-31", None)


def test_filters_are_set_by_keyboard(opened: Pages) -> None:
    page = opened(asking_service())
    summary = page.locator(".aq-filters summary")
    page.locator(QUESTION_BOX).focus()
    for _ in range(3):
        page.keyboard.press("Tab")
        if summary.evaluate("e => e === document.activeElement"):
            break
    expect(summary).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".aq-filters-panel")).to_be_visible()
    expect(page.locator("[data-field=source] option")).to_have_count(4)
    page.locator("[data-field=source]").focus()
    page.keyboard.type("Fin")
    expect(page.locator(CHIPS)).to_have_text([f"Only Finance Daily{text.REMOVE_SIGN}"])
    page.keyboard.press("Escape")
    expect(page.locator(".aq-filters-panel")).to_be_hidden()
    expect(summary).to_be_focused()


def test_sources_that_come_just_as_the_filters_are_opened_or_closed_leave_them_so(opened: Pages) -> None:
    """What redraws the form asks at once whether it is open; the event "toggle" would come too late to tell it."""
    page = opened(asking_service())
    summary = page.locator(".aq-filters summary")
    expect(page.locator("[data-field=source] option")).to_have_count(4)
    at_once = "(summary) => { summary.click(); return [window.aqPage.filtersOpen, summary.parentElement.open]; }"
    assert summary.evaluate(at_once) == [True, True]
    assert summary.evaluate(at_once) == [False, False]
    summary.click()
    elsewhere = (
        "document.body.dispatchEvent(new PointerEvent('pointerdown', {bubbles: true})), window.aqPage.filtersOpen"
    )
    assert page.evaluate(elsewhere) is False


def test_days_in_the_wrong_order_are_said(opened: Pages) -> None:
    page = opened(asking_service())
    choose(page, published_after="2022-09-01", published_before="2022-08-01")
    expect(page.locator(".aq-filter-problem")).to_have_text(text.FILTERS_IMPOSSIBLE)


def test_quotes_only_writes_nothing(opened: Pages) -> None:
    service = asking_service()
    page = opened(service)
    page.locator(".aq-filters summary").click()
    page.get_by_role("switch").check()
    expect(page.locator(CHIPS)).to_have_count(1)
    page.keyboard.press("Escape")
    ask(page, LICENCE_QUESTION)
    expect(page.locator(".aq-latest .aq-exchange")).to_have_attribute("data-phase", "done")
    assert service.asked[-1]["mode"] == "fast"


def test_what_the_articles_do_not_say_is_a_page_of_its_own(opened: Pages) -> None:
    service = asking_service()
    page = opened(service)
    choose(page, source="Finance Daily")
    ask(page, PRICE_QUESTION)
    found = page.locator(".aq-not-found")
    expect(found).to_contain_text(text.NOT_IN_ARTICLES_TITLE)
    expect(found.locator("dl")).to_contain_text(f"“{PRICE_QUESTION}”")
    expect(found.locator("dl")).to_contain_text("Only Finance Daily")
    expect(found.locator(".aq-close")).to_have_count(3)
    close = found.locator(".aq-close", has_text="Subsidies for electric cars")
    expect(close).to_contain_text("Finance Daily · 19 Aug 2022")
    close.click()
    expect(page.locator(".aq-reader h2")).to_contain_text("Subsidies for electric cars")
    expect(page.locator(".aq-reader mark")).to_have_count(1)
    expect(page.locator(SHORT_ANSWER)).to_have_count(0)
    page.get_by_role("button", name=text.WITHOUT_FILTERS).click()
    expect(page.locator(CHIPS)).to_have_count(0)
    expect(page.locator(".aq-latest .aq-not-found dl")).to_contain_text(text.LOOKED_EVERYWHERE)
    expect(page.locator(".aq-exchange")).to_have_count(1)
    assert "filters" not in service.asked[-1]
    expect(page.locator("[data-field=source]")).to_have_value("")
    page.locator(".aq-not-found").get_by_role("button", name=text.NO_ARTICLES_BUTTON).click()
    expect(page.locator(".aq-add")).to_be_visible()


def test_a_date_window_is_shown_and_removed_by_asking_again(opened: Pages) -> None:
    window = DateWindow("this week", 0, 9, date(2022, 8, 22), date(2022, 8, 28), strict=True)
    passages = (retrieved(LICENCE),)
    notes = (Note("age", "From an article of 26 August 2022, 8 months before."),)
    dated = replace(licence_answer(passages[0], passages), date_window=window, notes=notes)
    service = FakeService(script={LICENCE_QUESTION: [EvidenceFound(LICENCE_QUESTION, passages), Done(dated)]})
    page = opened(service)
    ask(page, LICENCE_QUESTION)
    expect(page.locator(".aq-window")).to_contain_text("this week: 22 to 28 August 2022")
    expect(page.locator(".aq-notes")).to_have_text(notes[0].text)
    service.script.clear()
    page.get_by_role("button", name=text.WINDOW_REMOVE.format(phrase="this week")).click()
    expect(page.locator(".aq-window")).to_have_count(0)
    expect(page.locator(SHORT_ANSWER)).to_have_text(COMMISSION)
    expect(page.locator(".aq-question")).to_have_count(1)
    assert [asked.get("use_date_window", True) for asked in service.asked] == [True, False]


def test_links_to_originals_open_elsewhere_and_tell_nothing(opened: Pages) -> None:
    page = opened(FakeService())
    ask(page, LICENCE_QUESTION)
    link = page.get_by_role("link", name=text.ORIGINAL).first
    expect(link).to_have_attribute("href", str(LICENCE.url))
    expect(link).to_have_attribute("target", "_blank")
    expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")


def test_without_articles_the_page_leads_to_adding_one(opened: Pages) -> None:
    page = opened(FakeService(FakeCollection()))
    expect(page.locator(".aq-empty")).to_contain_text(text.NO_ARTICLES_TITLE)
    ask(page, LICENCE_QUESTION)
    page.locator(".aq-latest").get_by_role("button", name=text.NO_ARTICLES_BUTTON).click()
    expect(page.locator(".aq-add")).to_be_visible()
