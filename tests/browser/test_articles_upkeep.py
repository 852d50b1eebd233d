"""Arrivals, sources, rebuilding and going back, in a browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from index.generation_list import GenerationInfo
from qa.ui import text
from qa.ui import text_articles as words
from tests.browser.articles import TAX, open_view, service
from tests.browser.pages import Pages
from tests.qa.ui.fakes import LICENCE, FakeCollection, FakeService

pytestmark = pytest.mark.browser


def test_what_arrived_is_listed_and_opens(opened: Pages) -> None:
    page = opened(service())
    open_view(page, words.VIEW_ARRIVALS)
    expect(page.locator(".aq-log h3").first).to_have_text("2 May 2024")
    expect(page.locator(".aq-days li").first).to_contain_text("11:30")
    expect(page.locator(".aq-days li").first).to_contain_text("1 revised")
    expect(page.locator(".aq-days li").nth(2)).to_contain_text("1 added")
    page.locator(".block.aq-arrived .aq-row").first.click()
    expect(page.locator(".aq-reader h2")).to_have_text(TAX.title)
    expect(page.locator(".aq-reader")).to_be_visible()


def test_sources_say_when_they_were_read_and_what_fails(opened: Pages) -> None:
    running = service()
    running.sources = [
        {"address": "https://down.example/rss", "last_checked": "2024-05-01T10:00:00+00:00", "last_error": "<b>503</b>"}
    ]
    page = opened(running)
    open_view(page, words.VIEW_ARRIVALS)
    expect(page.locator(".aq-watched")).to_contain_text("read 1 May 2024, 10:00")
    expect(page.locator(".aq-failing")).to_have_text("Failing: <b>503</b>")
    expect(page.locator(".aq-watched button")).to_have_count(0)  # of the configuration, not the page's to stop


def test_an_empty_log_teaches_what_will_be_in_it(opened: Pages) -> None:
    page = opened(FakeService(FakeCollection()))
    open_view(page, words.VIEW_ARRIVALS)
    expect(page.locator(".block.aq-arrived")).to_contain_text(words.ARRIVALS_EMPTY)
    expect(page.locator(".block.aq-sources-watched")).to_contain_text(words.SOURCES_EMPTY)


def test_rebuilding_shows_its_progress(opened: Pages) -> None:
    page = opened(FakeService(FakeCollection([LICENCE], build_seconds=2.0)))
    open_view(page, words.VIEW_INDEX)
    expect(page.locator(".block.aq-index")).to_contain_text("gen-000001")
    page.get_by_role("button", name=text.REBUILD).click()
    expect(page.locator(".block.aq-rebuilt [role=progressbar]")).to_be_visible()
    expect(page.locator(".block.aq-rebuilt .aq-good")).to_contain_text("gen-000002")
    expect(page.locator(".block.aq-index")).to_contain_text("gen-000002")


def test_going_back_asks_first(opened: Pages) -> None:
    running = FakeService()
    running.store.update()
    running.store.damaged = [GenerationInfo("gen-000000", False, None, None, None, None, "rows.npy is <damaged>")]
    page = opened(running)
    open_view(page, words.VIEW_INDEX)
    page.get_by_role("button", name=words.GENERATIONS_SHOW).click()
    expect(page.locator(".aq-generations .aq-watched li")).to_have_count(3)
    expect(page.locator(".aq-generations .aq-failing")).to_contain_text("rows.npy is <damaged>")
    back = page.get_by_role("button", name=words.GENERATION_BACK_LABEL.format(name="gen-000001"))
    back.click()
    page.get_by_role("button", name=words.ROLLBACK_NO).click()
    expect(page.locator(".aq-confirm")).to_have_count(0)
    assert running.store.generation == "gen-000002"
    back.click()
    page.locator(".aq-confirm").get_by_role("button", name=words.ROLLBACK_YES).click()
    expect(page.locator(".aq-generations .aq-good")).to_contain_text(words.ROLLED_BACK.format(name="gen-000001"))
    assert running.store.generation == "gen-000001"
    expect(page.locator(".block.aq-index")).to_contain_text("gen-000001")


def test_a_problem_of_the_index_is_said(opened: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    running = FakeService()
    status = running.status() | {"problem": "gen-000002 is damaged: <file>"}
    monkeypatch.setattr(running, "status", lambda: status)
    page = opened(running)
    open_view(page, words.VIEW_INDEX)
    expect(page.locator(".block.aq-index .aq-error")).to_contain_text("gen-000002 is damaged: <file>")
