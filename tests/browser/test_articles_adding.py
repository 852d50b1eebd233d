"""Adding in a browser: files with a verdict each, texts, web addresses; and readers, who may not."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from index.errors import BuilderBusyError
from index.types import make_article
from qa.ui import text
from qa.ui import text_articles as words
from qa.ui.front_door import AccessSettings
from qa.users import Users
from tests.browser.articles import TAX, open_view, opened_articles, read, service, titles
from tests.browser.pages import Pages
from tests.qa.ui.fakes import FakeCollection, FakeService
from tests.qa.ui.serving import served

pytestmark = pytest.mark.browser

FEED = "https://harbour.example/rss"


def _adding(opened: Pages, running: FakeService) -> Page:
    page = opened(running)
    open_view(page, words.VIEW_ADD)
    return page


def _enter(page: Page, address: str) -> None:
    page.get_by_placeholder(words.ADDRESS_PLACEHOLDER).fill(address)
    page.get_by_role("button", name=words.ADDRESS_BUTTON).click()


def test_files_are_added_with_a_verdict_each(opened: Pages, tmp_path: Path) -> None:
    new, empty, known = (tmp_path / name for name in ("tides.md", "empty.txt", "licence.jsonl"))
    new.write_text("# Tides at the new harbour\n\nThe harbour's tides reach five metres in spring.")
    empty.write_text("")
    known.write_text('{"text": "x y z"}\n{"text": ""}\nnot json\n')
    page = _adding(opened, FakeService())
    page.locator(".aq-add input[type=file]").set_input_files([new, empty, known])
    verdicts = page.locator(".aq-verdicts li")
    expect(verdicts).to_have_count(3)
    expect(verdicts.nth(0)).to_contain_text("tides.md")
    expect(verdicts.nth(0)).to_contain_text("added")
    expect(verdicts.nth(1)).to_contain_text("rejected")
    expect(verdicts.nth(2)).to_contain_text("2 rejected")
    expect(page.locator(".block.aq-report")).to_contain_text(text.INDEXED)
    expect(page.locator(".block.aq-listing")).to_contain_text("Tides at the new harbour")
    expect(page.locator(".aq-status")).to_contain_text("4 articles")


def test_files_are_dropped_and_each_says_how_far_it_is(opened: Pages) -> None:
    running = FakeService(FakeCollection(build_seconds=3.0))
    page = _adding(opened, running)
    page.evaluate(
        """() => {
            const files = new DataTransfer();
            for (const name of ["one.txt", "two.txt"])
                files.items.add(new File([`${name}\\n\\nSome words about the harbour of ${name}.`], name));
            const target = document.querySelector(".aq-drop button") || document.querySelector(".aq-drop");
            target.dispatchEvent(new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true }));
        }"""
    )
    expect(page.locator(".aq-verdicts li")).to_have_count(2)
    expect(page.locator(".aq-verdicts li").nth(1)).to_contain_text("added")
    expect(page.locator(".block.aq-report [role=progressbar]")).to_be_visible()
    expect(page.locator(".block.aq-report")).to_contain_text(text.INDEXED)


def test_a_pasted_text_becomes_an_article(opened: Pages) -> None:
    page = _adding(opened, FakeService(FakeCollection()))
    page.get_by_placeholder(text.PASTE_TEXT_PLACEHOLDER).fill("A text of some words about tides.")
    page.get_by_placeholder(text.PASTE_TITLE_LABEL).fill("Tides")
    page.get_by_role("button", name=text.PASTE_BUTTON).click()
    expect(page.locator(".aq-verdicts")).to_contain_text("added")
    expect(page.get_by_placeholder(text.PASTE_TEXT_PLACEHOLDER)).to_have_value("")
    open_view(page, words.VIEW_BROWSE)
    expect(titles(page)).to_have_text("Tides")


def test_an_empty_text_is_refused_with_its_reason(opened: Pages) -> None:
    page = _adding(opened, FakeService())
    page.get_by_role("button", name=text.PASTE_BUTTON).click()
    expect(page.locator(".aq-verdicts")).to_contain_text("rejected")
    expect(page.locator(".aq-reason")).to_contain_text("text")


def test_stored_but_not_searchable_yet_is_said(opened: Pages) -> None:
    running = FakeService()
    running.store.busy = BuilderBusyError("another builder works")
    page = _adding(opened, running)
    page.get_by_placeholder(text.PASTE_TEXT_PLACEHOLDER).fill("A text of some words about tides.")
    page.get_by_role("button", name=text.PASTE_BUTTON).click()
    expect(page.locator(".block.aq-report .aq-error")).to_contain_text("another builder works")


def test_a_page_is_read_from_the_web(opened: Pages) -> None:
    running = FakeService(FakeCollection())
    running.addresses.prepared["https://harbour.example/story"] = [make_article("Some words.", title="Web story")]
    page = _adding(opened, running)
    _enter(page, "harbour.example/story")
    expect(page.locator(".aq-verdicts")).to_contain_text("added")
    expect(page.get_by_placeholder(words.ADDRESS_PLACEHOLDER)).to_have_value("")
    assert running.addresses.taken == ["https://harbour.example/story"]
    assert running.addresses.kept == {}


def test_a_feed_is_read_again_and_again_until_it_is_stopped(opened: Pages) -> None:
    running = FakeService(FakeCollection())
    running.addresses.page_seconds = 0.3
    running.addresses.prepared[FEED] = [make_article(f"Words {n}.", title=f"Entry {n}") for n in range(3)]
    page = _adding(opened, running)
    page.get_by_label(words.AGAIN_LABEL).select_option(label=words.AGAIN[60])
    _enter(page, FEED)
    expect(page.locator(".aq-verdicts [role=progressbar]")).to_be_visible()
    expect(page.locator(".aq-verdicts")).to_contain_text("3 added")
    expect(page.locator(".aq-verdicts")).to_contain_text(words.AGAIN[60])
    assert running.addresses.kept == {FEED: 60}
    open_view(page, words.VIEW_ARRIVALS)
    expect(page.locator(".aq-watched")).to_contain_text(FEED)
    page.get_by_role("button", name=words.SOURCE_STOP_LABEL.format(address=FEED)).click()
    expect(page.locator(".block.aq-sources-watched")).to_contain_text(words.SOURCE_STOPPED.format(address=FEED))
    assert running.addresses.kept == {}


def test_a_private_address_is_refused_with_its_reason(opened: Pages) -> None:
    running = FakeService()
    page = _adding(opened, running)
    page.get_by_label(words.AGAIN_LABEL).select_option(label=words.AGAIN[60])
    _enter(page, "http://127.0.0.1/")
    expect(page.locator(".aq-verdicts")).to_contain_text("rejected")
    expect(page.locator(".aq-reason")).to_contain_text("loopback")
    assert running.addresses.kept == {}  # what was refused is not tried again
    _enter(page, "ftp://harbour.example")
    expect(page.locator(".block.aq-report .aq-error")).to_contain_text("no web address")


def test_readers_see_why_they_cannot_change_anything(browser: Browser, tmp_path: Path) -> None:
    users = Users(tmp_path / "users.json")
    secret = users.add("rita", "reader")
    with served(service(), access=AccessSettings(users_file=tmp_path / "users.json")) as url:
        credentials = {"username": "rita", "password": secret}
        context = browser.new_context(http_credentials=credentials)  # type: ignore[arg-type]  # a TypedDict
        page = context.new_page()
        page.goto(url)
        opened_articles(page)
        read(page, TAX.title)
        expect(page.get_by_role("button", name=words.REMOVE, exact=True)).to_have_count(0)
        open_view(page, words.VIEW_ADD)
        expect(page.locator(".aq-add")).to_contain_text(words.ONLY_EDITORS_TITLE)
        expect(page.get_by_role("button", name=text.PASTE_BUTTON)).to_have_count(0)
        open_view(page, words.VIEW_INDEX)
        expect(page.locator(".block.aq-index")).to_be_visible()
        expect(page.get_by_role("button", name=text.REBUILD)).to_have_count(0)
        context.close()
