"""The page in a real browser with the real models: a question, a streamed and cited answer, its highlight."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.end_to_end.conftest import RunningServer

_CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
_FLAGS = """
    --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync
    """.split()
_SECONDS = 1000.0


@pytest.fixture
def page(server: RunningServer) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=_FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(server.url)
        yield page
        browser.close()


@pytest.mark.model
@pytest.mark.browser
@pytest.mark.timeout(900)
def test_a_question_on_the_page_gets_a_streamed_cited_answer_with_its_highlight(page: Page) -> None:
    page.get_by_placeholder("Ask in a full sentence").fill("Whom did NIO work with?")
    page.keyboard.press("Enter")
    # Streamed: a draft is there before the answer is done.
    expect(page.locator(".aq-draft")).to_be_visible(timeout=300 * _SECONDS)
    expect(page.locator('.aq-exchange[data-phase="done"]')).to_be_visible(timeout=300 * _SECONDS)
    expect(page.locator(".aq-reply")).to_contain_text("JAC")
    chip = page.locator(".aq-reply .aq-chip").first
    expect(chip).to_have_text("1")
    mark = page.locator(".aq-sources mark").first
    expect(mark).to_contain_text("NIO turned to JAC")
    chip.click()
    expect(page.locator(".aq-sources").first).to_contain_text("Xiaomi weighs a factory deal")
