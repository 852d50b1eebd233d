"""Kept conversations, feedback and suggested questions in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from qa.kept import Kept
from qa.types import Done, EvidenceFound
from qa.ui import text
from tests.browser.asking import asking_service
from tests.browser.pages import PHONE, QUESTION_BOX, SHORT_ANSWER, WIDE, Pages, ask, screenshot
from tests.qa.kept_answers import BRIDGE, FERRY, bridge_answer
from tests.qa.ui.fakes import LICENCE, LICENCE_QUESTION, PRICE_QUESTION, FakeCollection, FakeService

pytestmark = pytest.mark.browser

Opened = Callable[..., Page]
READY = ".aq-history-slot[data-ready]"
ITEMS = ".aq-history-item"
THUMBS = ".aq-thumbs"
LATEST = ".aq-latest .aq-question"


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept.at(tmp_path / "conversations.sqlite")


def open_page(opened: Pages, kept: Kept, service: FakeService | None = None, **options: Any) -> Page:
    page = opened(service or asking_service(), kept=kept, **options)
    expect(page.locator(READY)).to_be_attached()
    return page


def answered(page: Page, question: str) -> None:
    ask(page, question)
    expect(page.locator(LATEST)).to_contain_text(question)
    expect(page.locator(THUMBS)).to_be_visible()


def refresh(page: Page) -> None:
    page.reload()
    expect(page.locator(READY)).to_be_attached()


def to_history(page: Page) -> None:
    page.get_by_role("button", name=text.HISTORY_OPEN).click()
    expect(page.get_by_role("dialog", name=text.HISTORY_TITLE)).to_be_visible()


def test_a_conversation_is_there_after_a_refresh_and_can_be_gone_on_with(opened: Pages, kept: Kept) -> None:
    page = open_page(opened, kept)
    answered(page, LICENCE_QUESTION)
    refresh(page)
    expect(page.locator(SHORT_ANSWER)).to_have_text("The National Development and Reform Commission")
    expect(page.locator(".aq-latest button.aq-chip").first).to_be_visible()
    answered(page, PRICE_QUESTION)
    refresh(page)
    expect(page.locator(LATEST)).to_contain_text(PRICE_QUESTION)
    expect(page.locator(".aq-earlier .aq-question")).to_contain_text(LICENCE_QUESTION)
    to_history(page)
    expect(page.locator(ITEMS)).to_have_count(1)
    expect(page.locator(ITEMS)).to_have_attribute("aria-current", "true")


def test_past_conversations_are_opened_and_deleted_by_keyboard(opened: Pages, kept: Kept) -> None:
    page = open_page(opened, kept)
    answered(page, LICENCE_QUESTION)
    page.get_by_role("button", name=text.NEW_CONVERSATION).click()
    expect(page.locator(LATEST)).to_have_count(0)
    answered(page, PRICE_QUESTION)
    page.get_by_role("button", name=text.HISTORY_OPEN).focus()
    page.keyboard.press("Enter")
    expect(page.locator(ITEMS)).to_have_count(2)
    page.keyboard.press("Escape")
    expect(page.locator("dialog.aq-history")).to_be_hidden()
    to_history(page)
    page.locator(ITEMS).last.focus()
    page.keyboard.press("Enter")
    expect(page.locator(LATEST)).to_contain_text(LICENCE_QUESTION)
    to_history(page)
    page.get_by_role("button", name=text.HISTORY_DELETE_LABEL.format(title=PRICE_QUESTION)).press("Enter")
    expect(page.locator("[data-action='delete-conversation']")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(ITEMS)).to_have_count(1)
    page.get_by_role("button", name=text.HISTORY_DELETE_ALL).click()
    page.locator("[data-action='delete-conversation']").click()
    expect(page.locator(ITEMS)).to_have_count(0)
    expect(page.locator("dialog.aq-history")).to_contain_text(text.HISTORY_EMPTY)
    refresh(page)
    expect(page.locator(LATEST)).to_have_count(0)


def test_nothing_is_kept_of_who_does_not_want_it(opened: Pages, kept: Kept) -> None:
    page = open_page(opened, kept)
    to_history(page)
    page.get_by_label(text.HISTORY_KEEP).uncheck()
    expect(page.locator("dialog.aq-history")).to_contain_text(text.HISTORY_OFF)
    page.keyboard.press("Escape")
    answered(page, LICENCE_QUESTION)
    refresh(page)
    expect(page.locator(LATEST)).to_have_count(0)
    to_history(page)
    expect(page.get_by_label(text.HISTORY_KEEP)).not_to_be_checked()
    expect(page.locator(ITEMS)).to_have_count(0)


def test_another_browser_sees_nothing_of_it(opened: Pages, kept: Kept, browser: Browser) -> None:
    page = open_page(opened, kept)
    answered(page, LICENCE_QUESTION)
    conversation = page.locator(READY).get_attribute("data-conversation")
    assert conversation
    other = browser.new_context()
    try:
        stranger = other.new_page()
        stranger.add_init_script(f"sessionStorage.setItem('aq-conversation', '{conversation}')")
        stranger.goto(page.url)
        expect(stranger.locator(READY)).to_be_attached()
        expect(stranger.locator(QUESTION_BOX)).to_be_visible()
        expect(stranger.locator(LATEST)).to_have_count(0)
        stranger.get_by_role("button", name=text.HISTORY_OPEN).click()
        expect(stranger.locator(ITEMS)).to_have_count(0)
    finally:
        other.close()


def test_a_thumb_with_its_reason_is_kept_changed_and_taken_back(opened: Pages, kept: Kept) -> None:
    page = open_page(opened, kept)
    answered(page, LICENCE_QUESTION)
    down = page.get_by_role("button", name=text.THUMB_DOWN)
    down.click()
    expect(down).to_have_attribute("aria-pressed", "true")
    page.get_by_label(text.REASON_WRONG_SOURCE).check(force=True)
    page.get_by_label(text.RIGHT_ANSWER_LABEL).fill("The State Council")
    page.get_by_label(text.COMMENT_LABEL).fill("<b>see</b> page 2")
    screenshot(page, "feedback-form")
    page.get_by_role("button", name=text.FEEDBACK_SEND).click()
    expect(page.locator(".aq-thanks")).to_have_text(text.FEEDBACK_THANKS)
    (item,) = kept.feedback.all()
    said = item.opinion
    assert (said.reason, said.right_answer, said.comment) == ("wrong_source", "The State Council", "<b>see</b> page 2")
    refresh(page)
    expect(page.get_by_role("button", name=text.THUMB_DOWN)).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name=text.THUMB_UP).click()
    expect(page.get_by_role("button", name=text.THUMB_UP)).to_have_attribute("aria-pressed", "true")
    assert [one.opinion.verdict for one in kept.feedback.all()] == ["up"]
    page.get_by_role("button", name=text.THUMB_UP).click()
    expect(page.get_by_role("button", name=text.THUMB_UP)).to_have_attribute("aria-pressed", "false")
    assert kept.feedback.all() == []


def test_a_suggested_question_is_asked_by_itself(opened: Pages, kept: Kept) -> None:
    service = FakeService(FakeCollection([BRIDGE, FERRY]))
    first = bridge_answer("What did the Aurel bridge cost?", citations=())
    service.script["What did the Aurel bridge cost?"] = [EvidenceFound(first.question, first.passages), Done(first)]
    page = open_page(opened, kept, service)
    answered(page, "What did the Aurel bridge cost?")
    suggested = page.locator(".aq-suggestion").first
    question = suggested.inner_text()
    assert question == "When was the Aurel bridge opened?"
    screenshot(page, "suggestions")
    suggested.click()
    expect(page.locator(LATEST)).to_contain_text(question)
    expect(page.locator(THUMBS)).to_be_visible()
    asked = next(one for one in service.asked if one.get("question") == question)
    assert asked["history"] == []


def test_the_answer_of_a_removed_article_is_gone_and_says_so(opened: Pages, kept: Kept) -> None:
    page = open_page(opened, kept)
    answered(page, LICENCE_QUESTION)
    kept.removal.forget({LICENCE.article_id}, {LICENCE.url or ""})
    refresh(page)
    expect(page.locator(".aq-latest .aq-reply")).to_contain_text(text.LOST_REMOVED)
    expect(page.locator(LATEST)).to_contain_text(LICENCE_QUESTION)
    expect(page.locator(THUMBS)).to_have_count(0)


def test_an_answer_that_was_under_way_while_its_article_was_removed_is_not_kept(opened: Pages, kept: Kept) -> None:
    service = asking_service()
    page = open_page(opened, kept, service)
    service.store.removed.add(LICENCE.article_id)
    answered(page, LICENCE_QUESTION)
    refresh(page)
    expect(page.locator(".aq-latest .aq-reply")).to_contain_text(text.LOST_REMOVED)


@pytest.mark.parametrize(("size", "theme"), [(WIDE, "light"), (PHONE, "dark")], ids=["wide-light", "phone-dark"])
def test_history_looks_right(opened: Pages, kept: Kept, size: dict[str, int], theme: str) -> None:
    page = open_page(opened, kept, width=size["width"], height=size["height"], color_scheme=theme)
    answered(page, LICENCE_QUESTION)
    answered(page, PRICE_QUESTION)
    to_history(page)
    box = page.locator("dialog.aq-history").bounding_box()
    assert box is not None and box["width"] <= size["width"] + 0.5  # browsers count in fractions
    assert page.locator(".aq-history-foot").is_visible()
    screenshot(page, f"history-{size['width']}-{theme}")
