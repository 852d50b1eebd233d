"""How the Ask tab looks: accessible by axe's rules, as wide as the screen in each of its states; pictures are kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from index.errors import ModelError
from qa.kept import Kept
from qa.ui import text
from tests.browser.asking import asking_service
from tests.browser.looks import looks
from tests.browser.pages import PHONE, QUESTION_BOX, WIDE, Pages, ask
from tests.qa.ui.fakes import LICENCE_QUESTION, PRICE_QUESTION, FakeService

pytestmark = pytest.mark.browser

_THUMBS = ".aq-thumbs"


def _empty(page: Page, service: FakeService) -> None:
    expect(page.locator(".aq-example").first).to_be_visible()


def _filters(page: Page, service: FakeService) -> None:
    page.locator(".aq-filters summary").click()
    page.locator("[data-field=published_after]").fill("2022-08-01")
    page.locator("[data-field=source]").select_option("Example News")
    expect(page.locator(".aq-filter-chips li")).to_have_count(2)


def _filtered(page: Page, service: FakeService) -> None:
    page.keyboard.press("Escape")
    expect(page.locator(".aq-filters-panel")).to_be_hidden()


def _failed(page: Page, service: FakeService) -> None:
    service.error = ModelError("the answering model is missing; run `article-qa doctor`")
    ask(page, LICENCE_QUESTION)
    expect(page.locator(".aq-latest .aq-error")).to_be_visible()
    service.error = None


def _answered(page: Page, service: FakeService) -> None:
    page.get_by_role("button", name=text.NEW_CONVERSATION).click()
    expect(page.locator(".aq-exchange")).to_have_count(0)
    ask(page, LICENCE_QUESTION)
    expect(page.locator(_THUMBS)).to_be_visible()


def _quoted(page: Page, service: FakeService) -> None:
    page.locator(".aq-answer .aq-chip").first.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    expect(page.locator(".aq-popover")).to_be_visible()


def _reading(page: Page, service: FakeService) -> None:
    page.keyboard.press("Enter")
    expect(page.locator(".aq-reader mark")).to_be_visible()


def _feedback(page: Page, service: FakeService) -> None:
    page.keyboard.press("Escape")
    expect(page.locator(".aq-reader")).to_be_hidden()
    page.keyboard.press("Escape")
    page.get_by_role("button", name=text.THUMB_DOWN).click()
    expect(page.get_by_label(text.COMMENT_LABEL)).to_be_visible()


def _not_found(page: Page, service: FakeService) -> None:
    ask(page, PRICE_QUESTION)
    expect(page.locator(".aq-latest .aq-not-found")).to_be_visible()
    expect(page.locator(f"{_THUMBS}")).to_be_visible()


def _history(page: Page, service: FakeService) -> None:
    page.get_by_role("button", name=text.HISTORY_OPEN).click()
    expect(page.get_by_role("dialog", name=text.HISTORY_TITLE)).to_be_visible()


def _streaming(page: Page, service: FakeService) -> None:
    page.keyboard.press("Escape")
    service.word_seconds = 2.0
    ask(page, LICENCE_QUESTION)
    expect(page.locator(".aq-draft .aq-skeleton").first).to_be_visible()


STATES: dict[str, Callable[[Page, FakeService], None]] = {
    "empty": _empty,
    "filters": _filters,
    "filtered": _filtered,
    "failed": _failed,
    "answered": _answered,
    "quoted": _quoted,
    "reading": _reading,
    "feedback": _feedback,
    "not-found": _not_found,
    "history": _history,
    "streaming": _streaming,
}


@pytest.mark.parametrize("size", ["wide", "phone"])
def test_axe_finds_nothing_serious_and_nothing_is_wider_than_the_screen(
    opened: Pages, tmp_path: Path, size: str
) -> None:
    service = asking_service()
    room = WIDE if size == "wide" else PHONE
    kept = Kept.at(tmp_path / "conversations.sqlite")
    page = opened(service, kept=kept, **room, reduced_motion="reduce")
    expect(page.locator(".aq-history-slot[data-ready]")).to_be_attached()
    expect(page.locator(QUESTION_BOX)).to_be_visible()
    found = []
    for name, show in STATES.items():
        show(page, service)
        found += looks(page, f"ask-{name}-{size}")
    service.word_seconds = 0.0
    assert found == []
