"""Reading an article in a browser: its revisions, what changed, removing it, and undoing that without any loss."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from index.errors import BuilderBusyError
from qa.ui import reader_panel, removals
from qa.ui import text_articles as words
from tests.browser.articles import TAX, TAX_TEXTS, opened_articles, read, remove, service, titles
from tests.browser.pages import Pages
from tests.qa.ui.fakes import FakeService

pytestmark = pytest.mark.browser


def _opened(opened: Pages) -> tuple[Page, FakeService]:
    running = service()
    page = opened(running)
    opened_articles(page)
    read(page, TAX.title)
    return page, running


def test_an_older_revision_is_read_and_left_again(opened: Pages) -> None:
    page, _ = _opened(opened)
    reader = page.locator(".aq-reader")
    expect(reader).to_contain_text("14 million euros")
    reader.locator("summary").click()
    expect(reader.locator(".aq-revisions li")).to_have_count(3)
    expect(reader.locator(".aq-revisions li").nth(2)).to_contain_text("2 May 2024, 09:30")
    reader.locator(".aq-revisions li").nth(2).get_by_role("button", name=words.REVISION_OPEN).click()
    expect(reader.locator(".aq-text")).to_contain_text("Parliament debates")
    expect(reader.locator(".aq-old")).to_contain_text("older revision")
    reader.get_by_role("button", name=words.REVISION_BACK).click()
    expect(reader.locator(".aq-text")).to_contain_text("14 million euros")
    expect(reader.locator(".aq-old")).to_have_count(0)


def test_what_changed_is_marked_word_by_word(opened: Pages) -> None:
    page, _ = _opened(opened)
    reader = page.locator(".aq-reader")
    reader.locator("summary").click()
    reader.locator(".aq-revisions li").first.get_by_role("button", name=words.DIFF_SHOW).click()
    expect(reader.locator(".aq-diff ins").last).to_contain_text("14")
    expect(reader.locator(".aq-diff del").last).to_contain_text("12")
    expect(reader.locator(".aq-diff-same")).to_have_text(words.DIFF_SKIPPED_ONE)
    reader.locator(".aq-revisions li").first.get_by_role("button", name=words.REVISION_OPEN).click()
    expect(reader.locator(".aq-text")).to_contain_text("14 million euros")


def test_the_keyboard_goes_into_an_article_and_back_to_its_row(opened: Pages) -> None:
    page, _ = _opened(opened)
    page.get_by_role("button", name=words.CLOSE).click()
    expect(page.locator(".aq-reader")).to_have_count(0)
    titles(page).first.locator("..").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".aq-reader h2")).to_be_focused()
    page.get_by_role("button", name=words.CLOSE).focus()
    page.keyboard.press("Enter")
    expect(page.locator(".aq-reader")).to_have_count(0)
    expect(titles(page).first.locator("..")).to_be_focused()


def test_removing_asks_first(opened: Pages) -> None:
    page, running = _opened(opened)
    page.get_by_role("button", name=words.REMOVE, exact=True).click()
    keep = page.get_by_role("button", name=words.REMOVE_NO)
    expect(keep).to_be_focused()  # what does no harm
    keep.click()
    expect(page.locator(".aq-confirm")).to_have_count(0)
    assert running.store.articles()[1] == 46


def test_a_removal_is_undone_without_any_loss(opened: Pages) -> None:
    page, running = _opened(opened)
    store = running.store
    before = [(revision.article, revision.accepted_at) for revision in store.history(TAX.article_id)]
    remove(page)
    expect(page.locator(".aq-undo")).to_contain_text(words.REMOVED.format(title=TAX.title))
    expect(page.locator(".aq-found > p")).to_contain_text(words.FOUND_NONE)
    assert store.history(TAX.article_id) == []
    expect(page.locator(".aq-undo button")).to_be_focused()
    page.get_by_role("button", name=words.UNDO_WITH.format(count=3)).click()
    expect(page.locator(".block.aq-reading .aq-good")).to_contain_text(words.UNDONE.format(title=TAX.title))
    expect(titles(page)).to_have_text([TAX.title])
    assert [(revision.article, revision.accepted_at) for revision in store.history(TAX.article_id)] == before
    assert [article.text for article, _ in before] == list(TAX_TEXTS)[::-1]
    page.locator(".block.aq-reading").get_by_role("button", name=words.REVISION_OPEN).click()
    expect(page.locator(".aq-reader h2")).to_have_text(TAX.title)


def test_the_offer_to_undo_ends_by_itself(opened: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_panel, "UNDO_SECONDS", 1)
    page, running = _opened(opened)
    remove(page)
    expect(page.locator(".aq-undo")).to_contain_text(words.UNDO_OVER)
    expect(page.locator(".aq-undo button")).to_have_count(0)
    assert running.store.articles()[1] == 45


def test_too_late_is_said(opened: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removals.Removals, "held", lambda self, token: None)
    page, _ = _opened(opened)
    remove(page)
    page.locator(".aq-undo button").click()
    expect(page.locator(".block.aq-reading")).to_contain_text(words.UNDO_LATE)


def test_a_removal_is_undone_though_the_index_was_busy(opened: Pages) -> None:
    page, running = _opened(opened)
    running.store.busy = BuilderBusyError("another builder works")
    remove(page)
    expect(page.locator(".aq-undo")).to_contain_text("not yet from the index: another builder works")
    running.store.busy = None
    page.locator(".aq-undo button").click()
    expect(page.locator(".block.aq-reading .aq-good")).to_contain_text(words.UNDONE_TEXT)


def test_an_undo_that_fails_can_be_tried_again(opened: Pages) -> None:
    page, running = _opened(opened)
    remove(page)
    running.store.accept([TAX])
    page.locator(".aq-undo button").click()
    expect(page.locator(".aq-undo")).to_contain_text("added again meanwhile")
    running.store.remove([TAX.article_id])
    page.locator(".aq-undo button").click()
    expect(page.locator(".block.aq-reading .aq-good")).to_contain_text(words.UNDONE_TEXT)
    assert len(running.store.history(TAX.article_id)) == 3
